"""What the system refused, in one line that says where, what, and what would help."""

from __future__ import annotations

import errno
from typing import Final

_HELP: Final = {
    errno.EROFS: "it has to be mounted for writing, or --cbdir names another place",
    errno.ENOSPC: "`df -h` shows what is full",
    errno.EDQUOT: "this user may store no more there",
    errno.EACCES: "run this as the user it belongs to, or change its permissions",
}


def in_words(error: Exception) -> str:
    """An error for the person who typed the command. Of others than OSError it is their own text."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    said = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    help_ = _HELP.get(error.errno or 0)
    return f"{said}; {help_}" if help_ else said
