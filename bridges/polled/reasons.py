"""Why a device could not be read, in words for the operator, with what would help."""

from __future__ import annotations

import errno
import grp
import stat
from pathlib import Path
from typing import Final

from bridges.values import BadValue


def explain(error: Exception) -> str:
    """One line. error: what reading raised."""
    if isinstance(error, BadValue):
        return str(error)
    if isinstance(error, OSError):
        return _of_kernel(error)
    return f"{type(error).__name__}: {error}"


def _of_kernel(error: OSError) -> str:
    path = error.filename if isinstance(error.filename, str) else None
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path or 'it'}: {_not_permitted(path)}"
    reason = _REASONS.get(error.errno, error.strerror or str(error))
    return f"{path}: {reason}" if path else reason


def _not_permitted(path: str | None) -> str:
    """With the group that would do, if there is one that may read it."""
    try:
        status = Path(path or "").stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "permission denied"
    mode = stat.S_IMODE(status.st_mode)
    if not mode & stat.S_IRGRP or path is None:
        return "permission denied"
    return (
        f"permission denied: it has mode {mode:04o} and belongs to group {group}; "
        f"the user of the router has to be in that group (usermod -aG {group} USER)"
    )


_REASONS: Final[dict[int | None, str]] = {
    errno.ENOENT: "it is not there",
    errno.ENODEV: "it is not there",
    errno.ENXIO: "no answer",
    errno.EREMOTEIO: "no answer",
    errno.EIO: "the bus or the device failed (EIO)",
    errno.ETIMEDOUT: "it took too long; a wire may hold the bus",
    errno.EAGAIN: "the bus was busy (arbitration lost)",
    errno.EOPNOTSUPP: "this bus cannot do it; it knows SMBus alone",
    errno.EBUSY: "a driver of the kernel or another program has it",
}
