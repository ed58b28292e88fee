"""Root file systems of Debian, made once and copied. (mmdebstrap(1).)

They are named by what is in them and the week they were made in, so that a new one has what Debian has mended since.
Dates in them are those of the week: two who make the same within a week get the same.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from images import packages
from images.steps import BuildFailed, cached, key, need, remove, run

_WEEK: Final = 7 * 86_400
#: a file that cannot be had at once is asked for again, with growing waits
_PATIENT: Final = ('--aptopt=Acquire::Retries "4"', '--aptopt=Acquire::http::Timeout "30"')
#: what only unpacks, does not write down what it has unpacked
_RECORD: Final = """--extract-hook=cd "$1/var/cache/apt/archives"; for file in *.deb; do dpkg-deb -f "$file"; \\
echo "Status: install ok unpacked"; echo; done > "$1/var/lib/dpkg/status"
"""


@cache
def week() -> int:
    """Weeks since 1970-01-01, a Thursday, when this build began: a new one has what is made of Debian made anew."""
    return int(time.time() // _WEEK)


def extract(arch: str, include: Iterable[str], *components: str) -> Path:
    """Packages and what they depend on, unpacked and not configured: nothing of them is run. arch: any.

    components: of Debian, besides main. Result: the directory, with its list of packages; not to be changed.
    Raises BuildFailed.
    """
    names = ",".join(sorted(include))
    what = key(arch, names, *packages.lines(*components), str(week()), _RECORD)

    def make(place: Path) -> None:
        unpack(place, arch, "extract", names, *components, options=[_RECORD])

    return cached(f"{what}-tree-{arch}", make)


def unpack(place: Path, arch: str, variant: str, include: str, *components: str, options: Sequence[str] = ()) -> None:
    """Have mmdebstrap make a tree. variant: as it calls it. include: packages, by commas. options: more of its own.

    components: of Debian, besides main. Raises BuildFailed.
    """
    need(("mmdebstrap",))
    meant = [f'--aptopt={name} "{value}"' for name, value in packages.age().items()]
    # what it mounts in the tree goes with it, also when it is killed; whoever removes the tree removes nothing else
    alone = [] if os.geteuid() else ["unshare", "--mount"]
    command: list[str | Path] = [
        *alone, "mmdebstrap", f"--variant={variant}", f"--architectures={arch}", f"--keyring={packages.KEYRING}",
        f"--include={include}", *_PATIENT, *meant, *options, packages.SUITE, place,
        *packages.lines(*components),
    ]  # fmt: skip
    run(command, env={"SOURCE_DATE_EPOCH": str(week() * _WEEK), "INITRD": "No"})
    settle(place)


def settle(tree: Path) -> None:
    """Give what was made this week the date that the week began with, so that it does not tell when it was made."""
    date = f"@{week() * _WEEK}"
    run(["find", tree, "-xdev", "-newermt", date, "-exec", "touch", "--no-dereference", f"--date={date}", "{}", "+"])


def root(arch: str, include: Sequence[str], *components: str) -> Path:
    """A root file system. arch: one that runs here. include: packages besides the smallest that boots nothing.

    components: of Debian, besides main. Result: the directory; not to be changed. Raises BuildFailed.
    """
    names = ",".join(sorted(include))

    def make(place: Path) -> None:
        if os.geteuid():
            raise BuildFailed("root file systems are made by root; try `sudo`")
        unpack(place, arch, "minbase", names, *components)

    what = key(arch, names, *packages.lines(*components), str(week()))
    return cached(f"{what}-root-{arch}", make)


def copy(source: Path, place: Path) -> None:
    """A root file system of one's own, with owners and modes."""
    run(["cp", "-a", "--reflink=auto", source.resolve(), place])  # not a link to it, if it is one


def lay_over(source: Path, tree: Path) -> None:
    """Put files into a tree, with the modes that git knows and not those of the checkout; the tree's own directories
    stay as they are."""
    for path in sorted(source.rglob("*")):
        place = tree / path.relative_to(source)
        if path.is_symlink():
            remove(place)
            place.symlink_to(path.readlink())
        elif path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif "__pycache__" not in path.parts:
            shutil.copyfile(path, place)
            place.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
