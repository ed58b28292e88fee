"""A newer kernel than Debian 13's own, from its backports: the one it has does not know the Raspberry Pi 5.

(Its card reader, and the chip RP1 with its network, USB and pins: sdhci-brcmstb, rp1_pci, macb. backports.debian.org.)
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

from images import packages
from images.roots import week
from images.steps import cached, key, remove, run

SUITE: Final = f"{packages.SUITE}-backports"
#: where it is needed
PACKAGES: Final = {"arm64": "linux-image-arm64"}


def fetch(arch: str, base: Path) -> Path:
    """The packages of the kernel. base: the root file system that they are for. Result: a directory with them.

    Raises BuildFailed.
    """
    name = PACKAGES[arch]

    def make(place: Path) -> None:
        apt = _apt(place, arch, base)
        run(["apt-get", "--quiet", "--quiet", "update"], env=apt)
        options = ["--quiet", "--quiet", "--yes", "--no-install-recommends", "--download-only"]
        run(["apt-get", *options, "--target-release", SUITE, "install", name], env=apt)
        for left in (place / "lists", *place.glob("*.bin")):
            remove(left)

    return cached(f"{key(arch, base.name, name, *packages.lines(), str(week()))}-kernel-{arch}", make)


def _apt(place: Path, arch: str, base: Path) -> dict[str, str]:
    """Directories of its own for apt, which then takes what is installed in the root for what is installed here."""
    for directory in ("lists/partial", "archives/partial", "etc"):
        (place / directory).mkdir(parents=True)
    signed = f"deb [signed-by={packages.KEYRING}] "
    lines = [line.replace("deb ", signed, 1) for line in (*packages.lines(), f"deb {packages.mirror()} {SUITE} main")]
    (place / "sources.list").write_text("\n".join(lines) + "\n")
    meant = "".join(f'{name} "{value}";\n' for name, value in packages.age().items())
    (place / "apt.conf").write_text(
        meant
        + textwrap.dedent(
            f"""\
            APT::Architecture "{arch}";
            APT::Architectures {{ "{arch}"; }};
            APT::Sandbox::User "root";
            Acquire::Languages "none";
            Acquire::Retries "4";
            Dir::State "{place}";
            Dir::State::status "{base}/var/lib/dpkg/status";
            Dir::State::extended_states "{place}/extended_states";
            Dir::Cache "{place}";
            Dir::Etc "{place}/etc";
            Dir::Etc::sourcelist "{place}/sources.list";
            """
        )
    )
    return {"APT_CONFIG": str(place / "apt.conf")}


def install(arch: str, base: Path, tree: Path) -> None:
    """Put it in the place of the older one. base: as for `fetch`. tree: a copy of it. Raises BuildFailed."""
    archives = fetch(arch, base) / "archives"
    older = sorted(path.name for path in (tree / "usr/lib/modules").iterdir())
    script = textwrap.dedent(
        """\
        tree=$1; archives=$2; shift 2
        mount -t proc proc "$tree/proc"
        mount --bind "$archives" "$tree/mnt"
        mount --bind "$tree/usr/bin/true" "$tree/usr/sbin/depmod"  # natively, later
        chroot "$tree" sh -ec "dpkg --install /mnt/linux-base_*.deb; dpkg --install /mnt/*.deb"
        chroot "$tree" dpkg --purge "$@"
        """
    )
    names = [f"linux-image-{version}" for version in older]
    run(["unshare", "--mount", "sh", "-ec", script, "sh", tree, archives, *names], env={"INITRD": "No"})
