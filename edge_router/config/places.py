"""Whether files and directories that the configuration names are there, also where this user may not look.

pathlib raises there, up to Python 3.13. A service is such a user: of /home it sees nothing (systemd.exec(5),
`ProtectHome=`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

#: what `ProtectHome=` closes
_CLOSED: Final = ("/home", "/root", "/run/user")


def is_directory(path: Path) -> bool:
    """No, too, if it cannot be told."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """No, too, if it cannot be told."""
    return stat.S_ISREG(_mode(path))


def nothing(path: Path, what: str) -> str:
    """What to say where there is none. path: absolute. what: `directory`, `file`. Result: a sentence's beginning."""
    for above in reversed(path.parents):
        if os.access(above, os.F_OK) and not os.access(above, os.X_OK):
            of_service = " (a service: `ProtectHome=` in its unit)" if str(above) in _CLOSED else ""
            return f"{what} {str(path)!r} cannot be seen: this user may not look into {above}{of_service}"
    return f"there is no {what} {str(path)!r}"


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return 0
