"""One port for all: the first byte decides, then the path."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.config.schema import (
    NodeInfoPath,
    RawSocketOptions,
    TcpEndpoint,
    Universal,
    UniversalRawSocket,
    UniversalWeb,
    WebSocketPath,
)
from edge_router.transports.listen import Connections
from edge_router.transports.universal import FirstByte, UniversalTransport
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import Hello, HelloDetails
from edge_router.wamp.rawsocket import frame as raw_frame
from edge_router.wamp.rawsocket import hello
from tests.transports.wires import Client, MemoryNode, MemoryTransport

HELLO = Hello("realm1", HelloDetails(roles={"subscriber": {}}))
ENDPOINT = TcpEndpoint(port=0, interface="127.0.0.1")
RAW = UniversalRawSocket(options=RawSocketOptions(open_handshake_timeout=3_000))
WEB = UniversalWeb(paths={"/": NodeInfoPath(), "ws2": WebSocketPath()})


class Port:
    """A universal port in memory."""

    def __init__(self, **parts: Any) -> None:
        self.node = MemoryNode(info={"version": "1"})
        universal = UniversalTransport(Universal(endpoint=ENDPOINT, **parts), self.node.host)
        choose, patience = universal._chooser(), universal._patience()
        self.connections: Connections = self.node.connections(
            lambda connections: FirstByte(choose, connections, self.node.clock, patience)
        )

    def connect(self) -> MemoryTransport:
        return self.node.connect(self.connections)


@pytest.fixture
def port() -> Port:
    return Port(rawsocket=RAW, websocket={"ws": WebSocketPath()}, web=WEB)


@pytest.mark.parametrize("whole", [True, False])
def test_0x7f_is_rawsocket(port: Port, whole: bool) -> None:
    """Whole or byte by byte."""
    codec = CODECS["msgpack"]
    transport = port.connect()
    data = hello(codec.id, 2**20) + raw_frame(codec.encode(HELLO))
    for piece in [data] if whole else [data[i : i + 1] for i in range(len(data))]:
        transport.protocol.dataReceived(piece)
    assert transport.sent() == hello(codec.id, 2**20)
    assert port.node.sessions[0].messages == [HELLO]
    assert port.node.sessions[0].peer.details.kind == "rawsocket"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("path", ["/ws", "/ws2"])
def test_a_websocket_path_is_a_websocket(port: Port, path: str, whole: bool) -> None:
    """Those of `websocket` and those of `web` alike."""
    client = Client(port.connect(), path=path, whole=whole)
    assert client.open
    client.send(CODECS["json"].encode(HELLO))
    assert port.node.sessions[0].messages == [HELLO]
    assert port.node.sessions[0].peer.details.kind == "websocket"


def test_all_else_is_web(port: Port) -> None:
    transport = port.connect()
    transport.protocol.dataReceived(b"GET /?format=json HTTP/1.1\r\nHost: pi\r\n\r\n")
    assert transport.sent().endswith(b'{"version":"1"}\n')


def test_without_web_other_paths_are_not_found() -> None:
    """A port for sockets alone still answers a browser."""
    port = Port(rawsocket=RAW, websocket={"ws": WebSocketPath()})
    transport = port.connect()
    transport.protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: pi\r\n\r\n")
    assert transport.sent().startswith(b"HTTP/1.1 404 ")
    assert Client(port.connect()).open


@pytest.mark.parametrize(
    ("parts", "data"), [({"web": WEB}, b"\x7f\xf1\0\0"), ({"rawsocket": RAW}, b"GET / HTTP/1.1\r\n")]
)
def test_what_is_not_configured_is_closed(parts: dict[str, Any], data: bytes) -> None:
    """Without a word: there is none that the client would understand."""
    transport = Port(**parts).connect()
    transport.protocol.dataReceived(data)
    assert transport.disconnecting


def test_a_silent_connection_is_cut(port: Port) -> None:
    """Nothing waits for ever; and a connection that spoke is left to its protocol."""
    silent, speaking = port.connect(), port.connect()
    speaking.protocol.dataReceived(b"G")
    port.node.clock.advance(3)
    assert silent.cut
    assert not speaking.cut


def test_a_connection_lost_at_any_stage_leaves_nothing(port: Port) -> None:
    """No timer, no open connection, the session lost once."""
    codec = CODECS["json"]
    for data in (b"", b"G", b"\x7f", hello(codec.id, 2**20) + raw_frame(codec.encode(HELLO))):
        transport = port.connect()
        if data:
            transport.protocol.dataReceived(data)
        transport.protocol.connectionLost(None)
    client = Client(port.connect())
    client.send(codec.encode(HELLO))
    client.transport.protocol.connectionLost(None)
    assert [session.losses for session in port.node.sessions] == [1, 1]
    assert not port.connections.open
    assert port.node.clock.getDelayedCalls() == []
