"""Byte code for a tree of another architecture: it is the same on all, so the Python of the same version makes it here.

It has to be shipped: a service that may not write cannot keep it, and without it a start takes twice as long and twelve
megabytes more. (py_compile; PEP 3147, PEP 552: `unchecked-hash`, since files in images have other times than here.)
"""

from __future__ import annotations

from pathlib import Path

from images.packages import PYTHON
from images.roots import root
from images.steps import run


def compile_in(tree: Path) -> None:
    """Compile all Python in a tree, in place. tree: a root file system. Raises BuildFailed."""
    native = root("amd64", ("python3",))
    script = (
        'set -e; mount --bind "$1" "$2/mnt"; '
        f'chroot "$2" /usr/bin/python{PYTHON} -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /mnt -p / '
        f"/mnt/usr/lib/python3 /mnt/usr/lib/python{PYTHON} /mnt/usr/lib/edge-router || true"
    )
    run(["unshare", "-m", "sh", "-c", script, "sh", tree, native])
