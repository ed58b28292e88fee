"""Root file systems of Debian, made once and copied. (mmdebstrap(1).)

They are named by what is in them and the week they were made in, so that a new one has what Debian has mended since.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from images import packages
from images.steps import BuildFailed, cached, key, need, run

_WEEK = 7 * 86_400


def root(arch: str, include: Sequence[str], *components: str) -> Path:
    """A root file system. arch: one that runs here. include: packages besides the smallest that boots nothing.

    components: of Debian, besides main. Result: the directory; not to be changed. Raises BuildFailed.
    """
    need(("mmdebstrap",))
    if os.geteuid():
        raise BuildFailed("root file systems are made by root; try `sudo`")
    source = packages.source(*components)
    names = ",".join(sorted(include))

    def make(place: Path) -> None:
        run(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={arch}",
                f"--keyring={packages.KEYRING}", f"--include={names}", packages.SUITE, place, source,
            ]
        )  # fmt: skip

    return cached(f"{key(arch, names, source, str(int(time.time() // _WEEK)))}-root-{arch}", make)


def copy(source: Path, place: Path) -> None:
    """A root file system of one's own, with owners and modes."""
    run(["cp", "-a", "--reflink=auto", source, place])
