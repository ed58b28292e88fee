"""The connection: when it is tried again, when it counts as dead, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from msgspec import convert
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from edge_router.client.failures import CannotConnect, NotTrusted, Refused
from edge_router.config.schema.connecting import ClientRawSocket
from edge_router.uplink.link import Link
from tests.uplink.world import World

ANYTHING = {"uri": "com.", "match": "prefix"}


class Session:
    """A session that answers as the test says."""

    def __init__(self) -> None:
        self.id, self.realm, self.authid, self.authrole = 7, "central", "board", "board"
        self.on_leave: Callable[[str], object] | None = None
        self.asked: list[Deferred[None]] = []
        self.left = False

    def unsubscribe_raw(self, _subscription: int) -> Deferred[None]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def abandon(self, reason: str) -> None:
        assert self.on_leave is not None
        self.on_leave(reason)

    def leave(self) -> None:
        self.left = True


class Bench:
    """A link whose attempts come to what the test says."""

    def __init__(self, places: int = 1, **more: Any) -> None:
        self.clock = Clock()
        self.outcomes: list[Any] = []
        self.tried: list[tuple[float, str]] = []
        self.pauses: list[tuple[float, float]] = []
        self.share = 1.0
        self.right = True
        self.ups = self.downs = 0
        transports = [convert({"type": "rawsocket", "url": f"rs://h{n}:1"}, ClientRawSocket) for n in range(places)]
        keepalive = more.get("keepalive", (30.0, 10.0))
        self.link = Link("hq", transports, self._connect, self.clock, self._uniform, lambda: self.right, keepalive)
        self.link.on_up, self.link.on_down = self._up, self._down

    def _up(self, _session: Any) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    def _uniform(self, least: float, most: float) -> float:
        self.pauses.append((least, most))
        return least + self.share * (most - least)

    def _connect(self, transport: Any) -> Deferred[Any]:
        self.tried.append((self.clock.seconds(), transport.url))
        outcome = self.outcomes.pop(0) if self.outcomes else CannotConnect("nobody listens")
        if isinstance(outcome, Deferred):
            return outcome
        return fail(outcome) if isinstance(outcome, Exception) else succeed(outcome)

    def up(self) -> Session:
        """Come up by the next attempt."""
        session = Session()
        self.outcomes.insert(0, session)
        return session


def test_pauses_grow_and_are_bounded() -> None:
    """Decorrelated jitter: between 1 s and three times the last one, never more than 60 s."""
    bench = Bench()
    bench.link.start()
    for _ in range(8):
        bench.clock.advance(bench.link._pause)
    times = [time for time, _ in bench.tried]
    assert [round(after - before) for before, after in pairwise(times)] == [3, 9, 27, 60, 60, 60, 60, 60]
    assert bench.pauses[:3] == [(1.0, 3.0), (1.0, 9.0), (1.0, 27.0)]
    assert max(most for _, most in bench.pauses) == 180.0


def test_a_stable_session_makes_pauses_short_again() -> None:
    """One that flaps does not: the router may be what it breaks at."""
    bench = Bench()
    bench.outcomes = [CannotConnect("no")] * 4
    bench.link.start()
    while len(bench.tried) < 4:
        bench.clock.advance(1)
    session = bench.up()
    bench.clock.advance(60)
    assert bench.link.is_up
    bench.clock.advance(1)
    session.abandon("cut")
    assert bench.link._pause == 60.0
    session = bench.up()
    bench.clock.advance(60)
    assert bench.link.is_up
    for _ in range(3):
        session.asked[-1].callback(None)
        bench.clock.advance(30)
    session.abandon("cut")
    assert bench.link._pause == 3.0


def test_addresses_are_tried_in_turn() -> None:
    """Without a pause between them; after a break the first goes first again."""
    bench = Bench(places=3)
    session = Session()
    bench.outcomes = [CannotConnect("a"), CannotConnect("b"), session]
    bench.link.start()
    assert [url for _, url in bench.tried] == ["rs://h0:1", "rs://h1:1", "rs://h2:1"]
    assert (bench.link.is_up, bench.link.peer) == (True, "tcp:h2:1")
    session.abandon("cut")
    bench.up()
    bench.clock.advance(3)
    assert (bench.tried[-1][1], bench.link.peer) == ("rs://h0:1", "tcp:h0:1")


def test_the_router_is_asked_whether_it_lives() -> None:
    """Every 30 s, which measures the time to it and back; without an answer within 10 s it is dead."""
    bench = Bench()
    session = bench.up()
    bench.link.start()
    bench.clock.advance(0.25)
    session.asked[0].errback(CannotConnect("there is no such subscription"))
    assert bench.link.rtt_ms == 250
    bench.clock.advance(29.9)
    assert len(session.asked) == 1
    bench.clock.advance(0.2)
    assert len(session.asked) == 2
    bench.clock.advance(9.9)
    assert bench.link.is_up
    bench.clock.advance(0.2)
    assert not bench.link.is_up
    assert bench.link.error == "the router has not answered for 10 s"
    assert (bench.ups, bench.downs) == (1, 1)


def test_no_questions() -> None:
    """`keepalive: 0` leaves it to TCP."""
    bench = Bench(keepalive=(0.0, 10.0))
    session = bench.up()
    bench.link.start()
    bench.clock.advance(3600)
    assert session.asked == []
    assert bench.link.is_up


def test_a_certificate_of_the_future() -> None:
    """A board without a clock comes up as soon as it knows the time, not when its pause happens to end."""
    bench = Bench()
    bench.right = False
    bench.outcomes = [NotTrusted("the router's certificate is not trusted: certificate is not yet valid")] * 100
    bench.link.start()
    for _ in range(60):
        bench.clock.advance(1)
    before = len(bench.tried)
    assert before < 6, "it is tried as seldom as ever"
    bench.outcomes.clear()
    bench.up()
    bench.right = True
    bench.clock.advance(2)
    assert bench.link.is_up
    assert len(bench.tried) == before + 1


def test_what_is_wrong_is_said_once() -> None:
    """A board that is off the net for a week does not fill its log; another reason is news."""
    bench = Bench()
    with capturedLogs() as logs:
        bench.link.start()
        for _ in range(100):
            bench.clock.advance(60)
        bench.outcomes = [Refused("wamp.error.authentication_denied", "no such ticket")]
        bench.clock.advance(60)
    said = [event["text"] for event in logs if event["log_level"] is LogLevel.warn]
    assert [text.partition(";")[0] for text in said][:2] == [
        "not up: nobody listens",
        "not up: the router refused the session: wamp.error.authentication_denied: no such ticket",
    ]


def test_what_is_wrong_at_each_address_is_said_once() -> None:
    """Two addresses that fail for reasons of their own fill no log either; what comes after a session is news again."""
    bench = Bench(places=2)
    bench.outcomes = [CannotConnect(text) for _ in range(50) for text in ("a is away", "b is away")]
    with capturedLogs() as logs:
        bench.link.start()
        for _ in range(40):
            bench.clock.advance(60)
        session = bench.up()
        bench.clock.advance(60)
        session.abandon("cut")
        bench.clock.advance(60)
    said = [event["text"] for event in logs if event["log_level"] is LogLevel.warn and "text" in event]
    assert [text.partition(";")[0] for text in said] == ["not up: a is away", "not up: b is away"] * 2


def test_stopped_while_connecting() -> None:
    """The attempt is given up, and a session that comes too late is left."""
    canceled: list[Any] = []
    bench = Bench()
    bench.outcomes = [Deferred(canceled.append)]
    bench.link.start()
    bench.link.stop()
    bench.link.stop()
    assert len(canceled) == 1
    assert bench.clock.getDelayedCalls() == []


def test_stopped_while_up_and_while_it_pauses() -> None:
    """GOODBYE is said, and nothing comes due any more."""
    bench = Bench()
    session = bench.up()
    bench.link.start()
    bench.link.stop()
    assert session.left
    assert (bench.downs, bench.clock.getDelayedCalls()) == (1, [])
    bench.link.start()
    bench.link.stop()
    assert bench.clock.getDelayedCalls() == []


def test_the_router_ends_the_session(world: World) -> None:
    """GOODBYE by the centre is a reason like any other to come back later."""
    centre = world.centre()
    board = world.board(centre, ANYTHING)
    far = board.far
    assert far is not None
    centre.realm.sessions[far.id].goodbye("wamp.close.system_shutdown")
    world.settle()
    assert board.uplink.figures()["error"] == "wamp.close.system_shutdown"
    world.advance(5)
    assert board.uplink.figures()["link"] == "up"
    assert board.uplink.figures()["times_up"] == 2


# --- status ----------------------------------------------------------------------------------------------------------


def test_the_state_is_a_retained_topic_and_a_procedure(world: World) -> None:
    """Who comes late sees it too."""
    board = world.board(None, ANYTHING)
    found: list[Any] = []
    board.join().subscribe("edge.uplink.hq.status", found.append, get_retained=True)
    world.settle()
    assert [event.args for event in found] == [["down"]]
    assert found[0].kwargs["error"] == "nobody there"
    board.centre = world.centre()
    world.advance(5)
    assert [event.args for event in found] == [["down"], ["up"]]
    assert found[1].kwargs["peer"] == "tcp:centre:1"
    result = world.call(board.join(), "edge.uplink.hq.get_status")
    assert (result.args, result.kwargs["times_up"]) == (["up"], 1)
    board.uplink.stop()
    world.settle()
    assert found[-1].args == ["down"]


def test_stop_and_start_again(world: World) -> None:
    """As the node does when the local realm was closed and opened."""
    centre = world.centre()
    board = world.board(centre, {**ANYTHING, "direction": "both"}, {**ANYTHING, "kind": "procedures"})
    board.uplink.stop()
    board.near.leave()
    world.settle()
    assert len(centre.realm.sessions) == 0
    board.near = board.join(kind=type(board.near))
    board.start()
    world.settle()
    heard = world.heard(centre, "com.", "prefix")
    board.join().publish("com.x")
    world.settle()
    assert len(heard) == 1
    board.uplink.stop()
    assert [call for call in world.clock.getDelayedCalls() if "uplink" in str(call.func)] == []


@pytest.mark.parametrize("url", ["ws://h:1/ws", "wss://h/ws"])
def test_a_websocket_is_not_asked_twice(world: World, url: str) -> None:
    """The link asks itself; pings that the section names stay."""
    plain = world.board(None, ANYTHING, transports=[{"type": "websocket", "url": url}])
    assert plain.attempts[0][0].options.auto_ping_interval == 0
    given = {"type": "websocket", "url": url, "options": {"auto_ping_interval": 20_000}}
    assert world.board(None, ANYTHING, transports=[given]).attempts[0][0].options.auto_ping_interval == 20_000


# --- what the centre hears -------------------------------------------------------------------------------------------


def _announced(world: World, centre: Any) -> list[str]:
    """What somebody sees who comes late."""
    found: list[Any] = []
    centre.join().subscribe("site.a.status", found.append, get_retained=True)
    world.settle()
    return [event.args[0] for event in found]


def test_a_board_announces_itself(world: World) -> None:
    """`up` while it is there, `down` when the link is gone, whoever ended it."""
    centre = world.centre()
    board = world.board(centre, ANYTHING, announce="site.{node}.status")
    assert _announced(world, centre) == ["up"]
    board.cut()
    world.settle()
    assert _announced(world, centre) == ["down"]
    world.advance(5)
    assert _announced(world, centre) == ["up"]
    board.uplink.stop()
    world.settle()
    assert _announced(world, centre) == ["down"]


def test_the_testament_of_a_session_before(world: World) -> None:
    """It may come when the board is up again: then it is set right."""
    centre = world.centre()
    board = world.board(centre, ANYTHING, announce="site.{node}.status")
    old = board.far
    assert old is not None
    old.lost("the cable was pulled")
    world.advance(5)
    assert board.far is not old
    old._send.__self__.receiving.lost()
    world.settle()
    assert _announced(world, centre) == ["up"]


def test_a_centre_without_testaments(world: World) -> None:
    """The board says itself when it leaves in order."""
    centre = world.centre(options={"enable_meta_api": False})
    board = world.board(centre, ANYTHING, announce="site.{node}.status")
    assert _announced(world, centre) == ["up"]
    board.uplink.stop()
    world.settle()
    assert _announced(world, centre) == ["down"]
