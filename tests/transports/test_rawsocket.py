"""A RawSocket server and its router, over a transport in memory: handshake, frames, pings, and what can be wrong."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from edge_router.auth.anonymous import Anonymous
from edge_router.config.schema import AnonymousAuth, Limits, RawSocket, RawSocketOptions, Role, TcpEndpoint
from edge_router.router.router import Router
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.transports.rawsocket import RawSockets
from edge_router.wamp import rawsocket
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.messages import Register, RegisterOptions, Yield, YieldOptions
from edge_router.wamp.rawsocket import Deframer, control, frame
from tests.router.players import Player, make_router, open_realm
from tests.scenarios.language import CODES, NAMES
from tests.transports.wires import MemoryTransport

JSON_HELLO = b"\x7f\xf1\0\0"
ROLES = {"roles": {"callee": {"features": {"call_canceling": True}}, "caller": {}}}


class House:
    """A router in memory that RawSocket connections come in by."""

    def __init__(self, limits: Limits | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.router: Router = make_router(clock=self.clock)
        self.outbox = Outbox(self.clock)
        methods = {"anonymous": Anonymous(AnonymousAuth())}
        self.host = Host(
            self.clock, self.outbox, lambda peer, _auth, limits: self.router.attach(peer, methods, limits), Path(), dict
        )
        self.config = RawSocket(
            endpoint=TcpEndpoint(port=0), options=RawSocketOptions(**options), limits=limits or Limits()
        )
        self.connections = Connections(RawSockets(self.config, self.host).protocol, 10, self.clock)

    def connect(self) -> Client:
        """A connection before its handshake."""
        return Client(self)

    def join(self) -> Client:
        """A connection in JSON that has joined."""
        client = Client(self)
        client.octets(JSON_HELLO)
        assert client.transport.sent() == b"\x7f\xb1\0\0"
        client.says("HELLO", "realm1", ROLES)
        assert client.hears()[0] == "WELCOME"
        return client

    @property
    def sessions(self) -> int:
        return len(self.router.realms["realm1"].sessions)


class Client:
    """The other end, in JSON."""

    def __init__(self, house: House) -> None:
        self.server = house.connections.buildProtocol(None)
        assert self.server is not None
        self.transport = MemoryTransport()
        self.transport.protocol = self.server
        self.server.makeConnection(self.transport)
        self._deframer = Deframer(2**24)
        self._heard: list[Any] = []

    def octets(self, data: bytes) -> None:
        """These octets arrive at the router."""
        self.server.dataReceived(data)

    def says(self, name: str, *fields: Any) -> None:
        """A message."""
        self.octets(frame(json.dumps([CODES[name], *fields]).encode()))

    def hears(self) -> list[Any]:
        """The next message, by name."""
        self._heard += self._deframer.feed(self.transport.sent())
        assert self._heard, "nothing came"
        message = json.loads(self._heard.pop(0))
        return [NAMES[message[0]], *message[1:]]

    def hears_nothing(self) -> None:
        self._heard += self._deframer.feed(self.transport.sent())
        assert not self._heard

    def is_aborted(self) -> None:
        """ABORT wamp.error.protocol_violation came, and the connection is to be closed."""
        assert self.hears()[::2] == ["ABORT", "wamp.error.protocol_violation"]
        assert self.transport.disconnecting

    def is_lost(self) -> None:
        """The connection breaks."""
        self.server.connectionLost(Failure(ConnectionLost()))

    def stops_reading(self) -> None:
        self.transport.producer.pauseProducing()

    def reads_again(self) -> None:
        self.transport.producer.resumeProducing()


# --- handshake ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", [1, 2, 3])
def test_the_handshake_agrees_on_serializer_and_length(serializer: int) -> None:
    """The router answers with the serializer and its own limit (spec, "RawSocket Transport: Handshake")."""
    client = House(max_message_size=2**16).connect()
    client.octets(bytes((0x7F, 0xF0 | serializer, 0, 0)))
    assert client.transport.sent() == bytes((0x7F, 0x70 | serializer, 0, 0))
    assert not client.transport.disconnecting


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (b"\x7f\xf4\0\0", b"\x7f\x10\0\0"),  # serializer unsupported
        (b"\x7f\xf0\0\0", b"\x7f\x10\0\0"),  # serializer 0 is reserved
        (b"\x7f\xf1\1\0", b"\x7f\x30\0\0"),  # use of reserved bits
        (b"\x7f\xf1\0\x80", b"\x7f\x30\0\0"),
        (b"GET ", b""),  # no RawSocket at all
        (b"\x16\x03\x01\x02", b""),
    ],
)
def test_a_handshake_that_is_refused_is_answered_with_its_error_code(octets: bytes, answer: bytes) -> None:
    """And the connection is closed; what comes after is not looked at."""
    house = House()
    client = house.connect()
    client.octets(octets + b"anything more")
    client.octets(JSON_HELLO + frame(b"[]"))
    assert client.transport.sent() == answer
    assert client.transport.disconnecting
    client.is_lost()
    assert not house.connections.open


def test_a_handshake_may_come_octet_by_octet() -> None:
    """And the first message in the same piece as the last octet."""
    client = House().connect()
    for octet in JSON_HELLO[:3]:
        client.octets(bytes((octet,)))
    client.octets(JSON_HELLO[3:] + frame(json.dumps([1, "realm1", ROLES]).encode()))
    assert client.transport.sent()[:4] == b"\x7f\xb1\0\0"


def test_who_does_not_shake_hands_in_time_is_cut_off() -> None:
    """`open_handshake_timeout` counts from the connection."""
    house = House(open_handshake_timeout=1000)
    client = house.connect()
    client.octets(b"\x7f")
    house.clock.advance(0.99)
    assert not client.transport.cut
    house.clock.advance(0.02)
    assert client.transport.cut


def test_who_does_not_say_hello_in_time_is_aborted() -> None:
    """The same time is for HELLO."""
    house = House(open_handshake_timeout=1000)
    client = house.connect()
    client.octets(JSON_HELLO)
    client.transport.sent()
    house.clock.advance(1.1)
    house.clock.advance(0)
    client.is_aborted()


def test_who_has_joined_is_left_alone() -> None:
    """No timer is left once it has fired."""
    house = House(open_handshake_timeout=1000)
    client = house.join()
    house.clock.advance(1.1)
    client.hears_nothing()
    assert not house.clock.getDelayedCalls()


# --- frames ------------------------------------------------------------------------------------------------------


def test_frames_may_come_octet_by_octet() -> None:
    """What a message is does not depend on how it arrives."""
    client = House().join()
    for octet in frame(b'[32,1,{},"com.x"]'):
        client.octets(bytes((octet,)))
    assert client.hears() == ["SUBSCRIBED", 1, 1]


def test_what_one_read_causes_leaves_in_one_write() -> None:
    """Three answers, one write."""
    client = House().join()
    writes: list[bytes] = []
    client.transport.write = writes.append  # type: ignore[method-assign]
    client.server._peer._write = writes.append  # type: ignore[attr-defined]
    client.octets(b"".join(frame(b'[32,%d,{},"com.x"]' % request) for request in (1, 2, 3)))
    assert len(writes) == 1
    assert len(Deframer(2**24).feed(writes[0])) == 3


def test_a_frame_over_the_limit_is_refused_before_it_is_collected() -> None:
    """As soon as its length is announced."""
    house = House(max_message_size=1024)
    client = house.connect()
    client.octets(JSON_HELLO + frame(json.dumps([1, "realm1", ROLES]).encode()))
    client.transport.sent()
    client.octets((1025).to_bytes(4, "big"))
    client.is_aborted()
    assert house.sessions == 0


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    """The limit is what the handshake said."""
    house = House(max_message_size=1024)
    client = house.connect()
    client.octets(JSON_HELLO + frame(json.dumps([1, "realm1", ROLES]).encode()))
    client.transport.sent()
    message = b'[32,1,{},"com.x"' + b" " * 1007 + b"]"
    assert len(message) == 1024
    client.octets(frame(message))
    assert client.hears() == ["SUBSCRIBED", 1, 1]


@pytest.mark.parametrize("kind", [3, 7, 0x80, 0xFF])
def test_a_frame_of_an_unknown_type_is_a_violation(kind: int) -> None:
    """Types from 3 on are reserved."""
    client = House().join()
    client.octets(bytes((kind, 0, 0, 1)) + b"x")
    client.is_aborted()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[",
        b"{}",
        b"[]",
        b"null",
        b'["16",1]',
        b"[16]",
        b"[99,1]",
        b"[16.5,1,{},\"com.x\"]",
        b'[16,1,{},"com.x",["\xff\xfe"]]',
        b'[16,1,{},"com.\xc3\x28"]',
        b'[16,1,{},"com.x",[1],{}] []',
        b"\xff" * 100,
        b'[16,1,{},"com.x",' + b"[" * 5000 + b"]" * 5000 + b"]",
        b'[16,1,{"x":' + b"[" * 5000 + b"]" * 5000 + b'},"com.x"]',
        b'[16,1,{},"com.x",[1,]]',
        b'[16,1,{},"com.x",[NaN]]',
        b'[16,1,{},"com.x",["\\x"]]',
    ],
    ids=lambda payload: payload[:30],
)
def test_what_is_no_message_ends_its_session_and_no_other(payload: bytes) -> None:
    """ABORT for the sender; a bystander hears nothing of it and goes on."""
    house = House()
    client, bystander = house.join(), house.join()
    bystander.says("SUBSCRIBE", 1, {"match": "prefix"}, "com")
    assert bystander.hears()[0] == "SUBSCRIBED"
    client.octets(frame(payload))
    client.is_aborted()
    bystander.hears_nothing()
    assert house.sessions == 1
    bystander.says("PUBLISH", 2, {"exclude_me": False}, "com.x")
    assert bystander.hears()[0] == "EVENT"


def test_nothing_is_handled_after_a_violation() -> None:
    """Not in the same read, nor in later ones."""
    house = House()
    client, other = house.join(), house.join()
    other.says("SUBSCRIBE", 1, {}, "com.x")
    other.hears()
    good = frame(b'[16,1,{},"com.x"]')
    client.octets(good + frame(b"?") + good)
    client.octets(good)
    assert other.hears()[0] == "EVENT"
    other.hears_nothing()


def test_a_megabyte_uri_is_refused_in_a_few_words() -> None:
    """An ERROR whose text does not repeat the megabyte."""
    client = House().join()
    client.says("SUBSCRIBE", 1, {}, "x" * 1_000_000)
    answer = client.hears()
    assert answer[:5:2] == ["ERROR", 1, "wamp.error.invalid_uri"]
    assert len(json.dumps(answer)) < 400
    client.says("HELLO", "y" * 1_000_000, ROLES)
    client.is_aborted()


def test_a_realm_of_a_megabyte_is_refused_in_a_few_words() -> None:
    """Nor does ABORT repeat it."""
    client = House().connect()
    client.octets(JSON_HELLO)
    client.transport.sent()
    client.says("HELLO", "y" * 1_000_000, ROLES)
    answer = client.hears()
    assert answer[::2] == ["ABORT", "wamp.error.no_such_realm"]
    assert len(json.dumps(answer)) < 400


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_message_in_tiny_pieces_takes_no_more_memory_than_its_size(size: int) -> None:
    """Pieces are put together as they come, or a megabyte would take twenty."""
    whole = 2**17
    deframer = Deframer(whole)
    piece = bytes(size)
    deframer.feed(whole.to_bytes(4, "big"))
    tracemalloc.start()
    try:
        for _ in range(whole // size - 1):
            assert not deframer.feed(bytes(bytearray(piece)))
        peak = tracemalloc.get_traced_memory()[1]
        # of the deframer alone: other tests may have left threads that allocate meanwhile
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, rawsocket.__file__)])
    finally:
        tracemalloc.stop()
    assert whole <= sum(trace.size for trace in ours.traces) < 1.3 * whole
    assert peak < 2.5 * whole


# --- pings -------------------------------------------------------------------------------------------------------


def test_a_ping_is_answered_with_its_payload() -> None:
    """In any state after the handshake (spec, "RawSocket Transport: Message Serialization")."""
    client = House().connect()
    client.octets(JSON_HELLO)
    client.transport.sent()
    client.octets(control(1, b"are you there"))
    assert client.transport.sent() == control(2, b"are you there")


def test_a_pong_that_nobody_asked_for_is_passed_over() -> None:
    """It counts as a sign of life."""
    client = House().join()
    client.octets(control(2, b"x"))
    client.hears_nothing()


def test_a_peer_that_vanishes_is_noticed_by_pings_and_its_registrations_are_free() -> None:
    """Interval and time-out later (issue 2)."""
    house = House(auto_ping_interval=1000, auto_ping_timeout=500)
    client, other = house.join(), house.join()
    client.says("REGISTER", 1, {}, "com.x")
    client.hears()
    house.clock.advance(1.0)
    house.clock.advance(0)
    assert client.transport.sent()[:1] == b"\1"
    other.octets(control(2, b"edge"))
    house.clock.advance(0.6)
    assert client.transport.cut
    assert not other.transport.cut
    client.is_lost()
    other.transport.sent()
    other.says("REGISTER", 1, {}, "com.x")
    assert other.hears()[0] == "REGISTERED"


# --- authorizers -------------------------------------------------------------------------------------------------


def _asking(**options: Any) -> tuple[House, Player]:
    """A realm where everybody has to be asked about, and who is asked."""
    house = House(Limits(authorizer_queue=4096), **options)
    realm = house.router.add_realm(open_realm(roles=[Role(name="anonymous", authorizer="com.auth")]))
    guard = Player(house.router)
    guard.session = realm.admit(guard, "trusted", "guard")
    guard.sends(Register(1, RegisterOptions(), "com.auth"))
    guard.next()
    return house, guard


def test_a_connection_is_not_read_while_too_much_waits_for_an_authorizer() -> None:
    """What was read already is kept, in order; then it is read on."""
    house, guard = _asking()
    client = house.join()
    messages = [[16, request, {"acknowledge": True}, "com.x", ["x" * 100]] for request in range(1, 101)]
    client.octets(b"".join(frame(json.dumps(message).encode()) for message in messages))
    client.hears_nothing()
    assert client.transport.producerState == "paused"
    guard.sends(Yield(guard.next().request, YieldOptions(), MSGPACK.dumps([{"allow": True, "cache": True}])))
    for _ in range(2):
        house.clock.advance(0)
    assert client.transport.producerState == "producing"
    assert [client.hears()[:2] for _ in messages] == [["PUBLISHED", request] for request in range(1, 101)]


def test_whom_the_router_does_not_listen_to_need_not_answer_its_pings() -> None:
    """Its answer waits in the connection."""
    house, guard = _asking(auto_ping_interval=1000, auto_ping_timeout=500)
    client = house.join()
    for request in range(1, 51):
        client.says("PUBLISH", request, {}, "com.x", ["x" * 100])
    house.clock.advance(1.0)
    house.clock.advance(0.6)
    assert not client.transport.cut
    guard.sends(Yield(guard.next().request, YieldOptions(), MSGPACK.dumps([{"allow": True, "cache": True}])))
    house.clock.advance(0)
    for _ in range(3):
        house.clock.advance(0.6)
    assert client.transport.cut


# --- slow readers ------------------------------------------------------------------------------------------------

QUEUE = 8192


def _publish(publisher: Client, count: int, first: int = 0) -> None:
    for request in range(first, first + count):
        publisher.says("PUBLISH", request + 1, {}, "com.x", [request, "x" * 100])


def test_a_slow_reader_loses_the_oldest_events_and_they_are_counted() -> None:
    """Policy drop_oldest: memory is bounded, the latest are there when it reads again (DESIGN, "Slow readers")."""
    house = House(Limits(send_queue=QUEUE))
    slow, publisher = house.join(), house.join()
    slow.says("SUBSCRIBE", 1, {}, "com.x")
    slow.hears()
    slow.stops_reading()
    _publish(publisher, 1000)
    peer = slow.server._peer  # type: ignore[attr-defined]
    assert peer._held <= QUEUE
    assert sum(len(data) for data, _ in peer._backlog) == peer._held
    assert slow.transport.sent() == b""
    slow.reads_again()
    kept = [slow.hears()[4][0] for _ in range(len(Deframer(2**24).feed(slow.transport.value())))]
    assert kept == list(range(1000 - len(kept), 1000))
    assert len(kept) > 20
    assert peer.dropped == house.outbox.dropped == 1000 - len(kept)
    _publish(publisher, 1, 1000)
    assert slow.hears()[4][0] == 1000


def test_a_slow_reader_is_closed_if_the_policy_says_so() -> None:
    """Policy close: GOODBYE with a reason, then the end."""
    house = House(Limits(send_queue=QUEUE, slow_reader="close"))
    slow, publisher = house.join(), house.join()
    slow.says("SUBSCRIBE", 1, {}, "com.x")
    slow.hears()
    slow.stops_reading()
    _publish(publisher, 200)
    house.clock.advance(0)
    assert house.sessions == 1
    slow.reads_again()
    house.clock.advance(0)
    assert slow.hears()[::2] == ["GOODBYE", "wamp.close.slow_reader"]
    assert slow.transport.disconnecting


def test_a_slow_reader_that_never_reads_is_cut_off_after_a_while() -> None:
    """What cannot leave is given up."""
    house = House(Limits(send_queue=QUEUE, slow_reader="close"))
    slow, publisher = house.join(), house.join()
    slow.says("SUBSCRIBE", 1, {}, "com.x")
    slow.hears()
    slow.stops_reading()
    _publish(publisher, 200)
    house.clock.advance(0)
    assert not slow.transport.cut
    house.clock.advance(5.1)
    assert slow.transport.cut
    slow.is_lost()


def test_what_belongs_to_calls_is_never_dropped() -> None:
    """Events make room for results."""
    house = House(Limits(send_queue=QUEUE))
    slow, callee = house.join(), house.join()
    slow.says("SUBSCRIBE", 1, {}, "com.x")
    slow.hears()
    callee.says("REGISTER", 1, {}, "com.work")
    callee.hears()
    for request in range(1, 21):
        slow.says("CALL", request, {}, "com.work")
        callee.hears()
    slow.stops_reading()
    for request in range(1, 21):
        _publish(callee, 50, request * 100)
        callee.says("YIELD", request, {}, [request])
    slow.reads_again()
    count = len(Deframer(2**24).feed(slow.transport.value()))
    results = [heard[1] for heard in (slow.hears() for _ in range(count)) if heard[0] == "RESULT"]
    assert results == list(range(1, 21))


def test_a_caller_that_does_not_read_its_results_is_closed() -> None:
    """When results alone fill the queue."""
    house = House(Limits(send_queue=QUEUE))
    slow, callee = house.join(), house.join()
    callee.says("REGISTER", 1, {}, "com.work")
    callee.hears()
    for request in range(1, 21):
        slow.says("CALL", request, {}, "com.work")
        callee.hears()
    slow.stops_reading()
    for request in range(1, 21):
        callee.says("YIELD", request, {}, ["x" * 1000])
    house.clock.advance(0)
    assert house.sessions == 1
    callee.says("CALL", 9, {}, "com.nothing")
    assert [callee.hears()[0] for _ in range(1)] != ["GOODBYE"]


def test_an_invocation_for_a_callee_that_does_not_read_becomes_an_error_to_the_caller() -> None:
    """The caller learns at once; the callee keeps its session (issue 2)."""
    house = House(Limits(send_queue=QUEUE))
    callee, caller = house.join(), house.join()
    callee.says("REGISTER", 1, {}, "com.work")
    callee.hears()
    callee.stops_reading()
    refused = []
    for request in range(1, 21):
        caller.says("CALL", request, {}, "com.work", ["x" * 1000])
        if caller.transport.value():
            refused.append(caller.hears())
    assert 5 < len(refused) < 20
    assert [answer[4] for answer in refused] == ["wamp.error.unavailable"] * len(refused)
    assert [answer[2] for answer in refused] == list(range(21 - len(refused), 21))
    assert house.sessions == 2
    callee.reads_again()
    waiting = len(Deframer(2**24).feed(callee.transport.value()))
    assert [callee.hears()[1] for _ in range(waiting)] == list(range(1, waiting + 1))
    assert waiting + len(refused) == 20
    caller.says("CALL", 21, {}, "com.work")
    assert callee.hears()[:2] == ["INVOCATION", waiting + 1]


def test_a_flood_of_pings_from_a_peer_that_does_not_read_is_bounded() -> None:
    """Also while its connection is being closed."""
    house = House(Limits(send_queue=QUEUE))
    client = house.join()
    client.stops_reading()
    for _ in range(100):
        client.octets(control(1, b"x" * 1000))
    house.clock.advance(0)
    peer = client.server._peer  # type: ignore[attr-defined]
    assert house.sessions == 0
    for _ in range(100):
        client.octets(control(1, b"x" * 1000))
    assert peer._held <= QUEUE + 1100
    assert sum(len(data) for data, _ in peer._backlog) <= QUEUE + 1100
    house.clock.advance(5.1)
    assert client.transport.cut


def test_an_event_longer_than_the_peer_takes_is_dropped_and_counted() -> None:
    """The handshake said what the client takes; a call's message becomes an ERROR instead."""
    house = House()
    small, big = house.connect(), house.join()
    small.octets(b"\x7f\x11\0\0")
    small.transport.sent()
    small.says("HELLO", "realm1", {"roles": {"callee": {}}})
    small.hears()
    small.says("SUBSCRIBE", 1, {}, "com.x")
    small.says("REGISTER", 2, {}, "com.work")
    small.hears(), small.hears()
    big.says("PUBLISH", 1, {}, "com.x", ["x" * 1100])
    small.hears_nothing()
    assert small.server._peer.dropped == 1  # type: ignore[attr-defined]
    big.says("CALL", 2, {}, "com.work", ["x" * 1100])
    assert big.hears()[:5:2] == ["ERROR", 2, "wamp.error.payload_size_exceeded"]
    big.says("PUBLISH", 3, {}, "com.x", ["x" * 900])
    assert small.hears()[0] == "EVENT"


# --- the end -----------------------------------------------------------------------------------------------------


def test_a_lost_connection_ends_its_session() -> None:
    """Nothing of it is left."""
    house = House()
    client = house.join()
    client.says("SUBSCRIBE", 1, {}, "com.x")
    client.is_lost()
    assert house.sessions == 0
    assert not house.connections.open
    assert not len(house.router.realms["realm1"].broker.subscriptions)
    house.clock.advance(10)
    assert not house.clock.getDelayedCalls()


def test_a_bug_of_ours_ends_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The border of the router holds."""
    house = House()
    client, other = house.join(), house.join()

    def fail(_message: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(client.server, "_decode", fail)
    client.octets(frame(b"[]"))
    client.is_aborted()
    other.says("SUBSCRIBE", 1, {}, "com.x")
    assert other.hears()[0] == "SUBSCRIBED"
