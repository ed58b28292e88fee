"""The `universal` transport: RawSocket, WebSocket and web on one port. The first byte of a connection decides.

0x7f begins a RawSocket handshake and no HTTP request. All else is HTTP, where the path decides: WebSockets of the
`websocket` section are paths of the same tree as those of `web`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol as StreamProtocol

from edge_router import registry
from edge_router.config.schema import Universal, WebOptions
from edge_router.router.interfaces import Delayed
from edge_router.transports.listen import Connections, KeepAlive, Make
from edge_router.transports.listening import ListeningTransport
from edge_router.wamp.rawsocket import MAGIC

#: seconds a client has for its first byte where the configuration has no time for that
FIRST_BYTE_WITHIN = 5.0

Choose = Callable[[int, Connections], StreamProtocol | None]


class FirstByte(StreamProtocol):
    """A connection of which nothing is known yet.

    choose: the protocol for a first byte; None if nobody here speaks one that begins so. connections: of the port.
    clock: the reactor. patience: seconds until the first byte; 0: for ever.
    """

    transport: Any

    def __init__(self, choose: Choose, connections: Connections, clock: Any, patience: float) -> None:
        self._choose = choose
        self._connections = connections
        self._clock = clock
        self._patience = patience
        self._deadline: Delayed | None = None
        self._successor: StreamProtocol | None = None

    def connectionMade(self) -> None:
        """Connected."""
        self._connections.entered(self.transport)
        if self._patience:
            self._deadline = self._clock.callLater(self._patience, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        """The first byte, and perhaps more."""
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        self._forget_deadline()
        successor = self._choose(data[0], self._connections)
        if successor is None:
            self.transport.loseConnection()
            return
        self._successor = successor
        transport = self.transport
        if getattr(transport, "protocol", None) is self:
            transport.protocol = successor
        successor.makeConnection(transport)
        successor.dataReceived(data)

    def connectionLost(self, reason: Any = None) -> None:
        """The connection is gone."""
        self._forget_deadline()
        self._connections.left(self.transport)
        if self._successor is not None:
            self._successor.connectionLost(reason)

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _forget_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()


class UniversalTransport(ListeningTransport):
    """The transport `universal`."""

    _config: Universal
    _web: Any = None

    def protocols(self) -> tuple[Make, KeepAlive]:
        """See `ListeningTransport`."""
        choose, patience, clock = self._chooser(), self._patience(), self._host.reactor
        return lambda connections: FirstByte(choose, connections, clock, patience), self._keepalive()

    def _patience(self) -> float:
        rawsocket = self._config.rawsocket
        return FIRST_BYTE_WITHIN if rawsocket is None else rawsocket.options.open_handshake_timeout / 1000

    def _keepalive(self) -> KeepAlive:
        """What RawSocket asks for, since it may have no pings of its own."""
        if self._config.rawsocket is None:
            return KeepAlive()
        options = self._config.rawsocket.options
        return KeepAlive.from_pings(options.auto_ping_interval, options.auto_ping_timeout)

    def _chooser(self) -> Choose:
        """What speaks on a connection, by its first byte. What is not configured is not loaded either."""
        config = self._config
        raw = None if config.rawsocket is None else self._rawsockets()
        http = self._site() if config.web is not None or config.websocket else None

        def choose(first: int, connections: Connections) -> StreamProtocol | None:
            make = raw if first == MAGIC else http
            return None if make is None else make(connections)

        return choose

    def _rawsockets(self) -> Make:
        common = registry.load("edge_router.transports.rawsocket:RawSockets")(self._config.rawsocket, self._host)
        protocol: Make = common.protocol
        return protocol

    def _site(self) -> Make:
        config = self._config
        paths, options = ({}, WebOptions()) if config.web is None else (config.web.paths, config.web.options)
        self._web = registry.load("edge_router.web.site:Site")(paths | config.websocket, options, self._host)
        channel: Make = self._web.channel
        return channel

    def release(self) -> None:
        """See `ListeningTransport`."""
        web, self._web = self._web, None
        if web is not None:
            web.stop()
