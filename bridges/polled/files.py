"""The kernel's files under /proc and /sys, which say what it measured. Everything here may block."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, Protocol

#: bytes of a file; the ones that are read here are a page at most
MOST: Final = 65_536
#: of what a program complains about
MOST_COMPLAINT: Final = 200
#: seconds
COMMAND_TIMEOUT: Final = 5.0


class Disk(Protocol):
    """What statvfs(3) says."""

    @property
    def f_frsize(self) -> int: ...
    @property
    def f_blocks(self) -> int: ...
    @property
    def f_bavail(self) -> int: ...
    @property
    def f_bfree(self) -> int: ...
    @property
    def f_flag(self) -> int: ...


class Tree(Protocol):
    """A file system, or what stands for one. All raise OSError as the system does; paths are absolute."""

    def text(self, path: str) -> str:
        """What a file says, at most MOST bytes."""

    def names(self, path: str) -> list[str]:
        """Of a directory, sorted; empty if it is not there."""

    def disk(self, path: str) -> Disk:
        """Of the file system that has a path."""

    def output(self, command: str, *arguments: str) -> str:
        """What a program of the system prints. Raises FileNotFoundError if there is none."""


class Files:
    """The machine's own. root: where its file system begins; another than `/` for tests and containers."""

    def __init__(self, root: str = "/") -> None:
        self._root = Path(root)

    def text(self, path: str) -> str:
        """See Tree."""
        with self._real(path).open("rb") as file:
            return file.read(MOST).decode("utf-8", "replace")

    def names(self, path: str) -> list[str]:
        """See Tree."""
        try:
            return sorted(os.listdir(self._real(path)))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []

    def disk(self, path: str) -> Disk:
        """See Tree."""
        return os.statvfs(self._real(path))

    def output(self, command: str, *arguments: str) -> str:
        """See Tree. A program of this machine says nothing about another root."""
        found = shutil.which(command) if self._root == Path("/") else None
        if found is None:
            raise FileNotFoundError(2, "No such file or directory", command)
        try:
            done = subprocess.run(
                [found, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"{command} did not end within {COMMAND_TIMEOUT:g} s") from None
        if done.returncode != 0:
            complaint = done.stderr[:MOST_COMPLAINT].decode("utf-8", "replace").strip() or "it said nothing"
            raise OSError(f"{command} ended with status {done.returncode}: {complaint}")
        return done.stdout[:MOST].decode("utf-8", "replace")

    def _real(self, path: str) -> Path:
        return self._root / path.lstrip("/")
