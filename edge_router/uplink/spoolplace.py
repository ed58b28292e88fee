"""Whether a file would survive a power cut, by where it lies. (proc(5), /proc/self/mounts.)"""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mounts")
#: file systems that are in memory
_VOLATILE: Final = ("tmpfs", "ramfs")
#: where the writable half of an overlay lies on a Raspberry Pi whose card is kept from being written ("overlayroot")
_UPPER: Final = "upperdir=/upper/"


def why_volatile(path: Path, mounts: Path = MOUNTS) -> str | None:
    """What keeps a file there only as long as there is power; None if nothing does, as far as can be seen."""
    try:
        lines = mounts.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best, found = -1, None
    for line in lines:
        source, where, kind, options = line.split(" ")[:4]
        mount = Path(where.replace("\\040", " "))
        if len(mount.parts) >= best and (mount == place or mount in place.parents):
            best = len(mount.parts)
            overlaid = kind == "overlay" and (_UPPER in options or source == "overlayroot")
            found = f"{mount} ({kind})" if kind in _VOLATILE or overlaid else None
    return found
