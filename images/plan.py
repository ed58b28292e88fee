"""What is to be built, in order; and what is said while it is: how far it is, how long it took, how large it became."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from images import boards, deb, imager, oci, sdcard, wheel
from images.steps import CACHE, DIST, BuildFailed, megabytes, missing, need, note, publish, say, seconds, size, took
from images.version import ROOT

#: what builds run, with the Debian package that has it
PROGRAMS: Final = {
    "wheel": (),
    "deb": ("dpkg-deb/dpkg", "mmdebstrap", "arm-linux-gnueabihf-gcc/gcc-arm-linux-gnueabihf"),
    "oci": ("dpkg-deb/dpkg", "mmdebstrap"),
    "image": (
        *("dpkg-deb/dpkg", "mmdebstrap", "sfdisk/fdisk", "depmod/kmod", "systemctl/systemd", "arch-test"),
        *("update-binfmts/binfmt-support", "qemu-arm-static/qemu-user-static"),
    ),
}


@dataclass(frozen=True)
class Item:
    """One thing to be built. name: its kind, and of which architecture. make: builds it; result: its files.

    look: asks for its parts and makes nothing (`steps.missing`). space: megabytes that it takes in the cache.
    """

    name: str
    make: Callable[[], Sequence[Path]]
    look: Callable[[], object]
    space: int = 0

    @property
    def kind(self) -> str:
        """What it is, without an architecture."""
        return self.name.partition(" ")[0]


def wheels(_archs: Iterable[str]) -> list[Item]:
    """Our own Python, for pip: the same for all architectures."""

    def put(file: Path) -> Path:
        return publish(DIST / file.name, lambda place: shutil.copyfile(file, place))

    def make() -> Sequence[Path]:
        return [put(file) for file in wheel.files()]

    return [Item("wheel", make, wheel.build, 20)]


def packages(archs: Iterable[str]) -> list[Item]:
    """A Debian package for each architecture."""

    def item(arch: str) -> Item:
        space = 300 if arch == "armhf" else 50  # the headers that msgspec is compiled with
        return Item(f"deb {arch}", lambda: [deb.build(arch)], lambda: deb.made(arch), space)

    return [item(arch) for arch in archs]


def containers(archs: Iterable[str]) -> list[Item]:
    """One container image for all architectures."""
    every = tuple(archs)

    def make() -> Sequence[Path]:
        return [oci.archive(oci.build(*every))]

    return [Item(f"oci {' '.join(every)}", make, lambda: [oci.layer(arch) for arch in every], 500 + 250 * len(every))]


def cards(archs: Iterable[str]) -> list[Item]:
    """The image of an SD card for each architecture that a Raspberry Pi has."""

    def item(arch: str) -> Item:
        return Item(f"image {arch}", lambda: sdcard.build(arch), lambda: sdcard.compressed(arch), 4000)

    every = [arch for arch in archs if arch in boards.KERNELS]

    def write() -> Sequence[Path]:
        text = imager.manifest({arch: sdcard.packed(arch, DIST) for arch in every})
        return [publish(DIST / imager.NAME, lambda place: place.write_text(text))]

    manifest = Item("manifest", write, lambda: [sdcard.compressed(arch) for arch in every])
    return [*map(item, every), *([manifest] if every else [])]


def show(items: Sequence[Item]) -> None:
    """Say what would be built, and what of it is there."""
    for number, item in enumerate(items, 1):
        part = missing(item.look)
        before = took(f"item {item.name}")
        lasts = f"; took {seconds(before)} before" if before else ""
        print(f"[{number}/{len(items)}] {item.name}: {f'to be made, first its {part}{lasts}' if part else 'is there'}")
    print(f"cache: {CACHE} (room for {megabytes(_room())} more); results: {DIST}")


def build(items: Sequence[Item]) -> dict[str, Sequence[Path]]:
    """Build all of it. Result: the files of each item, by its name. Raises BuildFailed."""
    _prepare(items)
    began = time.monotonic()
    files = {}
    for number, item in enumerate(items, 1):
        place = f"[{number}/{len(items)}] {item.name}"
        before = took(f"item {item.name}")
        new = bool(missing(item.look))
        say(f"{place} ..." + (f" (took {seconds(before)} before)" if new and before else "" if new else " is there"))
        start = time.monotonic()
        files[item.name] = item.make()
        lasted = time.monotonic() - start
        if new:
            note(f"item {item.name}", lasted)
        made = ", ".join(f"{_short(file)} {megabytes(size(file))}" for file in files[item.name])
        say(f"{place}: {made}; {seconds(lasted)}, {seconds(time.monotonic() - began)} in all")
    return files


def _prepare(items: Sequence[Item]) -> None:
    """What would fail in the end, fails at once: programs, rights, room on the disk."""
    wanted = [item for item in items if missing(item.look)]
    need(program for item in wanted for program in PROGRAMS.get(item.kind, ()))
    if os.geteuid() and any(item.kind in ("oci", "image") for item in wanted):
        raise BuildFailed("root file systems are made by root; try `sudo make ...`")
    CACHE.mkdir(parents=True, exist_ok=True)
    free, room = _room(), sum(item.space for item in wanted) * 1_000_000
    if free < room:
        what = ", ".join(item.name for item in wanted)
        raise BuildFailed(
            f"{CACHE} has room for {megabytes(free)}, and {what} may take {megabytes(room)}: make room "
            "(`python -m images clean`), or set EDGE_ROUTER_CACHE=DIRECTORY"
        )


def _room() -> int:
    """Octets that the cache may grow by."""
    return shutil.disk_usage(next(each for each in (CACHE, *CACHE.absolute().parents) if each.exists())).free


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
