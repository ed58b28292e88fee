"""What is sent while one read is handled leaves in one write a peer; what is sent besides leaves a turn later."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from edge_router.config.schema import Limits
from edge_router.router.interfaces import TransportDetails
from edge_router.transports.outbox import Outbox
from edge_router.transports.peer import StreamPeer
from edge_router.wamp.codecs import JSON
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Error, Event, EventDetails, Passthru, Published, Welcome, WelcomeDetails
from edge_router.wamp.outgoing import Outgoing, Wire
from tests.transports.wires import MemoryTransport

WIRE = Wire(JSON, lambda data: data + b"\n")


class Touched:
    """A peer with something to write. `then`: what its flush does, too."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.flushes = 0
        self._then = then

    def flush(self) -> None:
        self.flushes += 1
        self._then()


def test_within_a_read_nothing_is_flushed_before_its_end() -> None:
    """And nothing is left for later."""
    clock, peer = Clock(), Touched()
    outbox = Outbox(clock)
    outbox.begin()
    outbox.touch(peer)
    assert not clock.getDelayedCalls()
    outbox.flush()
    assert peer.flushes == 1
    outbox.flush()
    assert peer.flushes == 1


def test_outside_of_reads_one_flush_in_the_next_turn_is_for_all() -> None:
    """Bridges and timers send so."""
    clock, one, two = Clock(), Touched(), Touched()
    outbox = Outbox(clock)
    outbox.touch(one)
    outbox.touch(two)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert one.flushes == two.flushes == 1
    outbox.touch(one)
    clock.advance(0)
    assert one.flushes == 2


def test_what_a_flush_causes_is_flushed_in_the_next_turn() -> None:
    """A local session answers while it is flushed."""
    clock, late = Clock(), Touched()
    outbox = Outbox(clock)
    early = Touched(lambda: outbox.touch(late))
    outbox.begin()
    outbox.touch(early)
    outbox.flush()
    assert late.flushes == 0
    clock.advance(0)
    assert late.flushes == 1


def test_a_peer_that_fails_keeps_nobody_from_writing() -> None:
    """It is logged, and the others are flushed."""

    def fail() -> None:
        raise RuntimeError("a bug")

    logged: list[LogEvent] = []
    outbox, healthy = Outbox(Clock()), Touched()
    outbox.begin()
    outbox.touch(Touched(fail))
    outbox.touch(healthy)
    globalLogPublisher.addObserver(logged.append)
    try:
        outbox.flush()
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert healthy.flushes == 1
    assert [event["log_failure"].type for event in logged] == [RuntimeError]


class House:
    """A peer over a transport in memory."""

    def __init__(self, **limits: object) -> None:
        self.clock = Clock()
        self.outbox = Outbox(self.clock)
        self.transport = MemoryTransport()
        self.peer = StreamPeer(
            self.transport,
            WIRE,
            self.outbox,
            Limits(**limits),  # type: ignore[arg-type]
            TransportDetails("memory", "memory"),
            self.clock,
        )

    def event(self, number: int = 1) -> Outgoing:
        return Outgoing(Event(1, number, EventDetails(), JSON.dumps(["x" * 50])), JSON)


@pytest.fixture
def house() -> House:
    return House()


def test_a_peer_writes_its_frames_in_order_and_in_one_piece(house: House) -> None:
    """Events and answers alike."""
    house.outbox.begin()
    house.peer.send(house.event(1))
    house.peer.send_message(Published(1, 1))
    house.peer.send(house.event(2))
    assert house.transport.value() == b""
    house.outbox.flush()
    lines = house.transport.sent().splitlines()
    assert [JSON.decode(line) for line in lines] == [house.event(1).message, Published(1, 1), house.event(2).message]


def test_close_lets_out_what_was_handed_over_before(house: House) -> None:
    """And nothing is counted as dropped."""
    house.peer.send_message(Published(1, 1))
    house.peer.close()
    house.peer.close()
    house.clock.advance(0)
    assert house.transport.sent() == b"[17,1,1]\n"
    assert house.transport.disconnecting
    assert house.peer.dropped == 0
    house.peer.gone()
    house.clock.advance(10)
    assert not house.transport.cut
    assert not house.clock.getDelayedCalls()


def test_close_waits_for_what_is_held_back(house: House) -> None:
    """The connection is closed when the other end has read it."""
    house.peer.pauseProducing()
    house.peer.send_message(Published(1, 1))
    house.peer.close()
    house.clock.advance(0)
    assert not house.transport.disconnecting
    house.peer.resumeProducing()
    house.clock.advance(0)
    assert house.transport.sent() == b"[17,1,1]\n"
    assert house.transport.disconnecting


def test_the_order_is_kept_over_a_pause(house: House) -> None:
    """What waited goes before what comes after."""
    house.peer.pauseProducing()
    for number in (1, 2):
        house.peer.send(house.event(number))
    house.peer.resumeProducing()
    house.peer.send(house.event(3))
    house.clock.advance(0)
    lines = house.transport.sent().splitlines()
    assert [JSON.decode(line).publication for line in lines] == [1, 2, 3]  # type: ignore[attr-defined]


def test_a_transport_that_fills_up_again_is_not_fed_more() -> None:
    """Chunk by chunk, as long as it takes them."""
    house = House()
    house.peer.pauseProducing()
    for number in range(1, 3001):
        house.peer.send(house.event(number))
    write = house.transport.write
    chunks: list[int] = []

    def full(data: bytes) -> None:
        chunks.append(len(data))
        write(data)
        house.peer.pauseProducing()

    house.peer._write = full
    house.peer.resumeProducing()
    assert len(chunks) == 1
    while house.peer._backlog:
        house.peer.resumeProducing()
    lines = house.transport.sent().splitlines()
    assert [JSON.decode(line).publication for line in lines] == list(range(1, 3001))  # type: ignore[attr-defined]
    assert max(chunks) < 70_000


def test_what_comes_after_the_end_goes_nowhere(house: House) -> None:
    """A lost connection holds no memory."""
    house.peer.pauseProducing()
    house.peer.send_message(Published(1, 1))
    house.peer.gone()
    house.peer.send(house.event())
    house.clock.advance(10)
    assert not house.peer._backlog
    assert house.transport.sent() == b""


def test_an_error_that_is_longer_than_the_peer_takes_goes_without_its_payload(house: House) -> None:
    """What counts is that the request is over."""
    house.peer.max_frame = 512
    house.peer.send_message(Error(48, 1, Passthru(), "com.bad", JSON.dumps(["x" * 600])))
    house.clock.advance(0)
    assert house.transport.value() == b'[8,48,1,{},"com.bad"]\n'


def test_a_peer_that_takes_too_little_for_a_session_is_told_so(house: House) -> None:
    """A WELCOME of more octets than its handshake allows would be taken for garbage."""
    violations: list[ProtocolViolation] = []

    class Session:
        id = 7
        violated = staticmethod(violations.append)

    house.peer.max_frame = 512
    house.peer.session = Session()  # type: ignore[assignment]
    house.peer.send_message(Welcome(1, WelcomeDetails(agent="x" * 600)))
    assert not violations
    house.clock.advance(0)
    assert house.transport.value() == b""
    (violation,) = violations
    assert "a WELCOME of 6" in violation.message
    assert "octets; this client takes 512" in violation.message
