"""The levels that the outputs of a simulated chip drive, in a file: they outlive the process, as a relay does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from msgspec import DecodeError, json


class LevelFile:
    """One file, `{"17": true}`: line -> physical level of each line that is an output.

    path: of the file; beside it is one for the lock, which one process holds as long as it has lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = -1
        self._written: bytes | None = None

    def read(self) -> dict[int, bool]:
        """What the last process left; nothing if there is nothing."""
        try:
            found = json.decode(self._path.read_bytes(), type=dict[str, bool])
            return {int(line): level for line, level in found.items()}
        except (OSError, DecodeError, ValueError):
            return {}

    def write(self, levels: dict[int, bool]) -> None:
        """In one step, and only if they are others."""
        data = json.encode({str(line): level for line, level in levels.items()})
        if data != self._written:
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_bytes(data)
            beside.replace(self._path)
            self._written = data

    def lock(self) -> bool:
        """Whether the lines are ours now, and no other process's."""
        if self._lock >= 0:
            return True
        fd = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._lock = fd
        return True

    def unlock(self) -> None:
        """Idempotent."""
        fd, self._lock = self._lock, -1
        if fd >= 0:
            os.close(fd)
