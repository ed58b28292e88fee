"""From an `endpoint` of the configuration to a listening port, and the connections that came in by it.

Two things live here: `listen`, which binds TCP ports (IPv4, IPv6, port 0) and Unix sockets, or takes those that were
`handed` over, and says in plain words why it cannot; and `Connections`, the factory that every listening transport
hands its protocols out by, which holds the limit on connections and can drop them all. What is spoken on a connection
is the protocol's business.
(tcp(7), unix(7), socket(7).)
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct
from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Endpoint, TcpEndpoint, UnixEndpoint
from edge_router.router.interfaces import Clock
from edge_router.transports.counts import PortCounts
from edge_router.transports.eager import listen_tcp
from edge_router.transports.handed import HANDED, HandedUnixPort, serve_tcp
from edge_router.transports.tally import Tally
from edge_router.transports.unixsocket import SocketFilePort

#: seconds that connections get to take what was written to them before they are cut
DROP_AFTER: Final = 1.0
#: of TCP_USER_TIMEOUT in milliseconds, and of the keepalive's idle time in seconds
MAX_USER_TIMEOUT: Final = 65_535


class CannotListen(Exception):
    """A port cannot be opened. The text names the place, the reason and what would help."""


class KeepAlive(Struct, frozen=True):
    """How soon a peer that vanished without a word is noticed by TCP itself.

    idle: seconds of silence before the first probe. timeout: seconds the peer has to answer. It is taken for gone after
    both together: `idle` + `timeout`.
    """

    idle: float = 10.0
    timeout: float = 5.0

    @classmethod
    def from_pings(cls, interval: int, timeout: int) -> KeepAlive:
        """From a transport's `auto_ping_interval` (0: the default of 10 s) and `auto_ping_timeout`, in milliseconds."""
        return cls(idle=(interval or 10_000) / 1000, timeout=timeout / 1000)


class Droppable(Protocol):
    """A transport, as far as `Connections` is concerned."""

    def loseConnection(self) -> object: ...

    def abortConnection(self) -> object: ...


#: makes the protocol for one connection of the port that the `Connections` are of
Make: TypeAlias = "Callable[[Connections], StreamProtocol]"


class Connections(Factory):
    """The connections of one listening port.

    Every protocol calls `entered` with its transport when it is connected and `left` when it is not any more; both
    may be called twice. So a protocol may hand its transport over to another one.

    make: makes the protocol for a connection that was let in. limit: connections at one time; what is over it is closed
    at once. clock: the reactor.
    """

    noisy = False
    log = Logger()

    def __init__(self, make: Make, limit: int, clock: Clock) -> None:
        self.place = ""
        self.open: set[Droppable] = set()
        #: connections let in so far, and those that were not
        self.accepted = self.refused = 0
        self.counts = PortCounts()
        self._make = make
        self._limit = limit
        self._clock = clock
        self._refusals = Tally(clock, self._report)
        self._emptied: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> StreamProtocol | None:  # noqa: ARG002
        """A protocol for a new connection; None, which closes it, if there are too many."""
        if len(self.open) >= self._limit or self._emptied is not None:
            self.refused += 1
            self._refusals.add()
            return None
        self.accepted += 1
        return self._make(self)

    def entered(self, transport: Droppable) -> None:
        """This transport is connected."""
        self.open.add(transport)

    def left(self, transport: Droppable) -> None:
        """This transport is not connected any more."""
        self.open.discard(transport)
        if not self.open and self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)

    def drop(self) -> Deferred[None]:
        """Close all connections: those that take what was written to them in order, the others by force after a second.

        Result: nothing, once all are gone. Nobody is let in any more.
        """
        if self._emptied is None:
            self._emptied = Deferred()
            for transport in list(self.open):
                transport.loseConnection()
            if self.open:
                self._clock.callLater(DROP_AFTER, self._abort)
            else:
                self._emptied.callback(None)
        waiting: Deferred[None] = Deferred()
        self._emptied.addBoth(lambda _: waiting.callback(None))
        return waiting

    def _abort(self) -> None:
        for transport in list(self.open):
            transport.abortConnection()

    def _report(self, count: int, _what: str) -> None:
        self.log.warn(
            "{place}: {count} connection(s) closed at once, since there are {limit} already; "
            "`max_connections` of the transport is the limit",
            place=self.place,
            count=count,
            limit=self._limit,
        )


class Listener(Struct, frozen=True):
    """An open port.

    place: where, as the operator would write it: `tcp4:127.0.0.1:8080`, `unix:/run/x.sock`. port: Twisted's
    IListeningPort. connections: those that came in by it. tls: the `tls.TlsConnections` around them, if there is TLS.
    """

    place: str
    port: Any
    connections: Connections
    tls: Any = None

    def stop(self) -> Deferred[None]:
        """Let nobody in any more (the socket file goes, too), then drop what is connected."""
        stopped: Deferred[Any] = maybeDeferred(self.port.stopListening)
        return stopped.addCallback(lambda _: self.connections.drop())


def listen(
    reactor: Any, endpoint: Endpoint, directory: Path, connections: Connections, keepalive: KeepAlive
) -> Listener:
    """Open the port of an endpoint.

    reactor: Twisted's. directory: the node directory, which paths of Unix sockets are relative to. connections: takes
    what comes in. keepalive: for TCP; an endpoint's own `user_timeout` goes before.
    Raises CannotListen.
    """
    if isinstance(endpoint, UnixEndpoint):
        listener = _listen_unix(reactor, endpoint, directory, connections)
    else:
        listener = _listen_tcp(reactor, endpoint, directory, connections, keepalive)
    connections.place = listener.place
    return listener


# --- TCP ---------------------------------------------------------------------------------------------------------


def _listen_tcp(
    reactor: Any, endpoint: TcpEndpoint, directory: Path, connections: Connections, keepalive: KeepAlive
) -> Listener:
    interface = endpoint.interface or ("::" if endpoint.version == 6 else "")
    shown = tcp_place(endpoint.version, interface, endpoint.port)
    if interface != "localhost" and isIPv6Address(interface) != (endpoint.version == 6):
        raise CannotListen(
            f"{shown}: `interface` is no IPv{endpoint.version} address; give one that is, or change `version`"
        )
    tls = None
    if endpoint.tls is not None:
        try:
            tls = registry.load("edge_router.transports.tls:TlsConnections")(
                endpoint.tls, directory, connections, reactor
            )
        except CannotListen as error:
            raise CannotListen(f"{shown}: {error}") from error
    handed = HANDED.tcp(endpoint.version, interface, endpoint.port)
    try:
        if handed is not None:
            port = serve_tcp(reactor, handed, tls or connections)
        else:
            port = listen_tcp(reactor, endpoint.port, tls or connections, endpoint.backlog, interface)
    except CannotListenError as error:
        raise CannotListen(f"{shown}: {_tcp_reason(error.socketError, endpoint)}") from error
    _prepare(port, keepalive, endpoint.user_timeout)
    return Listener(tcp_place(endpoint.version, interface, port.getHost().port), port, connections, tls)


def tcp_place(version: int, host: str, port: int) -> str:
    """An address as logs and session details show it: `tcp4:127.0.0.1:8080`, `tcp6:[::1]:8080`, `tcp4:*:80`."""
    return f"tcp{version}:[{host}]:{port}" if ":" in host else f"tcp{version}:{host or '*'}:{port}"


_TCP_REASONS: Final = {
    errno.EADDRINUSE: "the port is in use by another program (`ss -ltnp` says which); stop it or choose another port",
    errno.EACCES: "not allowed: a port below 1024 needs CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=); "
    "give it, or choose a port from 1024 on",
    errno.EADDRNOTAVAIL: "no network interface of this machine has that address (`ip address` lists them)",
    errno.EAFNOSUPPORT: "this machine does not do that version of IP; change `version`",
}


def _tcp_reason(error: Exception, endpoint: TcpEndpoint) -> str:
    if isinstance(error, socket.gaierror):
        return f"{endpoint.interface!r} is no address of this machine; give an IP address, or leave `interface` out"
    reason = _TCP_REASONS.get(error.errno or 0) if isinstance(error, OSError) else None
    return reason or f"cannot be opened: {error}"


def _prepare(port: Any, keepalive: KeepAlive, user_timeout: int | None) -> None:
    """Set on the listening socket what its connections shall have: Linux lets them inherit it (tcp(7))."""
    listening: socket.socket | None = getattr(port, "socket", None)
    if listening is None:  # a port in memory
        return
    if user_timeout is None:
        user_timeout = min(int((keepalive.idle + keepalive.timeout) * 1000), MAX_USER_TIMEOUT)
    tcp = socket.IPPROTO_TCP
    listening.setsockopt(tcp, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(tcp, socket.TCP_KEEPIDLE, min(max(1, round(keepalive.idle)), 32_767))
    listening.setsockopt(tcp, socket.TCP_KEEPINTVL, min(max(1, round(keepalive.timeout / 3)), 32_767))
    listening.setsockopt(tcp, socket.TCP_KEEPCNT, 3)
    listening.setsockopt(tcp, socket.TCP_USER_TIMEOUT, user_timeout)


# --- Unix --------------------------------------------------------------------------------------------------------


def _listen_unix(reactor: Any, endpoint: UnixEndpoint, directory: Path, connections: Connections) -> Listener:
    path = directory / endpoint.path
    handed = HANDED.unix(str(path))
    port: Any
    if handed is not None:
        port = HandedUnixPort(handed, connections, reactor)
    else:
        port = SocketFilePort(path, endpoint, connections, reactor)
    try:
        port.startListening()
    except (CannotListenError, OSError, LookupError) as error:
        reason = error.socketError if isinstance(error, CannotListenError) else error
        raise CannotListen(f"unix:{path}: {_unix_reason(reason, path)}") from error
    return Listener(f"unix:{path}", port, connections)


_UNIX_REASONS: Final = {
    errno.EADDRINUSE: "another program listens on this socket; stop it or choose another path",
    errno.EAGAIN: "another program is opening or closing a socket in this directory just now; try again",
    errno.ENOENT: "the directory does not exist; create it (systemd: RuntimeDirectory=)",
    errno.ENOTDIR: "a part of the path is no directory",
    errno.EEXIST: "there is a file of that name which is no socket; move it away or choose another path",
    errno.EROFS: "the file system is read-only; choose a path under /run",
    errno.EPERM: "its owner or group cannot be set: that needs root, or a group this user is in",
}


def _unix_reason(error: BaseException, path: Path) -> str:
    if isinstance(error, LookupError):
        return str(error.args[0])
    if "too long" in str(error):
        return f"the path is {len(bytes(path))} bytes long; a Unix socket's has at most 107"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EACCES:
        return f"this user must not write to {path.parent}; choose another directory, or change its permissions"
    return _UNIX_REASONS.get(number or 0) or f"cannot be opened: {error}"
