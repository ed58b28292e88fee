"""The meta API beside what its scenarios show: what costs nothing, what is bounded, and what is announced."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from edge_router.router.realm import Realm
from edge_router.router.router import Router
from edge_router.wamp.codecs import CODECS, JSON
from edge_router.wamp.errors import PAYLOAD_SIZE_EXCEEDED, WampError
from edge_router.wamp.features import META_FEATURES, announced
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    Error,
    Message,
    Register,
    Registered,
    RegisterOptions,
    Result,
    ResultDetails,
    Subscribe,
    SubscribeOptions,
)
from tests.router.players import Player, args, kwargs, make_router, open_realm


def realm_of(player: Player) -> Realm:
    """The realm that a player is in."""
    assert player.session.realm is not None
    return player.session.realm


def test_the_features_of_the_meta_api_are_announced_only_where_it_is() -> None:
    """A realm announces what works in it."""
    for role, features in META_FEATURES.items():
        assert features
        assert announced(True)[role]["features"].items() > announced(False)[role]["features"].items()
        assert not set(features) & set(announced(False)[role]["features"])


def test_a_realm_without_the_meta_api_builds_none() -> None:
    """Nothing is built when it is disabled."""
    realm = realm_of(Player(make_router(open_realm(enable_meta_api=False))).joins())
    assert realm.meta is None
    assert realm.dealer.meta is None


def test_events_that_nobody_subscribes_to_are_not_made() -> None:
    """Coming and going publishes nothing as long as nobody listens."""
    router = make_router()
    alice = Player(router).joins()
    Player(router).joins().session.lost()
    assert realm_of(alice).broker.published == 0
    alice.sends(Subscribe(1, SubscribeOptions(), "wamp.session.on_leave"))
    Player(router).joins().session.lost()
    assert realm_of(alice).broker.published == 1


@pytest.mark.parametrize("encoding", sorted(CODECS))
def test_ids_may_be_written_as_floats(encoding: str) -> None:
    """Encoders in JavaScript write integers over 32 bits so."""
    alice = Player(make_router(), codec=CODECS[encoding]).joins()
    float_id = alice.codec.dumps([float(alice.session.id)])
    alice.sends(Call(1, CallOptions(), "wamp.session.get", float_id))
    details = alice.loads(alice.next().args)[0]
    assert details["session"] == alice.session.id


def test_events_dropped_for_a_slow_reader_show_in_its_details() -> None:
    """The counter is the peer's own."""
    alice = Player(make_router()).joins()
    alice.dropped = 7
    alice.sends(Call(1, CallOptions(), "wamp.session.get", args(alice.session.id)))
    assert alice.loads(alice.next().args)[0]["events_dropped"] == 7


def test_a_text_for_other_sessions_is_short() -> None:
    """It goes into their GOODBYE, which must fit whatever they take."""
    router = make_router()
    alice, bob = Player(router).joins(), Player(router).joins()
    call = Call(1, CallOptions(), "wamp.session.kill", args(bob.session.id), kwargs(message="x" * 1025))
    alice.sends(call)
    assert alice.next().uri == "wamp.error.invalid_argument"
    bob.gets_nothing()


class _Small(Player):
    """A player that takes short messages only."""

    def deliver(self, message: Message, source: Any, refusable: bool = False) -> None:
        if isinstance(message, Result) and len(bytes(message.args)) > 64:
            raise WampError(PAYLOAD_SIZE_EXCEEDED, "too long")
        super().deliver(message, source, refusable)


def test_an_answer_that_is_longer_than_the_caller_takes_is_an_error() -> None:
    """As with the answers of callees."""
    router = make_router()
    others = [Player(router).joins() for _ in range(20)]
    alice = _Small(router).joins()
    alice.sends(Call(1, CallOptions(), "wamp.session.list"))
    error = alice.next()
    assert type(error) is Error
    assert error.uri == PAYLOAD_SIZE_EXCEEDED
    assert len(others) == 20


def test_those_who_are_ended_together_hear_nothing_after_goodbye() -> None:
    """A session that has left the realm gets no event, not even of its own leaving."""
    router = make_router()
    alice = Player(router, codec=JSON).joins()
    others = [Player(router).joins() for _ in range(3)]
    for other in others:
        other.sends(Subscribe(1, SubscribeOptions(match="prefix"), "wamp."))
    alice.sends(Call(1, CallOptions(), "wamp.session.kill_by_authrole", alice.codec.dumps(["anonymous"])))
    for number, other in enumerate(others):
        kinds = [type(message).__name__ for message in other.everything()]
        assert kinds[-1] == "Goodbye"
        assert kinds.count("Event") >= number


def test_a_call_to_a_meta_procedure_is_counted() -> None:
    """As every call is."""
    alice = Player(make_router()).joins()
    alice.sends(Call(1, CallOptions(), "wamp.session.count"))
    alice.gets(Result(1, ResultDetails(), args(1)))
    assert realm_of(alice).dealer.called == 1


def test_what_was_made_when() -> None:
    """The time of creation is UTC in ISO 8601, and that of the first subscriber."""
    now = [1_795_277_777.25]
    router = Router(Clock(), now=lambda: now[0])
    router.add_realm(open_realm())
    alice, bob = Player(router).joins(), Player(router).joins()
    alice.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    subscription = alice.next().subscription
    now[0] += 100
    bob.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    bob.next()
    bob.sends(Call(2, CallOptions(), "wamp.subscription.get", args(subscription)))
    assert bob.loads(bob.next().args)[0]["created"] == "2026-11-21T16:16:17.250Z"


def test_nothing_is_left_of_what_has_ended() -> None:
    """What is known by id goes with its last session."""
    alice = Player(make_router()).joins()
    meta = realm_of(alice).meta
    assert meta is not None
    alice.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    alice.sends(Register(2, RegisterOptions(), "com.x"))
    assert list(meta.subscriptions)
    assert list(meta.registrations)
    alice.session.lost()
    assert not list(meta.subscriptions)
    assert not list(meta.registrations)


def test_nobody_registers_what_is_the_routers_own() -> None:
    """Not even a part of the node that may do everything."""
    router = make_router()
    part = Player(router)
    part.session = router.realms["realm1"].admit(part, "trusted", "part")
    part.sends(Register(1, RegisterOptions(), "wamp.session.count"))
    assert part.next().uri == "wamp.error.procedure_already_exists"
    part.sends(Register(2, RegisterOptions(), "wamp.own.procedure"))
    assert type(part.next()) is Registered


def test_force_reregister_works_without_the_meta_api() -> None:
    """It is an option of REGISTER, whoever watches."""
    router = make_router(open_realm(enable_meta_api=False))
    alice, bob = Player(router).joins(), Player(router).joins()
    alice.sends(Register(1, RegisterOptions(), "com.x"))
    alice.next()
    bob.sends(Register(1, RegisterOptions(force_reregister=True), "com.x"))
    assert type(bob.next()) is Registered
    assert not alice.session.registrations


def test_nothing_is_left_of_testaments() -> None:
    """They go with their session, published or not."""
    router = make_router()
    alice, bob = Player(router).joins(), Player(router).joins()
    meta = realm_of(alice).meta
    assert meta is not None
    for player in (alice, bob):
        player.sends(Call(1, CallOptions(), "wamp.session.add_testament", args("com.x")))
    assert len(meta.testaments) == 2
    alice.sends(Call(2, CallOptions(), "wamp.session.kill_all"))
    assert len(meta.testaments) == 1
    alice.session.lost()
    assert not meta.testaments


def test_a_testament_in_another_encoding_than_its_receivers() -> None:
    """It is what its session said, in the session's encoding, and said anew for others."""
    router = make_router()
    alice, bob = Player(router).joins(), Player(router, codec=JSON).joins()
    alice.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    alice.next()
    payload = JSON.dumps(["com.x", [21.0, b"\x00\xff"], {"unit": "°C"}])
    bob.sends(Call(1, CallOptions(), "wamp.session.add_testament", payload))
    bob.session.lost()
    event = alice.next()
    assert alice.loads(event.args) == [21.0, b"\x00\xff"]
    assert type(alice.loads(event.args)[0]) is float
    assert alice.loads(event.kwargs) == {"unit": "°C"}
