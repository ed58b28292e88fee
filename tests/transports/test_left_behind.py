"""Sessions that have ended are freed at once, and do not wait for the garbage collector, which seldom comes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from websockets.frames import Frame, Opcode

from edge_router.config.schema import Auth, Compression, Deflate, RawSocket, TcpEndpoint, WebSocketPath
from edge_router.config.schema import WebSocketOptions as Options
from edge_router.node.logins import authenticators
from edge_router.router.router import Router
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.transports.rawsocket import RawSockets, RawSocketServer
from edge_router.transports.websocket import WebSockets
from edge_router.wamp.rawsocket import frame
from tests.router.players import make_router
from tests.transports.wires import MemoryTransport

MESSAGES = (
    b'[1,"realm1",{"roles":{"caller":{},"callee":{},"publisher":{},"subscriber":{}}}]',
    b'[32,1,{"match":"prefix"},"com.example.topic"]',
    b'[64,2,{},"com.example.procedure"]',
    b'[16,3,{"acknowledge":true,"exclude_me":false},"com.example.topic.a",[1]]',
    b'[48,4,{},"com.example.procedure",["nobody will answer this"]]',
    b'[48,5,{},"wamp.session.count"]',
)

REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: router.example:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: wamp.2.json\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)

LOGINS = {
    "ticket": {"type": "static", "principals": {"joe": {"ticket": "secret", "role": "anonymous"}}},
    "wampcra": {"type": "static", "users": {"joe": {"secret": "secret", "role": "anonymous"}}},
}


class House:
    """A router whose sessions come in by memory."""

    def __init__(self, auth: dict[str, Any] | None = None) -> None:
        self.clock = Clock()
        self._ports: list[Connections] = []
        self.router: Router = make_router(clock=self.clock)
        methods = authenticators(convert(auth or {"anonymous": {}}, Auth), Path(), self.clock, self.router)
        self.host = Host(
            self.clock,
            Outbox(self.clock),
            lambda peer, _auth, limits: self.router.attach(peer, methods, limits),
            Path(),
            dict,
        )

    def rawsockets(self) -> RawSockets:
        """A port for RawSockets."""
        return RawSockets(RawSocket(endpoint=TcpEndpoint(port=0)), self.host)

    def websockets(self, **changes: Any) -> WebSockets:
        """A path for WebSockets."""
        return WebSockets(WebSocketPath(**changes), self.host)

    def connect(self, port: RawSockets | WebSockets) -> MemoryTransport:
        """A connection, before anything was said."""
        self._ports.append(connections := Connections(port.protocol, 10, self.clock))
        transport = MemoryTransport()
        transport.protocol = connections.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return transport

    def lose(self, transport: MemoryTransport) -> None:
        """It breaks; a real one forgets protocol and producer then."""
        protocol = transport.protocol
        transport.protocol = transport.producer = None
        protocol.connectionLost(Failure(ConnectionLost()))

    @property
    def sessions(self) -> int:
        return len(self.router.realms["realm1"].sessions)


def rawsocket(house: House) -> MemoryTransport:
    """A RawSocket that has said all that."""
    transport = house.connect(house.rawsockets())
    transport.protocol.dataReceived(b"\x7f\xf1\0\0")
    for message in MESSAGES:
        say(transport, message)
    return transport


def websocket(house: House, **changes: Any) -> MemoryTransport:
    """A WebSocket that has."""
    transport = house.connect(house.websockets(**changes))
    transport.protocol.dataReceived(REQUEST)
    for message in MESSAGES:
        say(transport, message)
    return transport


def say(transport: MemoryTransport, message: bytes) -> None:
    """The other side sends a message in JSON."""
    is_raw = isinstance(transport.protocol, RawSocketServer)
    transport.protocol.dataReceived(frame(message) if is_raw else Frame(Opcode.TEXT, message).serialize(mask=True))


def deflated(house: House) -> MemoryTransport:
    """A WebSocket whose extensions are ready to compress."""
    return websocket(house, options=Options(compression=Compression(deflate=Deflate())))


def nothing(_house: House, _transport: MemoryTransport) -> None:
    """It just vanishes."""


def half_a_frame(_house: House, transport: MemoryTransport) -> None:
    transport.protocol.dataReceived(b"\x81")


def nonsense(_house: House, transport: MemoryTransport) -> None:
    """No frame of either transport."""
    transport.protocol.dataReceived(b"\xff" * 10)


def no_message(_house: House, transport: MemoryTransport) -> None:
    """A frame of either transport, but nothing of WAMP."""
    say(transport, b"[48,")


def no_such_message(_house: House, transport: MemoryTransport) -> None:
    say(transport, b'[48,0,7,[],{"a":[[[]]]}]')


def goodbye(house: House, transport: MemoryTransport) -> None:
    """The router ends it, and the other side does not answer in time."""
    getattr(transport.protocol, "loseConnection", transport.loseConnection)()
    house.clock.advance(30)


@contextmanager
def only_counted() -> Iterator[list[Any]]:
    """What nobody refers to, but does not go by itself, is in the list afterwards. The collector stands still."""
    gc.disable()
    gc.freeze()
    found: list[Any] = []
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("end", [nothing, half_a_frame, nonsense, no_message, no_such_message, goodbye])
@pytest.mark.parametrize("join", [rawsocket, websocket, deflated])
def test_nothing_is_left_to_the_collector(
    join: Callable[[House], MemoryTransport], end: Callable[[House, MemoryTransport], None]
) -> None:
    """No cycle of protocol, peer and session stays behind, however the connection ends."""
    house = House()
    house.lose(join(house))
    with only_counted() as found:
        transport = join(house)
        assert house.sessions == 1
        end(house, transport)
        house.lose(transport)
        assert house.sessions == 0
        house.clock.advance(60)
        del transport
    assert [type(each).__name__ for each in found] == []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x7f\xf4\0\0",
        b"\x7f\xf1\0\0",
        b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
        REQUEST.replace(b"Sec-WebSocket-Key", b"Key"),
        REQUEST.replace(b"wamp.2.json", b"chat"),
        REQUEST.replace(b"dGhl", b"dGh"),
        REQUEST.replace(b"\r\n\r\n", b"\r\nOrigin: null\r\n\r\n"),
        REQUEST,
        b"\r\n\r\n",
        b"X: y\r\n" * 2_000,
    ],
)
@pytest.mark.parametrize("patience", [0, 60])
@pytest.mark.parametrize("kind", ["rawsocket", "websocket"])
def test_nothing_is_left_of_a_handshake(kind: str, patience: int, octets: bytes) -> None:
    """Nor of a handshake that was refused, came too late, or was never followed by HELLO."""
    house = House()
    port = house.rawsockets() if kind == "rawsocket" else house.websockets()
    house.lose(house.connect(port))
    with only_counted() as found:
        transport = house.connect(port)
        transport.protocol.dataReceived(octets)
        house.clock.advance(patience)
        house.lose(transport)
        house.clock.advance(60)
        del transport
    assert [type(each).__name__ for each in found] == []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[",
        b"\x00",
        b"\x9f\x01",
        b"\x81\x18\x81",
        b"[[" * 2_000,
        b"\x92\x91" * 2_000,
        b"\x82\x01" + b"\x81" * 5_000,
    ],
)
@pytest.mark.parametrize("serializer", [1, 2, 3])
def test_nothing_is_left_of_what_is_no_message(serializer: int, octets: bytes) -> None:
    """In any encoding."""
    house = House()
    port = house.rawsockets()
    house.lose(house.connect(port))
    with only_counted() as found:
        transport = house.connect(port)
        transport.protocol.dataReceived(bytes((0x7F, 0xF0 | serializer, 0, 0)) + frame(octets))
        house.lose(transport)
        del transport
    assert [type(each).__name__ for each in found] == []


@pytest.mark.parametrize("who", ["joe", "nobody"])
@pytest.mark.parametrize("method", LOGINS)
def test_nothing_is_left_of_a_login_that_failed(method: str, who: str) -> None:
    """Whoever guesses passwords shall not fill the memory while he is at it."""
    house = House({method: LOGINS[method]})
    port = house.rawsockets()
    house.lose(house.connect(port))
    with only_counted() as found:
        transport = house.connect(port)
        transport.protocol.dataReceived(b"\x7f\xf1\0\0")
        hello = f'[1,"realm1",{{"authmethods":["{method}"],"authid":"{who}","roles":{{"caller":{{}}}}}}]'
        say(transport, hello.encode())
        say(transport, b'[5,"guess",{}]')
        assert b"authentication_denied" in transport.sent()
        house.lose(transport)
        del transport
    assert [type(each).__name__ for each in found] == []
