"""Event histories: their bounds, and their filters against naive ones."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from edge_router.config.schema import EventHistory, MemoryStore
from edge_router.router.history import Filter, History
from edge_router.router.kept import RECORD, Kept
from edge_router.router.router import Router
from edge_router.wamp.codecs import CBOR, MSGPACK
from edge_router.wamp.messages import EMPTY, Call, CallOptions, Publish, PublishOptions
from tests.router.players import Player, args, make_router, open_realm

PLAIN = PublishOptions()


def record(publication: int, time: int = 0, topic: str = "com.x", size: int = 0) -> Kept:
    payload = args("x" * size) if size else EMPTY
    return Kept(publication, topic, time, "msgpack", payload, EMPTY, PLAIN, 1, "", "", False)


def router_with(*histories: EventHistory) -> Router:
    realm = open_realm()
    realm.store = MemoryStore(event_history=list(histories))
    return make_router(realm)


def test_bytes_are_bounded() -> None:
    """The oldest go until the rest fits."""
    history = History(EventHistory("com.x", max_bytes=4096), 1000, Clock().seconds)
    for number in range(1, 100):
        history.add(record(number, size=200))
        assert history.size <= 4096
    assert len(history) == 4096 // (RECORD + 200 + 3 + 5)
    history.add(record(100, size=5000))
    assert (len(history), history.size) == (0, 0)


def test_nothing_is_left_behind_in_size() -> None:
    """Whatever went by limit and by age."""
    clock = Clock()
    history = History(EventHistory("com.x", max_age=5), 3, clock.seconds)
    for number in range(1, 8):
        history.add(record(number))
        clock.advance(1)
    assert len(history) == 3
    clock.advance(5)
    assert history.select(Filter(), lambda _: True) == []
    assert (len(history), history.size) == (0, 0)


TIMES = st.integers(0, 4).map(lambda milliseconds: milliseconds * 1000)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "reverse": st.booleans(),
        "limit": st.integers(1, 4),
        "topic": st.sampled_from(["com.a", "com.b"]),
        **{f"{word}_time": TIMES for word in ("from", "after", "before", "until")},
        **{f"{word}_publication": st.integers(1, 9) for word in ("from", "after", "before", "until")},
    },
)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["com.a", "com.b"])), max_size=8), ASKED)
def test_filters_do_what_the_spec_says(events: list[tuple[int, str]], asked: dict[str, Any]) -> None:
    """All given conditions hold, in the words of the spec; publication ids are in no order."""
    ids = [8, 3, 6, 1, 7, 2, 5, 4]
    records = [record(number, time, topic) for number, (time, topic) in zip(ids, events, strict=False)]
    history = History(EventHistory("com.", match="prefix"), 100, Clock().seconds)
    for one in records:
        history.add(one)
    assert history.select(Filter(**asked), lambda _: True) == naive(records, **asked)


def naive(records: list[Kept], reverse: bool = False, limit: int = 1000, **asked: Any) -> list[Kept]:
    place = {one.publication: at for at, one in enumerate(records)}
    compare = {
        "from": lambda its, wanted: its >= wanted,
        "after": lambda its, wanted: its > wanted,
        "before": lambda its, wanted: its < wanted,
        "until": lambda its, wanted: its <= wanted,
    }
    found = records
    for key, wanted in asked.items():
        word, _, what = key.partition("_")
        if key == "topic":
            found = [one for one in found if one.topic == wanted]
        elif what == "time":
            found = [one for one in found if compare[word](one.time * 1000, wanted)]
        elif wanted not in place:
            found = []
        else:
            found = [one for one in found if compare[word](place[one.publication], place[wanted])]
    return (found[::-1] if reverse else found)[:limit]


def test_an_event_that_has_no_form_in_the_readers_encoding_is_counted() -> None:
    """CBOR knows integers that MsgPack readers cannot be told."""
    router = router_with(EventHistory("com.x"))
    alice, bob = Player(router, codec=CBOR).joins(), Player(router, codec=MSGPACK).joins()
    (subscription,) = router.realms["realm1"].broker.histories
    alice.sends(Publish(1, PLAIN, "com.x", CBOR.dumps([2**70])))
    alice.sends(Publish(2, PLAIN, "com.x", CBOR.dumps([2])))
    bob.sends(Call(1, CallOptions(), "wamp.subscription.get_events", MSGPACK.dumps([subscription])))
    assert [event["args"] for event in bob.loads(bob.next().args)] == [[2]]
    assert bob.dropped == 1


def test_the_subscription_stays_and_everything_else_goes() -> None:
    """Sessions come and go; what is kept for is there from the start."""
    router = router_with(EventHistory("com.", match="prefix"))
    broker = router.realms["realm1"].broker
    numbers = count(1)
    for _ in range(3):
        alice = Player(router).joins()
        alice.sends(Publish(next(numbers), PLAIN, "com.x"))
        alice.session.lost()
    assert len(broker.subscriptions) == 1
    (subscription,) = broker.histories.values()
    assert not subscription.sessions
    assert subscription.history is not None and len(subscription.history) == 3
