"""The first partition of a card: what the board's firmware reads, and what people put there with any PC.

The firmware is Debian's, taken out of its package and not installed: that would want to run its hooks whenever a kernel
is installed, for a partition that no update writes to. (raspberrypi.com/documentation/computers/config_txt.html;
mkfs.vfat(8), mtools(1).)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from images import boards
from images.native import native
from images.roots import extract
from images.steps import BuildFailed
from images.version import epoch

#: as it stands in the repository
FILES: Final = Path(__file__).parent / "bootfiles"
#: of the firmware: the usual one and the small one, which is taken with gpu_mem=16; not those for cameras and for bugs
_FIRMWARE: Final = ("bootcode.bin", "start.elf", "start_cd.elf", "start4.elf", "start4cd.elf")
_FIXUPS: Final = ("fixup.dat", "fixup_cd.dat", "fixup4.dat", "fixup4cd.dat")
#: of the device trees of a kernel
_BOARDS: Final = {"arm64": "bcm2[78]*-rpi-*.dtb", "armhf": "bcm283[67]-rpi-*.dtb"}
#: the kernel's names of some that the firmware knows under another
_RENAMED: Final = {"bcm2712-d-rpi-5-b.dtb": "bcm2712d0-rpi-5-b.dtb"}


def firmware() -> Path:
    """Debian's raspi-firmware, unpacked. Result: the directory. Raises BuildFailed."""
    return extract("arm64", ("raspi-firmware",), "non-free-firmware")


def fill(place: Path, arch: str, tree: Path) -> None:
    """Put everything into a directory that goes on the partition. tree: the root file system. Raises BuildFailed."""
    place.mkdir()
    source = firmware() / "usr/lib/raspi-firmware"
    for name in (*_FIRMWARE, *_FIXUPS):
        shutil.copy(source / name, place)
    shutil.copy(firmware() / "usr/share/doc/raspi-firmware/copyright", place / "LICENCE.firmware")
    for dtb in trees(arch, tree):
        shutil.copy(dtb, place / _RENAMED.get(dtb.name, dtb.name))
    shutil.copy(boards.kernel(tree), place / "vmlinuz")
    (place / "initrd.img").write_bytes(boards.initrd(tree))
    for file in (*(FILES / "all").iterdir(), *(FILES / arch).iterdir()):
        shutil.copy(file, place)
    overlays(place)
    for file in (place, *place.rglob("*")):
        os.utime(file, (epoch(), epoch()))


def overlays(place: Path) -> None:
    """Compile what can be switched on in config.txt, into the directory `overlays` beside it. Raises BuildFailed."""
    (place / "overlays").mkdir()
    for source in sorted((FILES / "overlays").glob("*.dts")):
        shutil.copy(source, place)
        native(["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", f"overlays/{source.stem}.dtbo", source.name], place)
        (place / source.name).unlink()


def trees(arch: str, tree: Path) -> Iterator[Path]:
    """The device trees of the boards that an image is for. Raises BuildFailed."""
    places = ("linux-image-*/**", "modules/*/dtb/broadcom")
    found = sorted(file for place in places for file in (tree / "usr/lib").glob(f"{place}/{_BOARDS[arch]}"))
    if not found:
        raise BuildFailed(f"{tree} has no device trees of a Raspberry Pi: is its kernel another one now?")
    yield from found


def make(place: Path, name: str, megabytes: int, serial: str) -> None:
    """Make the file system. place: a directory with the directory `boot` in it, and where the file is put.

    name: of the file. megabytes: its size. serial: its number, eight hexadecimal digits. Raises BuildFailed.
    """
    with (place / name).open("wb") as file:
        file.truncate(megabytes << 20)
    native(["mkfs.vfat", "-F", "32", "-n", "BOOT", "--invariant", "-i", serial, name], place)
    names = sorted(f"boot/{file.name}" for file in (place / "boot").iterdir())
    native(["mcopy", "-i", name, "-m", "-s", *names, "::"], place)
