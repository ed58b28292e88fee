"""What transports count: messages and octets of both ways, for each connection and each port."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from edge_router.auth.anonymous import Anonymous
from edge_router.config.schema import Allow, AnonymousAuth, Permission, RawSocket, Realm, Role, TcpEndpoint
from edge_router.router.router import Router
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.transports.rawsocket import RawSockets
from edge_router.wamp.codecs import JSON
from edge_router.wamp.rawsocket import PING, control, frame

HELLO = frame(b'[1,"realm1",{"roles":{"subscriber":{},"publisher":{}}}]')


class Wire:
    """A transport that keeps what is written; paused, it says so."""

    def __init__(self) -> None:
        self.written = b""
        self.producer: Any = None

    def write(self, data: bytes) -> None:
        self.written += data

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        pass

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "10.0.0.7", 4711)


class Port:
    """A RawSocket port in memory."""

    def __init__(self) -> None:
        clock = Clock()
        router = Router(clock)
        allow = Permission(uri="", match="prefix", allow=Allow(publish=True, subscribe=True))
        router.add_realm(Realm(name="realm1", roles=[Role(name="anonymous", permissions=[allow])]))
        methods = {"anonymous": Anonymous(AnonymousAuth())}
        self.realm = router.realms["realm1"]
        host: Any = Host(
            clock,
            Outbox(clock),
            lambda peer, _auth, limits: router.attach(peer, methods, limits),
            None,
            dict,  # type: ignore[arg-type]
        )
        common = RawSockets(RawSocket(endpoint=TcpEndpoint(port=0)), host)
        self.connections = Connections(common.protocol, 10, clock)

    def connect(self) -> Any:
        protocol: Any = self.connections.buildProtocol(None)
        protocol.makeConnection(Wire())
        protocol.dataReceived(bytes((0x7F, 0xF0 | JSON.id, 0, 0)))
        return protocol


def test_a_connection_counts_messages_and_octets() -> None:
    """In whatever pieces they come; the handshake is none of them, and a PING is no message."""
    port = Port()
    connection = port.connect()
    wire = connection.transport
    connection.dataReceived(HELLO[:7])
    connection.dataReceived(HELLO[7:])
    subscribe = frame(b'[32,1,{},"com.x"]')
    connection.dataReceived(subscribe * 2 + control(PING, b"hey"))
    counts = port.connections.counts.total()
    assert counts.messages_received == 3
    assert counts.bytes_received == len(HELLO) + 2 * len(subscribe) + 7
    assert counts.messages_sent == 3  # WELCOME, 2 SUBSCRIBED
    assert counts.bytes_sent == len(wire.written) - 4 - 7
    assert port.realm.counts == counts


def test_what_waits_counts_when_it_leaves() -> None:
    """A slow reader has not been sent what it does not read."""
    port = Port()
    reader, writer = port.connect(), port.connect()
    for connection in (reader, writer):
        connection.dataReceived(HELLO)
    reader.dataReceived(frame(b'[32,1,{},"com.x"]'))
    before = reader._peer.counted()
    reader.transport.producer.pauseProducing()
    writer.dataReceived(frame(b'[16,1,{},"com.x",[1]]') * 10)
    assert reader._peer.counted() == before
    reader.transport.producer.resumeProducing()
    assert reader._peer.counted().messages_sent == before.messages_sent + 10
    assert reader._peer.counted().bytes_sent == len(reader.transport.written) - 4


def test_a_port_counts_those_that_are_gone() -> None:
    """And each once."""
    port = Port()
    connection = port.connect()
    connection.dataReceived(HELLO)
    before = port.connections.counts.total()
    assert before.messages_sent == 1
    connection.connectionLost()
    assert port.connections.counts.total() == before
    assert (port.connections.accepted, port.connections.refused) == (1, 0)
