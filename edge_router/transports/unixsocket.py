"""A listening Unix socket in the file system: whose it is, what becomes of one that is there already.

Rules: mode, owner and group are set before anybody can connect; a stale socket file is replaced, a live one is not; at
the end the file is removed if it is still ours. Two routers that start or stop at the same time take turns by a lock on
the directory (flock(2)), held only for that moment, so no file is left behind. (unix(7).)
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from edge_router.config.schema import UnixEndpoint
from edge_router.transports.eager import UnixConnection


class SocketFilePort(unix.Port):
    """A port on a socket file.

    path: the file, absolute. endpoint: mode, owner, group, backlog. factory: takes what comes in.
    """

    transport = UnixConnection

    def __init__(self, path: Path, endpoint: UnixEndpoint, factory: Any, reactor: Any) -> None:
        # Until owner and group are right, nobody may connect; `startListening` sets the mode that is wanted.
        super().__init__(os.fsencode(path), factory, endpoint.backlog, mode=0, reactor=reactor)
        self._path = path
        self._endpoint = endpoint
        self._identity: tuple[int, int] | None = None
        self._created: socket.socket | None = None

    def startListening(self) -> None:
        """Open the socket. Raises OSError or CannotListenError; LookupError for an owner or group nobody knows."""
        ids = _user_id(self._endpoint.owner), _group_id(self._endpoint.group)
        with _turn(self._path.parent):
            _remove_stale(self._path)
            self._bind()
            self._identity = _identity(self._path)
        try:
            if ids != (-1, -1):
                os.chown(self._path, *ids)
            self._path.chmod(int(self._endpoint.mode, 8))
        except OSError:
            self.stopReading()
            self.connectionLost(Failure(ConnectionAbortedError()))
            raise

    def _bind(self) -> None:
        try:
            super().startListening()
        except CannotListenError:
            if self._created is not None:  # Twisted leaves it open
                self._created.close()
            raise

    def createInternetSocket(self) -> socket.socket:
        """The socket, not bound yet."""
        created: socket.socket = super().createInternetSocket()
        self._created = created
        return created

    def connectionLost(self, reason: Failure) -> None:
        """The port is closed. Twisted's own would remove the file whoever it belongs to by now."""
        try:
            with _turn(self._path.parent):
                self._remove_own()
        except OSError:
            self._remove_own()
        tcp.Port.connectionLost(self, reason)

    def _remove_own(self) -> None:
        try:
            if _identity(self._path) == self._identity:
                self._path.unlink()
        except OSError:
            pass


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory. Raises BlockingIOError (EAGAIN) if another program does."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _remove_stale(path: Path) -> None:
    """Remove a socket file nobody listens on. Raises OSError: EADDRINUSE if somebody does, EEXIST for another file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(os.fsencode(path))
    # Anything but a refusal (connected, backlog full, not permitted) may be somebody who lives.
    if refused != errno.ECONNREFUSED:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink()


def _user_id(name: str | None) -> int:
    """The number of a user, by name or number; -1 leaves it as it is. Raises LookupError."""
    if name is None:
        return -1
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise LookupError(f"`owner`: there is no user {name!r} on this machine") from None


def _group_id(name: str | None) -> int:
    """The number of a group, by name or number; -1 leaves it as it is. Raises LookupError."""
    if name is None:
        return -1
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise LookupError(f"`group`: there is no group {name!r} on this machine") from None
