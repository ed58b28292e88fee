"""How much sessions have sent and been sent: sums, and the event `wamp.session.on_stats` (Crossbar's)."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from twisted.internet.task import Clock

from edge_router.config.schema import Stats
from edge_router.router.interfaces import Counts
from edge_router.router.router import Router
from edge_router.wamp.messages import CloseDetails, Event, Goodbye, Subscribe, Subscribed, SubscribeOptions
from tests.router.players import Player, make_router, open_realm

TOPIC = "wamp.session.on_stats"


class CountingPlayer(Player):
    """A player whose connection counts; the test says how much."""

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.now = Counts()

    def counted(self) -> Counts:
        copy = Counts()
        copy.add(self.now)
        return copy


def with_stats(stats: Stats) -> Router:
    """A router with an open realm that tells figures so."""
    return make_router(structs.replace(open_realm(), stats=stats))


def listener(router: Router) -> Player:
    """Somebody who hears of the figures."""
    alice = Player(router).joins()
    alice.sends(Subscribe(1, SubscribeOptions(), TOPIC))
    assert type(alice.next()) is Subscribed
    return alice


def advance(router: Router, seconds: float) -> None:
    """Let time pass."""
    assert isinstance(router.clock, Clock)
    router.clock.advance(seconds)


def told(alice: Player) -> tuple[dict[str, Any], dict[str, Any]]:
    """The next event's session and figures."""
    event = alice.next()
    assert type(event) is Event
    session, stats = alice.codec.loads(event.args)
    return session, stats


def test_figures_are_told_when_a_session_leaves() -> None:
    """With the session in short, and what is Crossbar's in the words of Crossbar."""
    router = make_router()
    alice = listener(router)
    bob = CountingPlayer(router).joins()
    bob.now = Counts(3, 100, 2, 50)
    advance(router, 2.5)
    bob.session.lost()
    session, stats = told(alice)
    assert session == {
        "session": bob.session.id,
        "realm": "realm1",
        "authid": bob.session.authid,
        "authrole": "anonymous",
    }
    assert (stats["messages"], stats["bytes"], stats["duration"]) == (5, 150, 2_500_000_000)
    assert (stats["messages_received"], stats["bytes_sent"], stats["serializer"]) == (3, 50, "msgpack")
    assert (stats["first"], stats["last"]) == (True, True)


def test_nothing_is_told_of_those_who_do_not_count() -> None:
    """Parts of the node have no connection."""
    router = make_router()
    alice = listener(router)
    Player(router).joins().session.lost()
    alice.gets_nothing()


def test_figures_are_told_every_so_often() -> None:
    """What came since the last time, and the rest at the end."""
    router = with_stats(Stats(trigger_on_join=True, trigger_after_duration=1_000))
    alice = listener(router)
    bob = CountingPlayer(router).joins()
    _, stats = told(alice)
    assert (stats["messages"], stats["first"], stats["last"]) == (0, True, False)
    bob.now = Counts(1, 10, 0, 0)
    advance(router, 1)
    _, stats = told(alice)
    assert (stats["messages"], stats["bytes"], stats["first"]) == (1, 10, False)
    bob.now = Counts(5, 50, 0, 0)
    advance(router, 0.5)
    bob.session.lost()
    _, stats = told(alice)
    assert (stats["messages"], stats["bytes"], stats["last"], stats["duration"]) == (4, 40, True, 500_000_000)
    alice.session.lost()
    advance(router, 1)
    assert isinstance(router.clock, Clock)
    assert router.clock.getDelayedCalls() == []


def test_leaving_may_be_left_out() -> None:
    """`trigger_on_leave: false`."""
    router = with_stats(Stats(trigger_on_leave=False))
    alice = listener(router)
    CountingPlayer(router).joins().session.lost()
    alice.gets_nothing()


def test_a_realm_sums_up() -> None:
    """Those who have left count; a connection with a second session counts once."""
    router = make_router()
    realm = router.realms["realm1"]
    bob, carol = CountingPlayer(router).joins(), CountingPlayer(router).joins()
    bob.now, carol.now = Counts(1, 10, 2, 20), Counts(5, 50, 0, 0)
    assert realm.counts == Counts(6, 60, 2, 20)
    bob.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    bob.next()
    assert realm.counts == Counts(6, 60, 2, 20)
    bob.now = Counts(2, 15, 3, 25)
    bob.joins()
    bob.now = Counts(4, 40, 3, 25)
    assert realm.counts == Counts(9, 90, 3, 25)
