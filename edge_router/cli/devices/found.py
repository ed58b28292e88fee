"""What is told of a device, and where it is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from edge_router.cli.devices.access import User
from edge_router.cli.devices.holders import Holders


class Place(Struct, frozen=True, kw_only=True):
    """Where is looked, and for whom.

    sys, dev, proc: the kernel's file systems. user: who is to use the devices. holders: who has which file open.
    """

    sys: Path
    dev: Path
    proc: Path
    user: User
    holders: Holders

    def says(self, *names: str) -> str | None:
        """The text of a file of sysfs; None if it is not there, or cannot be read. Drivers say all kinds of bytes."""
        return text_of(self.sys.joinpath(*names))


class Device(Struct, kw_only=True, omit_defaults=True):
    """One device.

    path: of its node or directory. about: what it is, in a few words. facts: what programs want to know, JSON-like.
    stable: the path, or what it is known by, that stays the same when it is plugged in again. config: an item of
    `bridges` that uses it. notes: what one should know before. held: who uses it now. trouble: why the user may not
    open it, and what would help.
    """

    path: str
    about: str = ""
    facts: dict[str, Any] = {}
    stable: str | None = None
    config: str | None = None
    notes: list[str] = []
    held: str | None = None
    trouble: str | None = None


def text_of(file: Path) -> str | None:
    """The text of a small file without white space around it; None if there is none."""
    try:
        return file.read_bytes().decode("utf-8", "replace").strip("\0 \t\r\n") or None
    except OSError:
        return None


def names_in(directory: Path) -> list[str]:
    """The names in a directory, ttyS2 before ttyS10; none if it is not there."""
    try:
        return sorted((entry.name for entry in directory.iterdir()), key=lambda name: (len(name), name))
    except OSError:
        return []


def link_name(link: Path) -> str | None:
    """The last name of where a link leads; None if it is none."""
    try:
        return link.readlink().name
    except OSError:
        return None
