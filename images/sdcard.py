"""The image of an SD card: what is written to a card, put into a board and started.

| no. | label | what |
|---|---|---|
| 1 | BOOT | firmware, kernel, and what people put there (`bootpart`) |
| 2 | edge-a | a root file system, mounted read-only |
| 3 | edge-b | as large, and empty: the first update makes the other root there |
| 4 | edge-data | what has to be kept; grown to the card's end at the first boot |

The same commit and the same packages of Debian give the same octets. (sfdisk(8), mke2fs(8); reproducible-builds.org.)
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Final

from images import boards, bootpart, initrd, packages, radios
from images.native import native
from images.roots import copy, lay_over
from images.steps import DIST, cached, key, publish, remove, run
from images.version import VERSION, epoch

#: megabytes: before the first partition, and of each
GAP: Final = 4
SIZES: Final = {"boot": 256, "edge-a": 1536, "edge-b": 1536, "edge-data": 128}
#: a card is compressed in blocks, so that it is the same with any number of processors
PACK: Final = ("sh", "-c", 'xz -6 -T0 --block-size=24MiB --stdout "$1" > "$2"', "sh")
_TYPES: Final = {"boot": "c, bootable", "edge-a": "83", "edge-b": "83", "edge-data": "83"}
#: what is kept on edge-data, under the same names
KEPT: Final = (
    *("etc/edge-router", "home", "var/lib/edge-router", "var/lib/systemd", "var/log"),
    *("var/cache/apt", "var/lib/apt/lists"),
)
#: files on edge-data, by which programs that install packages wait for each other; mounted by edge-router-locks
LOCKS: Final = ("var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend")
#: what is on a card and not on other boards
_OVERLAY: Final = Path(__file__).parent / "card"
#: what a card must not bring along, or brings along for nothing
_LEFT_OUT: Final = (
    *("etc/ssh/ssh_host_*", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "etc/apt/sources.list"),
    # apt gives these to its own user, unless that could not enter the cache that they were made in
    *("var/cache/apt/*", "var/lib/apt/lists/*"),
    *("var/log/*", "var/cache/ldconfig", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "etc/*-"),
)
_ENABLED: Final = (
    *("edge-router-firstboot", "edge-router-bootconfig", "edge-router-provisioned", "edge-router-bootfiles"),
    *("edge-router-confirm", "edge-router-locks"),
)
#: what would write to a root that is read-only, or wait for a network that need not be there
_MASKED: Final = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    # netplan starts a wpa_supplicant of its own for a wireless network
    *("e2scrub_reap.service", "systemd-networkd-wait-online.service", "wpa_supplicant.service"),
)


def made(arch: str) -> Path:
    """The image, made now if it is not there. arch: arm64 or armhf. Result: the file; it has holes, and is not to be
    changed. Raises BuildFailed."""
    tree = boards.installed(arch)
    modules = (Path(__file__), Path(bootpart.__file__), Path(boards.__file__), Path(radios.__file__))
    sources = (*modules, bootpart.FILES, _OVERLAY, *initrd.SOURCES)
    what = key(tree.name, bootpart.firmware().name, str(epoch()), _sources(), *sources)
    return cached(f"{what}-{_name(arch)}", lambda place: _make(place, arch, tree))


def card(arch: str) -> Path:
    """An image that may be written to: a copy in build/dist. arch: arm64 or armhf. Raises BuildFailed."""
    image = made(arch)
    return publish(DIST / _name(arch), lambda place: run(["cp", "--sparse=always", "--reflink=auto", image, place]))


def compressed(arch: str) -> Path:
    """The image, compressed; made now if it is not there. arch: arm64 or armhf. Raises BuildFailed."""
    image = made(arch)

    def compress(place: Path) -> None:
        native([*PACK, image.name, place.name], image.parent)

    return cached(f"{image.name}.xz", compress)


def build(arch: str) -> list[Path]:
    """What people download: the image, compressed. arch: arm64 or armhf. Result: files in build/dist.

    Raises BuildFailed.
    """
    image = compressed(arch)
    return [publish(packed(arch, DIST), lambda place: shutil.copyfile(image, place))]


def packed(arch: str, place: Path) -> Path:
    """What the compressed image is called. place: the directory it is in."""
    return place / f"{_name(arch)}.xz"


def _name(arch: str) -> str:
    return f"edge-router_{VERSION}_{arch}.img"


def _make(place: Path, arch: str, installed: Path) -> None:
    work = place.with_name(place.name + ".work")
    remove(work)
    work.mkdir()
    try:
        tree = work / "tree"
        copy(installed, tree)
        prepare(tree)
        radios.add(tree)
        bootpart.fill(work / "boot", arch, tree)
        bootpart.make(work, "boot.img", SIZES["boot"], _identity(arch, "boot").hex[:8])
        for kept in (*KEPT, *LOCKS):
            move(tree / kept, work / "kept" / kept)
        _pack(work / "kept", work / "edge-data.tar")
        _pack(tree, work / "edge-a.tar")
        _ext4(work, arch, "edge-a", "-m", "1")
        _ext4(work, arch, "edge-data", "-m", "0", "-J", "size=16")
        _assemble(place, work, arch)
    finally:
        remove(work)


def prepare(tree: Path) -> None:
    """Make the root file system of a board that of a card, in place. Raises BuildFailed."""
    lay_over(_OVERLAY, tree)
    (tree / "etc/apt/sources.list.d/debian.sources").write_text(_sources())
    for pattern in _LEFT_OUT:
        for each in tree.glob(pattern):
            remove(each)
    for kept in (*KEPT, "data", "boot/firmware"):
        (tree / kept).mkdir(parents=True, exist_ok=True)
    for lock in LOCKS:
        (tree / lock).touch(0o640)
    (tree / "usr/lib/clock-epoch").touch()  # a board without a clock begins with its date; systemd(1)
    os.utime(tree / "usr/lib/clock-epoch", (epoch(), epoch()))
    run(["systemctl", f"--root={tree}", "--quiet", "enable", *_ENABLED])
    run(["systemctl", f"--root={tree}", "--quiet", "mask", *_MASKED])
    status = tree / "var/lib/dpkg/status"
    held = r"(?m)^(Package: linux-(?:image|base|binary|modules)-.*\nStatus: )install "
    status.write_text(re.sub(held, r"\1hold ", status.read_text()))


def _sources() -> str:
    return packages.sources("non-free-firmware")


def move(path: Path, place: Path) -> None:
    """Leave an empty directory or file where it was, to be mounted over."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    if place.is_dir():
        path.mkdir()
    else:
        path.touch()
    owner = place.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(owner.st_mode)


def _pack(tree: Path, place: Path) -> None:
    """Put files into an archive, in order, and none younger than the commit."""
    stamp = [f"--mtime=@{epoch()}", "--clamp-mtime", "--sort=name", "--numeric-owner", "--format=pax"]
    plain = "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"
    run(["tar", *stamp, plain, "--xattrs", "-C", tree, "-cf", place, "."])


def _ext4(work: Path, arch: str, label: str, *options: str) -> None:
    """Make the file system LABEL.img of what is in LABEL.tar."""
    seed = f"root_owner=0:0,hash_seed={_identity(arch, label + ' hash')}"
    identity = ["-L", label, "-U", str(_identity(arch, label)), "-E", seed]
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-i", "16384", *identity, *options]
    native([*words, "-d", f"{label}.tar", f"{label}.img", f"{SIZES[label]}M"], work)


def _assemble(place: Path, work: Path, arch: str) -> None:
    """The table and what is in the partitions, with holes where nothing is."""
    with place.open("wb") as file:
        file.truncate((GAP + sum(SIZES.values())) << 20)
    table = ["label: dos", f"label-id: 0x{_identity(arch, 'card').hex[:8]}", "unit: sectors"]
    start = GAP
    for name, size in SIZES.items():
        table.append(f"start={start << 11}, size={size << 11}, type={_TYPES[name]}")
        if (work / f"{name}.img").exists():
            run(["dd", f"if={work / name}.img", f"of={place}", "bs=1M", f"seek={start}", "conv=notrunc,sparse"])
        start += size
    run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", place], input="\n".join(table))


def _identity(arch: str, what: str) -> uuid.UUID:
    """The same for the same commit."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"edge-router {VERSION} {epoch()} {arch} {what}")
