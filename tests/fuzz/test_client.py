"""Any octets from a router: our client has a session, or says why not; nothing else ever comes of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, globalLogPublisher

from edge_router.client.failures import ConnectFailed
from edge_router.wamp.codecs import JSON, MSGPACK
from edge_router.wamp.messages import Challenge, Event, EventDetails, Invocation, InvocationDetails, Message, Welcome
from edge_router.wamp.rawsocket import frame
from tests.client.test_connection import RawWire, WebWire

MESSAGES: list[Message] = [
    Welcome(9),
    Challenge("ticket"),
    Event(1, 1, EventDetails()),
    Invocation(1, 1, InvocationDetails()),
]
FRAMES = st.sampled_from([frame(MSGPACK.encode(message)) for message in MESSAGES])
PIECES = st.lists(st.one_of(st.binary(max_size=40), FRAMES), max_size=6)


def fed(wire: Any, pieces: list[bytes]) -> None:
    """Hand over what came, then lose the connection. A fault of ours would be logged with its traceback."""
    faults: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            faults.append(event)

    outcome: list[Any] = []
    wire.joined.addBoth(outcome.append)
    globalLogPublisher.addObserver(observe)
    try:
        for piece in pieces:
            wire.connection.dataReceived(piece)
        wire.lose()
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not faults
    (found,) = outcome
    assert found.check(ConnectFailed) if hasattr(found, "check") else not found.is_open
    assert not wire.clock.getDelayedCalls()


@given(PIECES)
def test_octets_over_rawsocket(pieces: list[bytes]) -> None:
    """Before and after WELCOME."""
    fed(RawWire(), pieces)
    fed(RawWire(), [frame(MSGPACK.encode(MESSAGES[0])), *pieces])


@given(PIECES)
def test_octets_over_websocket(pieces: list[bytes]) -> None:
    """In frames and out of them."""
    fed(WebWire(), pieces)
    wire = WebWire()
    wire.server.send_text(JSON.encode(MESSAGES[0]))
    for piece in pieces:
        wire.server.send_text(piece)
    fed(wire, [*wire.server.data_to_send(), *pieces])
