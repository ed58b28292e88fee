"""Real sockets of the loopback interface, turned by hand: a port of ours, a server behind it, a client before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol

from edge_router.config.schema import WebOptions
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.web.site import Site
from tests.transports.loop import Loop
from tests.web.ports import Answer


class Line(Protocol):
    """One end of a connection: `got`, and whether it is `lost`."""

    transport: Any

    def __init__(self) -> None:
        self.got = b""
        self.lost = False
        self.paused = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class Server:
    """Something that listens; a test reads and writes its `lines` itself."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.lines: list[Line] = []
        self._port = loop.reactor.listenTCP(0, Factory.forProtocol(self._line), interface="127.0.0.1")  # type: ignore[arg-type]
        self.port: int = self._port.getHost().port

    def _line(self) -> Line:
        self.lines.append(Line())
        return self.lines[-1]

    def request(self, number: int = 0, end: bytes = b"\r\n\r\n") -> bytes:
        """What a connection has sent, once it ends so."""
        self.loop.until(lambda: len(self.lines) > number and self.lines[number].got.endswith(end))
        return self.lines[number].got

    def close(self) -> None:
        self.loop.result(maybeDeferred(self._port.stopListening))
        _cut(self.loop, self.lines)


class Front:
    """A port of ours, and clients of it."""

    def __init__(
        self, loop: Loop, paths: dict[str, Any], directory: Path = Path("/nonexistent"), **options: Any
    ) -> None:
        self.loop = loop
        host = Host(loop.reactor, Outbox(loop.reactor), lambda *_: None, directory, dict)  # type: ignore[arg-type,return-value]
        self.site = Site(paths, WebOptions(**options), host)
        self.connections = Connections(self.site.channel, 100, loop.reactor)
        self._port = loop.reactor.listenTCP(0, self.connections, interface="127.0.0.1")
        self.port: int = self._port.getHost().port
        self._clients: list[Line] = []

    def connect(self) -> Line:
        """A client that writes and reads octets."""
        factory = Factory.forProtocol(Line)
        client = Line()
        factory.buildProtocol = lambda _: client  # type: ignore[method-assign,assignment,return-value]
        factory.noisy = False  # type: ignore[attr-defined]
        factory.startedConnecting = factory.clientConnectionLost = lambda *_: None  # type: ignore[attr-defined]
        self.loop.reactor.connectTCP("127.0.0.1", self.port, factory)  # type: ignore[arg-type]
        self.loop.until(lambda: client.transport is not None)
        self._clients.append(client)
        return client

    def answer(self, client: Line, method: str = "GET") -> Answer:
        """The answer that a client gets before the connection is closed."""
        self.loop.until(lambda: client.lost)
        return Answer(client.got, method)

    def close(self) -> None:
        self.site.stop()
        _cut(self.loop, self._clients)
        self.loop.result(self._port.stopListening())
        self.loop.result(self.connections.drop())


def _cut(loop: Loop, lines: list[Line]) -> None:
    for line in lines:
        line.transport.abortConnection()
    loop.until(lambda: all(line.lost for line in lines))
