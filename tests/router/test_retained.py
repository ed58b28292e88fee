"""Retained events: what bounds them, and that they cost nothing when they are gone."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from edge_router.config.schema import MemoryStore, Realm, RetainedLimits
from edge_router.router.kept import RECORD
from edge_router.router.retained import pattern
from edge_router.wamp.codecs import CBOR, JSON, MSGPACK
from edge_router.wamp.messages import Publish, PublishOptions, Subscribe, SubscribeOptions
from tests.router.naive import fits
from tests.router.players import Player, args, make_router, open_realm

RETAIN = PublishOptions(retain=True)


def realm_with(**limits: int) -> Realm:
    realm = open_realm()
    realm.store = MemoryStore(retained=RetainedLimits(**limits))
    return realm


def test_what_is_too_large_is_not_retained_and_neither_is_the_older_event() -> None:
    """An older value would be taken for the last one."""
    router = make_router(realm_with(max_bytes=4096))
    retained = router.realms["realm1"].broker.retained
    alice = Player(router).joins()
    alice.sends(Publish(1, RETAIN, "com.x", args("small")))
    assert len(retained) == 1
    alice.sends(Publish(2, RETAIN, "com.x", args("x" * 4096)))
    assert (len(retained), retained.size, retained.dropped) == (0, 0, 1)


def test_bytes_are_bounded_and_what_goes_is_counted() -> None:
    """The oldest go until the rest fits."""
    router = make_router(realm_with(max_bytes=4096))
    retained = router.realms["realm1"].broker.retained
    alice = Player(router).joins()
    for number in range(100):
        alice.sends(Publish(number + 1, RETAIN, f"com.x{number}", args("x" * 200)))
        assert retained.size <= 4096
    assert len(retained) + retained.dropped == 100
    assert len(retained) == 4096 // (RECORD + 200 + 10)
    assert [record.topic for record in retained.matching("com.", "prefix")][-1] == "com.x99"


def test_size_returns_to_nothing() -> None:
    """Whatever came and went."""
    clock = Clock()
    router = make_router(realm_with(expiry=10), clock=clock)
    retained = router.realms["realm1"].broker.retained
    alice = Player(router).joins()
    for number in range(10):
        alice.sends(Publish(number + 1, RETAIN, f"com.x{number % 4}", args(number)))
    alice.sends(Publish(11, RETAIN, "com.x0"))
    alice.sends(Publish(12, RETAIN, "com.none"))
    assert len(retained) == 3
    clock.advance(10)
    assert not list(retained.matching("", "prefix"))
    assert (len(retained), retained.size, retained.dropped) == (0, 0, 0)


@pytest.mark.parametrize("codec", [JSON, MSGPACK, CBOR], ids=lambda codec: codec.name)
@pytest.mark.parametrize("late", [JSON, MSGPACK, CBOR], ids=lambda codec: codec.name)
def test_a_late_subscriber_may_speak_another_encoding(codec: object, late: object) -> None:
    """The payload is kept as it came."""
    router = make_router()
    Player(router, codec=codec).joins().sends(Publish(1, RETAIN, "com.x", codec.dumps(["ä", 1.5])))  # type: ignore
    bob = Player(router, codec=late).joins()  # type: ignore[arg-type]
    bob.sends(Subscribe(1, SubscribeOptions(get_retained=True), "com.x"))
    bob.next()
    assert bob.loads(bob.next().args) == ["ä", 1.5]


@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
@pytest.mark.parametrize("uri", ["com.a", "com.", "com..x", "", "com.a.x"])
def test_patterns_match_as_they_do_for_events(match: str, uri: str) -> None:
    """Compared with the words of the spec."""
    matches = pattern(uri, match)  # type: ignore[arg-type]
    for topic in ("com", "com.a", "com.a.x", "com.b.x", "com.ab", "com.a.x.y", "org.a.x"):
        assert matches(topic) == fits((match, uri), topic)
