"""`--logtofile`: the log in a file that never outgrows its bound, with a few that were full before.

`node.log` is the one in use, `node.log.1` the one before it, and so on. A full disk does not stop the node: what cannot
be written is counted, and told by the file itself once there is room again. Only whole lines are ever written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: octets of one file, and how many there are at most
SIZE: Final = 1_048_576
COUNT: Final = 5
#: whoever may read the log is in the group of the node directory
_MODE: Final = 0o640


class LogFile:
    """A stream to write the log to.

    path: the file in use. size: octets after which it is full. count: files in all, 1 or more. Raises OSError if it
    cannot be opened.
    """

    def __init__(self, path: Path, size: int = SIZE, count: int = COUNT) -> None:
        self._path = path
        self._bound = size
        self._count = count
        self._lost = 0
        self._open()

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, text: str) -> None:
        """Lines, each with its end."""
        data = text.encode("utf-8", "backslashreplace")
        if self._size and self._size + len(data) > self._bound:
            self._turn_over()
        if self._lost:
            data = f"({self._lost} lines could not be written here)\n".encode() + data
        try:
            self._put(data)
        except OSError:
            self._lost += text.count("\n")
        else:
            self._lost = 0

    def _put(self, data: bytes) -> None:
        """All or nothing, so that no line is a half one."""
        before = self._size
        try:
            while data:
                written = os.write(self._descriptor, data)
                self._size += written
                data = data[written:]
        except OSError:
            os.ftruncate(self._descriptor, before)
            self._size = before
            raise

    def flush(self) -> None:
        """Nothing is held back."""

    def _turn_over(self) -> None:
        """The file is full. If no other can be begun, this one is begun again: the bound goes before all."""
        try:
            for number in range(self._count - 1, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
                if newer.exists():
                    newer.replace(older)
            if self._count == 1:
                self._path.unlink(missing_ok=True)
            full = self._descriptor
            self._open()
            os.close(full)
        except OSError:
            os.ftruncate(self._descriptor, 0)
            self._size = 0

    def close(self) -> None:
        """No more."""
        os.close(self._descriptor)
