"""Connections that send at once what the kernel takes at once.

Twisted queues every write and sends it in the reactor's next turn: two calls of epoll_ctl(2) and one of epoll_wait(2)
for each, and an event that waits for them. Here a write goes to the socket right away when nothing waits before it;
what the socket does not take is queued as ever, with Twisted's back-pressure.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.posixbase import PosixReactorBase


class _Eager:
    """Mixed into a Twisted connection, before it. What waits is known by `startWriting` and `stopWriting`."""

    _waiting = False

    def startWriting(self: Any) -> None:
        self._waiting = True
        super().startWriting()  # type: ignore[misc]

    def stopWriting(self: Any) -> None:
        self._waiting = False
        super().stopWriting()  # type: ignore[misc]

    def write(self: Any, data: bytes) -> None:
        if self._waiting or self.TLS or not self.connected or not data:
            super().write(data)  # type: ignore[misc]
            return
        sent = self.writeSomeData(data)
        if type(sent) is not int or sent < 0:
            sent = 0  # the connection is lost; the reactor will find out and say so
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[misc]


class TcpConnection(_Eager, tcp.Server):
    """An accepted TCP connection."""


class UnixConnection(_Eager, unix.Server):
    """An accepted connection of a Unix socket."""


class TcpPort(tcp.Port):
    """A listening TCP port whose connections send at once."""

    transport = TcpConnection


def listen_tcp(reactor: Any, port: int, factory: Any, backlog: int, interface: str) -> Any:
    """Listen as `reactor.listenTCP` does, with connections that send at once where the reactor has real sockets.

    Result: Twisted's IListeningPort. Raises CannotListenError.
    """
    if not isinstance(reactor, PosixReactorBase):
        return reactor.listenTCP(port, factory, backlog=backlog, interface=interface)
    opened = TcpPort(port, factory, backlog, interface, reactor)
    opened.startListening()
    return opened
