"""Boards: a root file system with everything that is on one, of which `sdcard` makes a card.

Packages of another architecture are configured by an emulator, which takes minutes for what is slow there: byte code
and the list of modules. Both are put off (dpkg-divert(1)) and made natively in seconds. (mmdebstrap(1), qemu-user.)
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from images import deb, packages
from images import kernel as newer
from images.bytecode import compile_in
from images.initrd import make as make_initrd
from images.roots import copy, lay_over, settle, unpack, week
from images.steps import BuildFailed, cached, key, need, remove, run

KERNELS: Final = {"arm64": "linux-image-arm64", "armhf": "linux-image-armmp"}
#: what is on a board besides the router and what it needs
SYSTEM: Final = (
    *("systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "busybox-static", "e2fsprogs", "dosfstools"),
    *("systemd-timesyncd", "systemd-resolved", "openssh-server", "avahi-daemon", "sudo", "fdisk", "apt-utils"),
    # what a person put on the boot partition, with the Imager or by hand: user, keys, network
    *("cloud-init", "netplan.io", "wpasupplicant", "iw", "firmware-brcm80211", "wireless-regdb"),
)
#: what a kernel needs to find its root: virtual disks, SD cards with what gives them clock and power, USB sticks; and
#: the watchdog, which ends a board that hangs, of a Pi and of an emulated board
MODULES: Final = (
    *("crc32c_generic", "crc32_generic", "virtio_pci", "virtio_mmio", "virtio_blk", "ext4"),
    *("bcm2835", "bcm2835_dma", "sdhci_iproc", "sdhci_brcmstb", "mmc_block", "clk_raspberrypi"),
    *("fixed", "gpio_regulator", "gpio_brcmstb", "pinctrl_brcmstb_bcm2712"),
    *("usb_storage", "xhci_pci", "reset_raspberrypi", "bcm2835_wdt", "i6300esb"),
)
_SLOW: Final = (
    (f"/usr/lib/python{packages.PYTHON}/py_compile.py", "", 0o644),
    ("/usr/bin/py3compile", "#!/bin/sh\n", 0o755),
    ("/usr/sbin/depmod", "#!/bin/sh\n", 0o755),
)
#: of the packages: nothing to read on a board, but who has it has to have the licences
_WITHOUT: Final = (
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
    "path-include=/usr/share/doc/*/copyright",
)
#: what is on a board and belongs to no package
_OVERLAY: Final = Path(__file__).parent / "board"
_SERVICES: Final = ("systemd-networkd", "systemd-resolved", "systemd-timesyncd")
_BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")


def root(arch: str) -> Path:
    """Debian as it is on a board, without the router. Result: the directory; not to be changed. Raises BuildFailed."""
    depends = [name.split()[0] for name in (*packages.DEPENDS, *packages.RECOMMENDS)]
    python = [] if arch == "armhf" else ["python3-msgspec"]
    include = ",".join(sorted({*SYSTEM, *depends, *python, "python3", KERNELS[arch]}))
    what = key(arch, include, *packages.lines("non-free-firmware"), str(_SLOW), *_WITHOUT, str(week()))
    name = f"{what}-board-{arch}"
    return cached(name, lambda place: _make_root(place, arch, include))


def _make_root(place: Path, arch: str, include: str) -> None:
    stubs = place.with_name(place.name + ".stubs")
    remove(stubs)
    divert, undo = [], []
    for path, text, mode in _SLOW:
        (stubs / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (stubs / path[1:]).write_text(text)
        (stubs / path[1:]).chmod(mode)
        words = f"dpkg-divert --quiet --local --rename --divert {path}.real"
        divert.append(f"{words} --add {path}")
        undo.append(f"rm -f {path}; {words} --remove {path}")
    try:
        _emulate(arch)
        unpack(place, arch, "minbase", include, "non-free-firmware", options=[
            *(f"--dpkgopt={option}" for option in _WITHOUT),
            f"--essential-hook=chroot \"$1\" sh -c '{'; '.join(divert)}' && cp -a {stubs}/. \"$1/\"",
            f"--customize-hook=chroot \"$1\" sh -c '{'; '.join(undo)}'",
        ])  # fmt: skip
    finally:
        remove(stubs)


def installed(arch: str) -> Path:
    """The root file system with the router in it, and byte code. Result: the directory; not to be changed."""
    base = root(arch)
    package = deb.made(arch)

    def make(place: Path) -> None:
        _emulate(arch)
        copy(base, place)
        shutil.copy(package, place / "root" / "edge-router.deb")
        script = (  # byte code is made natively, below
            'mount -t proc proc "$1/proc"; mount --bind "$1/usr/bin/true" "$1/usr/bin/py3compile"; '
            'exec chroot "$1" dpkg --install /root/edge-router.deb'
        )
        run(["unshare", "--mount", "sh", "-e", "-c", script, "sh", place])
        (place / "root" / "edge-router.deb").unlink()
        if arch in newer.PACKAGES:
            newer.install(arch, base, place)
        lay_over(_OVERLAY, place)
        run(["systemctl", f"--root={place}", "--quiet", "enable", *_SERVICES])
        (kernel,) = (path.name for path in (place / "usr/lib/modules").iterdir())
        run(["depmod", "-b", place, kernel])
        compile_in(place)
        settle(place)

    sources = (Path(__file__), Path(newer.__file__), _OVERLAY)
    return cached(f"{key(base.name, package, *sources)}-installed-{arch}", make)


def initrd(tree: Path) -> bytes:
    """What its kernel begins with. Raises BuildFailed."""
    return make_initrd(tree, MODULES)


def kernel(tree: Path) -> Path:
    """Its kernel."""
    return next((tree / "boot").glob("vmlinuz-*"))


def _emulate(arch: str) -> None:
    """See to it that programs of this architecture run here. Raises BuildFailed."""
    need(("mmdebstrap", "arch-test", "depmod/kmod", "update-binfmts/binfmt-support"))
    need(("qemu-arm-static/qemu-user-static",))
    if os.geteuid():
        raise BuildFailed("root file systems are made by root; try `sudo`")
    if not (_BINFMT / "status").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT])
    name = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}[arch]
    if not (_BINFMT / name).exists():
        run(["update-binfmts", "--enable", name])
