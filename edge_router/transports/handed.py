"""Listening sockets that the service manager opened before the node, and keeps open while it restarts.

An endpoint whose address one of them has is served by it, and needs nothing else in the configuration. Each port gets a
duplicate, so that a transport that is stopped and started anew, by a reload, finds the socket as it was; nobody is
refused meanwhile. Only process-wide state may live here, since descriptors are that. (sd_listen_fds(3),
systemd.socket(5).)
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from twisted.internet import tcp, unix
from twisted.python.failure import Failure

from edge_router.transports.eager import TcpConnection, UnixConnection

#: of the first socket (SD_LISTEN_FDS_START)
FIRST: Final = 3
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANY: Final = {4: "0.0.0.0", 6: "::"}


class Handed:
    """The sockets that were handed over."""

    def __init__(self) -> None:
        self._sockets: dict[Any, socket.socket] = {}
        self._served: set[Any] = set()

    def take_over(self, environment: Mapping[str, str], pid: int, first: int = FIRST) -> list[str]:
        """Take what was handed to this process.

        environment: has $LISTEN_FDS and $LISTEN_PID. pid: of this process; what was meant for another one is left.
        first: the descriptor of the first. Result: what is wrong with those that cannot be used.
        """
        if environment.get("LISTEN_PID") != str(pid) or not environment.get("LISTEN_FDS", "").isdecimal():
            return []
        wrong = []
        for number in range(first, first + int(environment["LISTEN_FDS"])):
            os.set_inheritable(number, False)
            try:
                handed = socket.socket(fileno=number)
            except OSError:
                wrong.append(f"descriptor {number}: not a socket; use `ListenStream=`")
                os.close(number)
                continue
            if handed.family in (*_FAMILIES.values(), socket.AF_UNIX) and _listens(handed):
                handed.setblocking(False)
                self._sockets[_key(handed)] = handed
            else:
                place = _shown(_key(handed))
                wrong.append(f"descriptor {number}, {place}: not a listening stream; use `ListenStream=`")
                handed.close()
        return wrong

    def tcp(self, version: int, interface: str, port: int) -> socket.socket | None:
        """A duplicate of the one that listens there; None if there is none. interface: an address, or empty: all.

        `ListenStream=8080` is for both versions of IP, and so is the one for version 4, too.
        """
        host = {"": _ANY[version], "localhost": "127.0.0.1"}.get(interface, interface)
        found = self._duplicate((_FAMILIES[version], host, port))
        if found is None and (version, host) == (4, _ANY[4]):
            return self._duplicate((socket.AF_INET6, _ANY[6], port))
        return found

    def unix(self, path: str) -> socket.socket | None:
        """A duplicate of the one that listens there; None if there is none."""
        return self._duplicate((socket.AF_UNIX, path, 0))

    def _duplicate(self, key: Any) -> socket.socket | None:
        found = self._sockets.get(key)
        if found is None:
            return None
        self._served.add(key)
        return found.dup()

    def idle(self) -> list[str]:
        """Where those listen that no endpoint has asked for."""
        return [_shown(key) for key in self._sockets if key not in self._served]

    def close(self) -> None:
        """Let go of them all."""
        for handed in self._sockets.values():
            handed.close()
        self._sockets.clear()


#: what this process was handed
HANDED: Final = Handed()


def _listens(handed: socket.socket) -> bool:
    if handed.type != socket.SOCK_STREAM:
        return False
    return bool(handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _key(handed: socket.socket) -> tuple[int, str, int]:
    name = handed.getsockname()
    if isinstance(name, tuple):
        return handed.family, str(name[0]), int(name[1])
    return handed.family, os.fsdecode(name), 0


def _shown(key: tuple[int, str, int]) -> str:
    family, host, port = key
    if family == socket.AF_UNIX:
        return f"unix:{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve_tcp(reactor: Any, handed: socket.socket, factory: Any) -> Any:
    """Accept connections of a socket, as `eager.listen_tcp` does. Result: Twisted's IListeningPort."""
    try:
        port = reactor.adoptStreamPort(handed.fileno(), handed.family, factory)  # which makes a duplicate of its own
    finally:
        handed.close()
    port.transport = TcpConnection
    return port


class HandedUnixPort(unix.Port):
    """A port on a socket file that belongs to the service manager: neither mode nor file are touched.

    handed: the socket. factory: takes what comes in.
    """

    transport = UnixConnection

    factory: Any
    fileno: Any

    def __init__(self, handed: socket.socket, factory: Any, reactor: Any) -> None:
        super().__init__(os.fsencode(handed.getsockname()), factory, reactor=reactor)
        self._handed = handed

    def startListening(self) -> None:
        """Accept connections."""
        self.factory.doStart()
        self.socket = self._handed
        self.fileno = self.socket.fileno
        self.connected = True
        self.numberAccepts = 100
        self._shouldShutdown = False
        self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """The port is closed; the socket goes on listening."""
        tcp.Port.connectionLost(self, reason)
