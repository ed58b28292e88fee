"""Programs of Debian 13 that run here: what they make is the same on every machine, whatever versions it has itself.

(e2fsprogs before 1.47.1 takes times from the files' inodes, and an order from the directory, so that the same tree does
not give the same file system twice.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from images.roots import root
from images.steps import run
from images.version import epoch

TOOLS: Final = ("e2fsprogs", "libarchive13t64", "dosfstools", "mtools", "fdisk", "xz-utils", "device-tree-compiler")


def native(words: Sequence[str | Path], place: Path) -> str:
    """Run a program. place: the directory it works in; names in `words` are relative to that.

    Result: its stdout. Raises BuildFailed.
    """
    tools = root("amd64", TOOLS)
    script = 'mount --bind "$1" "$2/mnt"; tools=$2; shift 2; exec chroot "$tools" sh -ec \'cd /mnt; exec "$@"\' sh "$@"'
    stamp = {"SOURCE_DATE_EPOCH": str(epoch()), "E2FSPROGS_FAKE_TIME": str(epoch()), "MTOOLS_SKIP_CHECK": "1"}
    return run(["unshare", "--mount", "sh", "-ec", script, "sh", place, tools, *words], env=stamp)
