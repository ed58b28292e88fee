"""What the system refused, in one line that says where, what, and what would help."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from edge_router.config.find import SERVICE, SERVICE_FILE

_HELP: Final = {
    errno.EROFS: "it has to be mounted for writing, or --cbdir names another place",
    errno.ENOSPC: "`df -h` shows what is full",
    errno.EDQUOT: "this user may store no more there",
    errno.EACCES: "run this as the user it belongs to, or change its permissions",
}
#: where the service has what others may not read
_OF_SERVICE: Final = (SERVICE, SERVICE_FILE.parent, Path("/run/edge-router"))
_MEMBERS: Final = (
    "it is the service's: try sudo; who is in the group edge-router may look at the node and use it "
    "(`sudo adduser NAME edge-router`, and a new login)"
)


def in_words(error: Exception) -> str:
    """An error for the person who typed the command. Of others than OSError it is their own text."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    help_ = help_for(error)
    return f"{said(error)}; {help_}" if help_ else said(error)


def said(error: OSError) -> str:
    """Where, and what the system says."""
    return str(error.strerror if error.filename is None else f"{error.filename}: {error.strerror}")


def help_for(error: OSError) -> str | None:
    """What would help, if that is known."""
    if error.errno == errno.EACCES and not {*_OF_SERVICE}.isdisjoint(Path(str(error.filename)).parents):
        return _MEMBERS
    return _HELP.get(error.errno or 0)
