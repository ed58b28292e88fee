"""`node.pid` in the node directory: which process runs the node, as Crossbar says it: JSON {pid, argv, options}.

The running node holds a lock (flock(2)) on the file for as long as it lives, and the kernel lets go of it when the
process ends, however it ends. So whether a node runs is asked of the lock, never of the number: a number left by a
crash or a power cut may be anybody's by now. No Twisted here: `stop` and `status` use it too.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NAME = "node.pid"
MAX_SIZE = 65_536


class NodeRunningError(Exception):
    """Another process runs a node in this directory. pid: its process id; 0 if it has not said it yet."""

    def __init__(self, path: Path, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{path}: a node is already running here ({who}); 'edge-router stop' ends it")
        self.pid = pid


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Running(NamedTuple):
    """A node that runs, by what it wrote into its file.

    pid: its process id, as it sees itself; 0 if it has not written it yet. argv: its command line.
    """

    pid: int
    argv: list[str]

    def is_process(self, pid: int) -> bool:
        """Whether a process of that id, seen from here, is this node and not one outside of its container."""
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return line.split(b"\0")[:-1] == [os.fsencode(word) for word in self.argv]


def _read(descriptor: int) -> Running:
    """What an open file says; pid 0 if it is empty or is no pid file."""
    try:
        content = json.loads(os.pread(descriptor, MAX_SIZE, 0))
        pid, argv = content["pid"], content["argv"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return Running(0, [])
    if type(pid) is not int or pid <= 0 or not isinstance(argv, list):
        return Running(0, [])
    return Running(pid, [str(word) for word in argv])


def find_running(directory: Path) -> Running | None:
    """The node that runs in a node directory, if one does. Raises OSError if the file cannot be read."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    finally:
        os.close(descriptor)


class PidFile:
    """The pid file of this process.

    directory: the node directory. `take` before the node starts, `release` when it has ended.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._descriptor = -1

    def take(self, options: Mapping[str, object]) -> bool:
        """Lock the file and write this process into it.

        options: what the node was started with (JSON-like). Result: whether a file without an owner was there, left
        by a node that crashed or was killed. Raises NodeRunningError; OSError if the file cannot be written.
        """
        self._descriptor, stale = self._lock()
        with suppress(PermissionError):  # who may enter the directory may ask, whatever the umask of the node is
            os.fchmod(self._descriptor, 0o644)
        content = {"pid": os.getpid(), "argv": sys.orig_argv, "options": dict(options)}
        os.ftruncate(self._descriptor, 0)
        try:
            os.pwrite(self._descriptor, json.dumps(content, indent=2).encode() + b"\n", 0)
        except OSError as error:
            self.release()
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        return stale

    def _lock(self) -> tuple[int, bool]:
        """The locked file and whether it had been there before."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            if _try_lock(descriptor, fcntl.LOCK_EX):
                if self._is_current(descriptor):
                    return descriptor, os.fstat(descriptor).st_size > 0
            elif not _try_lock(descriptor, fcntl.LOCK_SH):
                pid = _read(descriptor).pid
                os.close(descriptor)
                raise NodeRunningError(self.path, pid)
            # a node that was ending removed the file before we locked it, or somebody was only asking: once more
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the file. Idempotent; whatever goes wrong, the lock ends with the process."""
        descriptor = self._descriptor
        if descriptor < 0:
            return
        self.path.unlink(missing_ok=True)
        self._descriptor = -1  # before the lock goes: a signal may come here again, between any two of these lines
        os.close(descriptor)
