"""Whether a user may open a device, and what would help if not. (path_resolution(7), udev(7))"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Final

from msgspec import Struct

#: where rules of this machine's own belong
RULES: Final = "/etc/udev/rules.d/60-edge-router.rules"
RELOAD: Final = "sudo udevadm control --reload && sudo udevadm trigger"


class User(Struct, frozen=True):
    """Who is to use the devices. groups: numbers, the own one too. ourselves: whether it is who asks."""

    name: str
    number: int
    groups: frozenset[int]
    ourselves: bool


def user_of(name: str | None) -> User:
    """A user of this machine; None: who asks. Raises LookupError with words for it."""
    if name is None:
        number = os.geteuid()
        try:
            name = pwd.getpwuid(number).pw_name
        except KeyError:
            name = str(number)
        return User(name, number, frozenset({os.getegid(), *os.getgroups()}), True)
    try:
        known = pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"this machine has no user {name!r}") from None
    return User(name, known.pw_uid, frozenset(os.getgrouplist(name, known.pw_gid)), False)


def trouble(path: Path, user: User, group: str, rule: str) -> str | None:
    """Why a user may not read and write a device, with the command that would help; None if nothing is wrong.

    group: that devices of this kind belong to. rule: what udev matches such a device by.
    """
    try:
        status = path.stat()
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if _may(path, status, user):
        return None
    mode = stat.S_IMODE(status.st_mode)
    owner = _group_name(status.st_gid)
    said = f"{user.name} may not use it: it has mode {mode:04o} and belongs to group {owner}"
    if status.st_gid != 0 and mode & 0o060 == 0o060:
        return f"{said}; sudo usermod -aG {owner} {user.name} (then log in again, or restart the service)"
    write = f'echo \'{rule}, GROUP="{group}", MODE="0660"\' | sudo tee -a {RULES}'
    return f"{said}; {write} && {RELOAD}, and sudo usermod -aG {group} {user.name}"


def _may(path: Path, status: os.stat_result, user: User) -> bool:
    if user.ourselves:
        return os.access(path, os.R_OK | os.W_OK, effective_ids=True)
    if user.number == 0:
        return True
    if status.st_uid == user.number:
        return status.st_mode & 0o600 == 0o600
    if status.st_gid in user.groups:
        return status.st_mode & 0o060 == 0o060
    return status.st_mode & 0o006 == 0o006


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
