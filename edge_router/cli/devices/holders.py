"""Who has a device open, and who has locked it, as /proc tells. (proc(5), flock(2))

What other users' programs have open only root sees; locks everybody does.
"""

from __future__ import annotations

import os
from pathlib import Path


class Holders:
    """A look at all processes. proc: where /proc is."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc
        self._open: dict[str, list[int]] | None = None
        self._locks = self._locked()

    def of(self, node: Path) -> str | None:
        """Who has a device: names and numbers of processes; None if nobody is known to."""
        try:
            status = node.stat()
            path = str(node.resolve())
        except OSError:
            return None
        if self._open is None:
            self._open = self._opened()
        lockers = self._locks.get(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}", [])
        openers = [pid for pid in self._open.get(path, []) if pid not in lockers]
        told = [f"locked by {self._name(pid)}" for pid in lockers] + [f"open in {self._name(pid)}" for pid in openers]
        return ", ".join(told) or None

    def _name(self, pid: int) -> str:
        try:
            return f"{(self._proc / str(pid) / 'comm').read_text('utf-8', 'replace').strip()} (process {pid})"
        except OSError:
            return f"process {pid}"

    def _locked(self) -> dict[str, list[int]]:
        """Device and inode as /proc/locks writes them -> who has an flock on it."""
        found: dict[str, list[int]] = {}
        try:
            lines = (self._proc / "locks").read_text("ascii", "replace").splitlines()
        except OSError:
            return found
        for line in lines:
            words = line.split()
            if len(words) >= 6 and words[1] == "FLOCK" and words[4].isdecimal():
                found.setdefault(words[5], []).append(int(words[4]))
        return found

    def _opened(self) -> dict[str, list[int]]:
        """Path below /dev -> who has it open."""
        found: dict[str, list[int]] = {}
        try:
            processes = [entry for entry in self._proc.iterdir() if entry.name.isdecimal()]
        except OSError:
            return found
        for process in processes:
            for path in _open_in(process):
                found.setdefault(path, []).append(int(process.name))
        return found


def _open_in(process: Path) -> set[str]:
    """Device files that a process has open; none of one that is another user's, or over."""
    found: set[str] = set()
    try:
        entries = os.listdir(process / "fd")  # noqa: PTH208 - there are thousands
    except OSError:
        return found
    for entry in entries:
        try:
            path = os.readlink(process / "fd" / entry)  # noqa: PTH115
        except OSError:
            continue  # closed meanwhile
        if "/dev/" in path:
            found.add(path)
    return found
