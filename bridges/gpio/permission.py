"""What to say when a device file may not be opened."""

from __future__ import annotations

import grp
import stat
from pathlib import Path


def not_permitted(path: str, group: str) -> str:
    """Why, and what would help. path: of the file. group: that it should belong to."""
    try:
        status = Path(path).stat()
        owner = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "permission denied"
    mode = f"it has mode {stat.S_IMODE(status.st_mode):04o} and belongs to group {owner}"
    if owner == "root" or not status.st_mode & stat.S_IWGRP:
        return f"permission denied: {mode}; a udev rule has to give it to group {group} with mode 0660"
    return f"permission denied: {mode}; the user of the router has to be in that group (usermod -aG {owner} USER)"
