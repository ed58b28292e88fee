"""Connections in memory: a transport, a node, a session that records, and real WebSocket clients without I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from edge_router.config.schema import Auth, Limits
from edge_router.router.interfaces import Peer
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Abort, CloseDetails, Goodbye, Message


class MemoryTransport(StringTransport):
    """Keeps what is written. `sent`: what was written since it was last asked for."""

    protocol: Any = None

    def unregisterProducer(self) -> None:
        """As the real one, it may be called twice."""
        self.producer = self.streaming = None

    def sent(self) -> bytes:
        value: bytes = self.value()
        self.clear()
        return value

    @property
    def cut(self) -> bool:
        """Whether the connection was aborted."""
        return bool(getattr(self, "disconnected", False))


class Recorder:
    """A session that its first message greets, keeps all messages, and answers as the real one where it matters."""

    def __init__(self, peer: Peer, joins: bool = True) -> None:
        self.peer = peer
        self.messages: list[Message] = []
        self.violations: list[str] = []
        self.losses = 0
        self.id = 0
        self.greeted = False
        self.joins = joins
        self.on_message: Callable[[Message], object] = lambda _: None

    def receive(self, message: Message) -> None:
        self.messages.append(message)
        self.greeted = self.joins
        if self.greeted:
            self.id = 7
        self.on_message(message)

    def violated(self, violation: ProtocolViolation) -> None:
        self.violations.append(violation.message)
        self.peer.send_message(Abort(CloseDetails(violation.message), "wamp.error.protocol_violation"))
        self.peer.close()

    def goodbye(self, reason: str, message: str | None = None) -> None:
        self.peer.send_message(Goodbye(CloseDetails(message), reason))
        self.peer.close()

    def lost(self) -> None:
        self.losses += 1


class MemoryNode:
    """A node with a clock that the test turns. `sessions`: those that transports have opened."""

    def __init__(self, directory: Path = Path("/nonexistent"), info: dict[str, Any] | None = None) -> None:
        self.clock = Clock()
        self.sessions: list[Recorder] = []
        self.joins = True
        self.host = Host(
            reactor=self.clock,
            outbox=Outbox(self.clock),
            attach=self._attach,
            directory=directory,
            info=lambda: info or {},
        )

    def _attach(self, peer: Peer, auth: Auth | None, limits: Limits) -> Recorder:
        session = Recorder(peer, self.joins)
        self.sessions.append(session)
        return session

    def connections(self, make: Callable[[Connections], Any], limit: int = 100) -> Connections:
        return Connections(make, limit, self.clock)

    def connect(self, connections: Connections) -> MemoryTransport:
        """A new connection; its `protocol` is what the factory made."""
        transport = MemoryTransport()
        protocol: Any = connections.buildProtocol(None)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return transport

    def settle(self) -> None:
        """What is due now happens."""
        self.clock.advance(0)


class Client:
    """A WebSocket client (`websockets`, without I/O) at the other end of a transport in memory.

    whole: False sends the client's bytes one at a time.
    """

    def __init__(
        self,
        transport: MemoryTransport,
        subprotocols: Sequence[str] = ("wamp.2.json",),
        *,
        whole: bool = True,
        path: str = "/ws",
        **options: Any,
    ) -> None:
        self.transport = transport
        self.whole = whole
        self.ws = ClientProtocol(
            parse_uri(f"ws://router.example:8080{path}"), subprotocols=list(subprotocols) or None, **options
        )
        self.response: Response | None = None
        self.frames: list[Frame] = []
        self.ws.send_request(self.ws.connect())
        self.exchange()

    @property
    def open(self) -> bool:
        return self.ws.state is OPEN

    @property
    def texts(self) -> list[bytes]:
        """The payloads of the text and binary frames that came."""
        return [bytes(frame.data) for frame in self.frames if frame.opcode in (Opcode.TEXT, Opcode.BINARY)]

    def send(self, payload: bytes, binary: bool = False) -> None:
        """Send one message."""
        (self.ws.send_binary if binary else self.ws.send_text)(payload)
        self.exchange()

    def exchange(self) -> None:
        """What either has to say goes to the other, until both are silent."""
        self.read()
        while pending := self.ws.data_to_send():
            for data in pending:
                self.raw(data)
            self.read()

    def raw(self, data: bytes) -> None:
        """Send bytes that the client's protocol knows nothing of."""
        for piece in [data] if self.whole else [data[i : i + 1] for i in range(len(data))]:
            if piece:
                self.transport.protocol.dataReceived(piece)

    def read(self) -> None:
        """Take what the server has written."""
        data = self.transport.sent()
        if data:
            self.ws.receive_data(data)
        for event in self.ws.events_received():
            if isinstance(event, Frame):
                self.frames.append(event)
            elif isinstance(event, Response):
                self.response = event
