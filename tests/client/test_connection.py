"""One connection in memory: a router that is silent, reads slowly or talks nonsense in the middle of a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from edge_router.client import CallError, Session
from edge_router.client.connection import FAREWELL_WITHIN, Connection, Plan
from edge_router.client.logins import logins_of
from edge_router.client.rawsocket import RawSocketConnection
from edge_router.client.websocket import WebSocketConnection
from edge_router.config.schema.connecting import ClientRawSocket, ClientWebSocket
from edge_router.wamp.codecs import JSON, MSGPACK
from edge_router.wamp.messages import (
    Abort,
    Call,
    CallOptions,
    CloseDetails,
    Event,
    EventDetails,
    Goodbye,
    Hello,
    Invocation,
    InvocationDetails,
    Message,
    Registered,
    Subscribed,
    Welcome,
    Yield,
    YieldOptions,
)
from edge_router.wamp.rawsocket import PING, PONG, Deframer, control, frame
from tests.transports.wires import MemoryTransport


class Wire:
    """A connection and the router's end of it, played by the test. `left`: why the session ended."""

    def __init__(self, kind: type[Connection], config: Any) -> None:
        self.clock = Clock()
        self.transport = MemoryTransport()
        self.joined: Deferred[Session] = Deferred()
        self.left: list[str] = []
        plan = Plan(config, "test", "realm1", logins_of(None, Path()), self.clock)
        self.connection = kind(plan, self.joined)

    def lose(self) -> None:
        """The connection is gone."""
        self.connection.connectionLost(Failure(ConnectionDone()))

    def welcome(self) -> Session:
        """Let it in."""
        self.says(Welcome(9))
        found: list[Any] = []
        self.joined.addBoth(found.append)
        session: Session = found[0]
        session.on_leave = self.left.append
        return session

    def says(self, message: Message) -> None:
        raise NotImplementedError


class RawWire(Wire):
    """RawSocket, MsgPack."""

    def __init__(self, **options: Any) -> None:
        super().__init__(RawSocketConnection, convert({"type": "rawsocket", "options": options}, ClientRawSocket))
        self.connection.makeConnection(self.transport)
        assert self.transport.sent() == b"\x7f\xf2\0\0"
        self.connection.dataReceived(b"\x7f\xf2\0\0")
        self.deframer = Deframer(2**24 - 1)
        (hello,) = self.heard()
        assert isinstance(hello, Hello)

    def says(self, message: Message) -> None:
        self.connection.dataReceived(frame(MSGPACK.encode(message)))

    def heard(self) -> list[Message]:
        """What the client sent."""
        return [MSGPACK.decode(data) for data in self.deframer.feed(self.transport.sent())]


class WebWire(Wire):
    """WebSocket, JSON, the router's end by `websockets`."""

    def __init__(self, **options: Any) -> None:
        tree = {"type": "websocket", "url": "ws://router.lan:8080/ws", "serializers": ["json"], "options": options}
        super().__init__(WebSocketConnection, convert(tree, ClientWebSocket))
        self.connection.makeConnection(self.transport)
        self.server = ServerProtocol(subprotocols=["wamp.2.json"])  # type: ignore[list-item]
        (request,) = self.events()
        assert (request.path, request.headers["Host"]) == ("/ws", "router.lan:8080")
        self.server.send_response(self.server.accept(request))
        self.flush()
        (hello,) = self.events()
        assert isinstance(JSON.decode(hello.data), Hello)

    def events(self) -> list[Any]:
        """What the router's end got."""
        self.server.receive_data(self.transport.sent())
        return self.server.events_received()

    def flush(self) -> None:
        self.connection.dataReceived(b"".join(self.server.data_to_send()))

    def says(self, message: Message) -> None:
        self.server.send_text(JSON.encode(message))
        self.flush()


@pytest.fixture(params=[RawWire, WebWire])
def wire(request: pytest.FixtureRequest) -> Any:
    """Either kind."""
    return request.param(auto_ping_interval=1000, auto_ping_timeout=500)


# --- signs of life -----------------------------------------------------------------------------------------------


def test_a_silent_router_is_pinged_and_then_given_up(wire: Any) -> None:
    """After interval and timeout; the reason says so."""
    session = wire.welcome()
    wire.clock.advance(1.0)
    assert wire.transport.value()
    wire.clock.advance(0.6)
    assert wire.transport.disconnecting
    wire.lose()
    assert wire.left == ["the router at test does not answer pings"]
    assert not session.is_open
    assert not wire.clock.getDelayedCalls()


def test_a_router_that_answers_pings_is_kept(wire: Any) -> None:
    """Anything it says is an answer."""
    wire.welcome()
    wire.says(Event(1, 1, EventDetails()))
    wire.transport.sent()
    for _ in range(6):
        wire.clock.advance(0.5)
        if isinstance(wire, WebWire):
            wire.events()
            if wire.server.state is OPEN:
                wire.flush()
        elif control(PING, b"edge") in wire.transport.sent():
            wire.connection.dataReceived(control(PONG, b"edge"))
    assert not wire.transport.disconnecting
    assert not wire.left


def test_pings_of_the_router_are_answered() -> None:
    """With what they carry."""
    raw = RawWire()
    raw.welcome()
    raw.connection.dataReceived(control(PING, b"abc"))
    assert raw.transport.sent() == control(PONG, b"abc")
    web = WebWire()
    web.welcome()
    web.server.send_ping(b"abc")
    web.flush()
    (pong,) = web.events()
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"abc")


# --- slow routers ------------------------------------------------------------------------------------------------


def test_what_waits_for_a_router_that_does_not_read_is_bounded() -> None:
    """Requests over the bound fail, and go on when it reads again."""
    wire = RawWire(send_queue=65_536)
    session = wire.welcome()
    wire.connection.pauseProducing()
    for _ in range(6):
        session.publish("com.x", ["x" * 10_000])
    with pytest.raises(CallError, match=r"unavailable: the router does not read: 60\d\d\d octets wait for it"):
        session.publish("com.x", ["x" * 10_000])
    failed: list[Any] = []
    session.call("com.x", ["x" * 10_000]).addErrback(failed.append)
    assert failed[0].value.uri == "wamp.error.unavailable"
    wire.connection.resumeProducing()
    session.publish("com.x", ["x" * 10_000])
    assert len(wire.heard()) == 7


def test_a_router_that_takes_no_answers_is_given_up() -> None:
    """They cannot be refused; twice the bound is the end."""
    wire = RawWire(send_queue=65_536)
    session = wire.welcome()
    session.register("com.work", lambda: "x" * 50_000)
    wire.says(Registered(1, 1))
    wire.connection.pauseProducing()
    for number in (1, 2, 3):
        wire.says(Invocation(number, 1, InvocationDetails()))
    assert wire.transport.disconnecting
    wire.lose()
    assert wire.left == ["the router at test does not read what it is sent"]


# --- the end -----------------------------------------------------------------------------------------------------


def test_leaving_waits_for_the_answer(wire: Any) -> None:
    """And closes then; who asks twice gets the same."""
    session = wire.welcome()
    gone: list[Any] = []
    session.leave().addBoth(gone.append)
    session.leave().addBoth(gone.append)
    wire.says(Goodbye(CloseDetails(), "wamp.close.goodbye_and_out"))
    if isinstance(wire, WebWire):
        assert any(isinstance(event, Frame) and event.opcode is Opcode.CLOSE for event in wire.events())
        wire.flush()
        assert wire.server.close_expected()  # closing TCP is the router's part (RFC 6455 section 7.1.1)
    else:
        assert wire.transport.disconnecting
    wire.lose()
    assert gone == [None, None]
    assert wire.left == ["wamp.close.normal"]
    late: list[Any] = []
    session.leave().addBoth(late.append)
    assert late == [None]
    assert not wire.clock.getDelayedCalls()


def test_leaving_a_router_that_does_not_answer(wire: Any) -> None:
    """It has a while."""
    session = wire.welcome()
    session.leave()
    wire.clock.advance(FAREWELL_WITHIN + 0.1)
    assert wire.transport.disconnecting


def test_an_abort_in_the_middle(wire: Any) -> None:
    """The reason is the router's."""
    wire.welcome()
    wire.says(Abort(CloseDetails("enough"), "com.example.no"))
    assert wire.left == ["com.example.no: enough"]


def test_a_closed_websocket(wire: Any) -> None:
    """The session ends at once; nothing is sent into the void."""
    if not isinstance(wire, WebWire):
        pytest.skip("RawSocket has no such thing")
    session = wire.welcome()
    wire.server.send_close(1001, "the router stops")
    wire.flush()
    assert not session.is_open
    assert wire.left == ["the router at test closed the WebSocket: 1001 (going away) the router stops"]


@pytest.mark.parametrize("nonsense", [b"\0\0\0\x02\x91\xff", b"\x05\0\0\0"], ids=["message", "frame"])
def test_nonsense_ends_the_session(nonsense: bytes) -> None:
    """The router is told."""
    wire = RawWire()
    wire.welcome()
    wire.connection.dataReceived(nonsense)
    (abort,) = wire.heard()
    assert isinstance(abort, Abort)
    assert abort.reason == "wamp.error.protocol_violation"
    assert "the router at test broke the protocol: " in wire.left[0]
    assert wire.transport.disconnecting


def test_a_text_frame_where_binary_is_spoken() -> None:
    """And the other way round."""
    wire = WebWire()
    wire.welcome()
    wire.server.send_binary(b"[]")
    wire.flush()
    assert "a BINARY frame; TEXT would be right" in wire.left[0]


def test_messages_in_pieces() -> None:
    """Octet by octet, and in fragments."""
    raw = RawWire()
    session = raw.welcome()
    got: list[Any] = []
    session.subscribe("com.x", got.append)
    for octet in frame(MSGPACK.encode(Subscribed(1, 5))) + frame(MSGPACK.encode(Event(5, 1, EventDetails()))):
        raw.connection.dataReceived(bytes((octet,)))
    assert len(got) == 1
    web = WebWire()
    session = web.welcome()
    session.call("com.x").addBoth(got.append)
    web.server.send_text(b'[50,1,{},["', fin=False)
    web.server.send_continuation("ü".encode() * 10, fin=False)
    web.server.send_continuation(b'"]]', fin=True)
    web.flush()
    assert got[1].value == "ü" * 10


def test_an_answer_that_does_not_fit_its_request_is_passed_over() -> None:
    """A router may answer what was given up."""
    wire = RawWire()
    session = wire.welcome()
    wire.says(Subscribed(77, 5))
    wire.says(Yield(1, YieldOptions()))
    wire.says(Call(1, CallOptions(), "com.x"))
    assert session.is_open
