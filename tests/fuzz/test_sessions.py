"""Any bytes, whole or byte by byte, in every state of a session: it goes on or ends with ABORT; nobody else minds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.config.schema import Limits
from edge_router.router.router import Router
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import PROTOCOL_VIOLATION, ProtocolViolation
from edge_router.wamp.messages import (
    Abort,
    Call,
    CallOptions,
    CloseDetails,
    Event,
    EventDetails,
    Goodbye,
    Hello,
    HelloDetails,
    Invocation,
    Message,
    Publish,
    PublishOptions,
    Register,
    RegisterOptions,
    Result,
    Subscribe,
    SubscribeOptions,
    Yield,
    YieldOptions,
)
from edge_router.wamp.rawsocket import Deframer, frame
from tests.fuzz.strategies import frames
from tests.router.players import Player, args, make_router

HELLO = Hello("realm1", HelloDetails(roles={"callee": {"features": {"call_canceling": True}}}))
#: what a session has said before the bytes come
STATES: dict[str, list[Message]] = {
    "new": [],
    "established": [HELLO],
    "busy": [
        HELLO,
        Subscribe(1, SubscribeOptions(match="prefix"), "com"),
        Register(2, RegisterOptions(), "com.mine"),
        Call(3, CallOptions(timeout=100), "com.slow"),
        Call(4, CallOptions(), "com.mine"),
    ],
    "left": [HELLO, Goodbye(CloseDetails(), "wamp.close.normal")],
    "aborted": [HELLO, HELLO],
}


class Bystanders:
    """Two sessions that work with each other all the while."""

    def __init__(self, router: Router) -> None:
        self._one = Player(router).joins()
        self._two = Player(router).joins()
        self._one.sends(Subscribe(1, SubscribeOptions(), "org.bystanders"))
        self._subscription = self._one.next().subscription
        self._one.sends(Register(2, RegisterOptions(), "com.slow"))
        self._one.sends(Register(3, RegisterOptions(), "org.work"))
        self._one.next(), self._one.next()
        self._request = 0

    def work(self) -> None:
        """An event and a call go through, whatever else came in between."""
        self._request += 1
        request = self._request
        list(self._one.everything()), list(self._two.everything())
        self._two.sends(Publish(request, PublishOptions(), "org.bystanders", args(request)))
        event = self._one.next()
        assert event == Event(self._subscription, event.publication, EventDetails(), args(request))
        self._two.sends(Call(request, CallOptions(), "org.work", args(request)))
        invocation = self._one.next()
        assert type(invocation) is Invocation
        self._one.sends(Yield(invocation.request, YieldOptions(), invocation.args))
        assert type(self._two.next()) is Result


class Attacker:
    """A session that says anything, through framing and encoding as a transport has them."""

    def __init__(self, router: Router, encoding: str, state: str) -> None:
        self.player = Player(router, codec=CODECS[encoding], limits=Limits(subscriptions=3, registrations=3, calls=3))
        self.deframer = Deframer(512)
        for message in STATES[state]:
            self.player.sends(message)
        list(self.player.everything())

    def feed(self, data: bytes) -> None:
        """As `RawSocketServer._read` does."""
        session = self.player.session
        try:
            for payload in self.deframer.feed(data):
                session.receive(self.player.codec.decode(payload))
            if self.deframer.violation is not None:
                raise self.deframer.violation
        except ProtocolViolation as violation:
            session.violated(violation)

    def check(self) -> None:
        """ABORT is the last thing that is said, and then the session holds nothing."""
        said = list(self.player.everything())
        for at, message in enumerate(said):
            assert type(message) is not Abort or (at == len(said) - 1 and self.player.closed)
        if self.player.closed:
            session = self.player.session
            assert session.realm is None
            if session.id:
                for held in (session.subscriptions, session.registrations, session.calls, session.invocations):
                    assert not held


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("encoding", CODECS)
@settings(max_examples=60)
@given(data=st.data())
def test_frames_with_anything_inside(encoding: str, state: str, data: st.DataObject) -> None:
    """Framed right, and anything inside."""
    router = make_router()
    bystanders = Bystanders(router)
    attacker = Attacker(router, encoding, state)
    octets = b"".join(frame(payload) for payload in data.draw(st.lists(frames(encoding), min_size=1, max_size=4)))
    if data.draw(st.booleans(), label="byte by byte"):
        for octet in octets:
            attacker.feed(bytes((octet,)))
    else:
        attacker.feed(octets)
    attacker.check()
    bystanders.work()
    attacker.player.session.lost()
    assert len(router.realms["realm1"].sessions) == 2
    bystanders.work()


@pytest.mark.parametrize("state", STATES)
@given(pieces=st.lists(st.binary(max_size=24), max_size=6))
def test_octets_without_any_sense(state: str, pieces: list[bytes]) -> None:
    """Not even framed."""
    router = make_router()
    bystanders = Bystanders(router)
    attacker = Attacker(router, "json", state)
    for piece in pieces:
        attacker.feed(piece)
    attacker.check()
    bystanders.work()


@given(cut=st.lists(st.integers(1, 40), max_size=20), payloads=st.lists(st.binary(max_size=30), max_size=6))
def test_frames_come_out_whole_whatever_pieces_they_come_in(cut: list[int], payloads: list[bytes]) -> None:
    """The same payloads in the same order, and PINGs among them."""
    data = b"".join(frame(payload) + b"\1\0\0\1p" for payload in payloads)
    deframer = Deframer(512)
    found = []
    for size in cut:
        found += deframer.feed(data[:size])
        data = data[size:]
    found += deframer.feed(data)
    assert found == payloads
    assert deframer.controls == [(1, b"p")] * len(payloads)
    assert deframer.violation is None


def test_a_violation_is_told_with_its_uri() -> None:
    """Garbage from an established session ends in ABORT wamp.error.protocol_violation."""
    router = make_router()
    attacker = Attacker(router, "msgpack", "established")
    attacker.feed(frame(b"\xc1"))
    assert attacker.player.next().reason == PROTOCOL_VIOLATION
    assert attacker.player.closed
