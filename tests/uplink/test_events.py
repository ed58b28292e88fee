"""Events that are handed on: under which name, once, by which rule, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw, convert
from twisted.logger import LogLevel, capturedLogs

from edge_router.config.schema import Role
from edge_router.uplink.session import LinkSession
from edge_router.wamp.messages import EMPTY, Hop, PublishOptions
from tests.uplink.world import World, values

UP: dict[str, Any] = {"uri": "com.example.", "match": "prefix", "prefix": "site.{node}."}
DOWN: dict[str, Any] = {"uri": "com.all.", "match": "prefix", "direction": "down"}
BOTH: dict[str, Any] = {"uri": "com.all.", "match": "prefix", "direction": "both"}


def test_up_under_the_name_of_the_node(world: World) -> None:
    """The prefix stands before the name; payload and keywords arrive as they were."""
    centre = world.centre()
    board = world.board(centre, UP)
    heard = world.heard(centre, "site.", "prefix")
    board.join().publish("com.example.temperature", [21.5], {"unit": "°C"})
    board.join().publish("com.other", [1])
    world.settle()
    assert [(event.topic, event.args, event.kwargs) for event in heard] == [
        ("site.a.com.example.temperature", [21.5], {"unit": "°C"})
    ]


def test_down_loses_the_prefix(world: World) -> None:
    """What the centre says to one board is heard there under the short name, and not by others."""
    centre = world.centre()
    rule = {**UP, "direction": "down"}
    a, b = world.board(centre, rule), world.board(centre, rule, node="b")
    here, there = world.heard(a, "com.", "prefix"), world.heard(b, "com.", "prefix")
    centre.join().publish("site.a.com.example.setpoint", [19])
    world.settle()
    assert values(here) == [("com.example.setpoint", 19)]
    assert there == []


def test_from_board_to_board_by_the_centre(world: World) -> None:
    """`both`: what one says all hear, once, and it does not come back."""
    centre = world.centre()
    a, b = world.board(centre, BOTH), world.board(centre, BOTH, node="b")
    heard = [world.heard(place, "com.all.", "prefix") for place in (a, b, centre)]
    a.join().publish("com.all.alarm", ["fire"])
    world.settle()
    assert [values(events) for events in heard] == [[("com.all.alarm", "fire")]] * 3


@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
def test_every_way_of_matching(world: World, match: str) -> None:
    """A rule matches as a subscription does."""
    uri = {"exact": "com.a.x", "prefix": "com.a", "wildcard": "com..x"}[match]
    centre = world.centre()
    board = world.board(centre, {"uri": uri, "match": match})
    heard = world.heard(centre, "com.", "prefix")
    for topic in ("com.a.x", "com.ab.x", "com.c.x", "com.a.y"):
        board.join().publish(topic)
    world.settle()
    found = [event.topic for event in heard]
    expected = {"exact": "com.a.x", "prefix": "com.a.x com.ab.x com.a.y", "wildcard": "com.a.x com.ab.x com.c.x"}
    assert " ".join(found) == expected[match]


def test_of_rules_that_overlap_the_first_counts(world: World) -> None:
    """And each event goes up once."""
    centre = world.centre()
    rest = {"uri": "com.", "match": "prefix", "prefix": "two."}
    board = world.board(centre, {"uri": "com.a.b", "prefix": "one."}, rest)
    heard = world.heard(centre, "", "prefix")
    board.join().publish("com.a.b")
    board.join().publish("com.a.c")
    world.settle()
    assert [event.topic for event in heard if not event.topic.startswith("wamp.")] == ["one.com.a.b", "two.com.a.c"]


def test_strip(world: World) -> None:
    """What names begin with locally only is taken off on the way up, and put before on the way down."""
    centre = world.centre()
    rule = {"uri": "central.", "match": "prefix", "strip": "central.", "prefix": "com.corp.", "direction": "both"}
    board = world.board(centre, rule)
    above, below = world.heard(centre, "com.corp.", "prefix"), world.heard(board, "central.", "prefix")
    board.join().publish("central.report", [1])
    world.settle()
    centre.join().publish("com.corp.order", [2])
    world.settle()
    assert values(above) == [("com.corp.report", 1), ("com.corp.order", 2)]
    assert values(below) == [("central.report", 1), ("central.order", 2)]


def test_the_routers_own_events_stay(world: World) -> None:
    """Meta events of one realm would be lies in another; a rule that names them hands them on."""
    centre = world.centre()
    board = world.board(
        centre, {"uri": "", "match": "prefix"}, {"uri": "wamp.session.on_join", "prefix": "board.", "match": "exact"}
    )
    heard = world.heard(centre, "", "prefix")
    board.join().publish("com.x")
    world.settle()
    found = {event.topic for event in heard}
    assert {"com.x", "board.wamp.session.on_join"} <= found
    assert not any(name.startswith("wamp.session") for name in found)


def test_nothing_is_taken_while_the_link_is_down(world: World) -> None:
    """Without a buffer the local router is not even asked for it; when the link is up again, it is."""
    centre = world.centre()
    board = world.board(centre, UP)
    heard = world.heard(centre, "site.", "prefix")
    assert board.realm.broker.subscriptions.get("com.example.", "prefix") is not None
    board.cut()
    world.settle()
    assert board.realm.broker.subscriptions.get("com.example.", "prefix") is None
    board.join().publish("com.example.x", [1])
    world.advance(3)
    board.join().publish("com.example.x", [2])
    world.settle()
    assert values(heard) == [("site.a.com.example.x", 2)]


def test_retained(world: World) -> None:
    """With `retain`, what a board has kept is at the centre as soon as it is up, and kept there."""
    centre = world.centre()
    board = world.board(None, {**UP, "retain": True})
    board.join().publish("com.example.door", ["open"], retain=True)
    world.settle()
    board.centre = centre
    world.advance(5)
    late: list[Any] = []
    centre.join().subscribe("site.a.com.example.door", late.append, get_retained=True)
    world.settle()
    assert values(late) == [("site.a.com.example.door", "open")]
    assert late[0].details.retained


def _subscribed(board: Any) -> list[str]:
    """The patterns that the link subscribes to at the centre, those of the meta API aside."""
    subscriptions = board.centre.realm.sessions[board.far.id].subscriptions.values()
    return [found.uri for found in subscriptions if not found.uri.startswith("wamp.")]


def test_payloads_pass_as_the_bytes_they_are(world: World) -> None:
    """Where both ends have one encoding nothing is decoded: not even what is said longer than it need be."""
    centre = world.centre()
    board = world.board(centre, UP)
    found: list[Any] = []
    centre.join(kind=LinkSession).subscribe_raw("site.a.com.example.x", "exact", lambda event: found.append(event.args))
    world.settle()
    wordy = Raw(b"\xdc\x00\x01\xdb\x00\x00\x00\x01x")
    board.join(kind=LinkSession).publish_raw("com.example.x", PublishOptions(), wordy, EMPTY)
    world.settle()
    assert [bytes(each) for each in found] == [bytes(wordy)]


# --- mirror ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "uri"),
    [("exact", "com.all.x.y"), ("prefix", "com.all.x."), ("prefix", "com."), ("wildcard", "com.all..y")],
)
@pytest.mark.parametrize("before", [True, False], ids=["subscribed before the link", "subscribed after"])
def test_mirrored_subscriptions(world: World, match: Any, uri: str, before: bool) -> None:
    """With `mirror` the centre is asked for what somebody here subscribes to, and no longer than that."""
    centre = world.centre()
    rule = {**DOWN, "mirror": True, "prefix": "up."}
    board = world.board(centre if not before else None, rule)
    somebody = board.join()
    heard: list[Any] = []
    subscription = world.outcome(somebody.subscribe(uri, heard.append, match))
    if before:
        board.centre = centre
        world.advance(5)
    centre.join().publish("up.com.all.x.y", [1])
    centre.join().publish("up.com.all.nobody.cares", [2])
    world.settle()
    expected = 2 if uri == "com." else 1
    assert len(heard) == expected
    assert len(_subscribed(board)) == 1
    world.outcome(subscription.unsubscribe())
    assert _subscribed(board) == []


def test_mirrored_patterns_that_overlap(world: World) -> None:
    """Two subscribers with different patterns: the event comes down twice, and is published once."""
    centre = world.centre()
    board = world.board(centre, {**DOWN, "mirror": True})
    one, two = world.heard(board, "com.all.", "prefix"), world.heard(board, "com.all.x")
    centre.join().publish("com.all.x", [1])
    world.settle()
    assert (values(one), values(two)) == ([("com.all.x", 1)], [("com.all.x", 1)])


def test_mirrored_both_ways(world: World) -> None:
    """As Crossbar's router links: everything, as far as somebody at the other end wants it."""
    centre = world.centre()
    rule = {"uri": "", "match": "prefix", "direction": "both", "mirror": True}
    a, b = world.board(centre, rule), world.board(centre, rule, node="b")
    assert (_subscribed(a), _subscribed(b)) == ([], [])
    heard = [world.heard(place, "com.x") for place in (a, b, centre)]
    a.join().publish("com.x", [1])
    world.settle()
    centre.join().publish("com.x", [2])
    world.settle()
    assert [values(events) for events in heard] == [[("com.x", 1), ("com.x", 2)]] * 3


def test_mirrored_on_the_way_up(world: World) -> None:
    """A metered link carries only what somebody at the centre subscribes to; it begins and ends with them."""
    centre = world.centre()
    board = world.board(centre, {**UP, "mirror": True})
    board.join().publish("com.example.x", [1])
    world.settle()
    assert board.uplink.figures()["sent"] == 0
    watcher = centre.join()
    heard: list[Any] = []
    subscription = world.outcome(watcher.subscribe("site..com.example.x", heard.append, "wildcard"))
    world.settle()
    board.join().publish("com.example.x", [2])
    world.settle()
    world.outcome(subscription.unsubscribe())
    board.join().publish("com.example.x", [3])
    world.settle()
    assert values(heard) == [("site.a.com.example.x", 2)]


# --- for whom --------------------------------------------------------------------------------------------------------


def test_who_published_is_known_where_both_routers_say_so(world: World) -> None:
    """The session that it began with, not the link; the trail names the link too."""
    centre = world.centre()
    board = world.board(centre, UP, role="board")
    publisher = board.join("open", "joe")
    heard = world.heard(centre, "site.", "prefix")
    publisher.publish("com.example.x")
    world.settle()
    details = heard[0].details
    assert (details.publisher, details.publisher_authid, details.publisher_authrole) == (publisher.id, "joe", "open")
    assert details.forward_for == (
        Hop(publisher.id, "joe", "open"), Hop(board.near.id, "a", "trusted"), Hop(board.far.id, "board-a", "board")
    )  # type: ignore[union-attr]  # fmt: skip


@pytest.mark.parametrize("role", ["board", "discreet", "plain"])
def test_disclosure_is_for_the_centre_to_decide(world: World, role: str) -> None:
    """Where it refuses to make senders known, events arrive all the same."""
    centre = world.centre()
    calls = {"uri": "com.", "match": "prefix", "kind": "procedures", "direction": "down"}
    board = world.board(centre, UP, calls, role=role)
    publisher = board.join("open", "joe")
    heard = world.heard(centre, "site.", "prefix")
    world.outcome(centre.join().register("com.who", lambda invoked: invoked.details.caller_authid, details=True))
    for number in range(3):
        publisher.publish("com.example.x", [number])
        world.settle()
    assert values(heard) == [("site.a.com.example.x", number) for number in range(3)]
    assert {event.details.publisher_authid for event in heard} == {"joe" if role == "board" else None}
    assert [world.call(publisher, "com.who").value for _ in range(2)] == ["joe" if role == "board" else None] * 2


def test_who_wants_to_stay_unknown_does(world: World) -> None:
    """What the local router does not say the link cannot hand on: the node is named instead."""
    centre = world.centre()
    board = world.board(centre, UP)
    heard = world.heard(centre, "site.", "prefix")
    board.join("plain", "joe").publish("com.example.x")
    world.settle()
    assert (heard[0].details.publisher, heard[0].details.publisher_authid) == (board.near.id, "a")


def test_a_role_that_may_not_forward(world: World) -> None:
    """The events arrive all the same, and the log says what is missing; once."""
    centre = world.centre()
    with capturedLogs() as logs:
        board = world.board(centre, UP, role="plain")
        heard = world.heard(centre, "site.", "prefix")
        for number in range(3):
            board.join().publish("com.example.x", [number])
        world.settle()
        board.join().publish("com.example.x", [3])
        world.settle()
    assert values(heard) == [("site.a.com.example.x", number) for number in range(4)]
    (warning,) = [event for event in logs if event["log_level"] is LogLevel.warn]
    assert "forwards: true" in warning["text"]


def test_what_the_centre_refuses_is_counted_and_told(world: World) -> None:
    """A role that may not publish there: nothing is lost silently."""
    centre = world.centre(roles=[{"name": "board", "forwards": True, "permissions": []}])
    with capturedLogs() as logs:
        board = world.board(centre, UP)
        board.join().publish("com.example.x")
        world.settle()
    assert board.uplink.figures()["not_sent"] == 1
    assert any("nothing can be published to 'site.a.com.example.x'" in event.get("text", "") for event in logs)


def test_what_the_centre_takes_away_is_told(world: World) -> None:
    """A role that may not subscribe any more; the link stays up."""
    centre = world.centre()
    board = world.board(centre, DOWN, {**UP, "kind": "procedures", "mirror": False})
    with capturedLogs() as logs:
        centre.realm.roles.set(convert({"name": "board", "forwards": True, "permissions": []}, Role))
        world.settle()
    said = [event["text"] for event in logs if event["log_level"] is LogLevel.warn]
    assert all("no longer authorized" in text for text in said)
    assert len(said) == 2
    assert board.uplink.link.is_up


# --- circles ---------------------------------------------------------------------------------------------------------


def test_a_ring_of_three_routers(world: World) -> None:
    """a -> b -> c -> a, all in both directions: an event comes to an end, and everybody has heard it."""
    a = world.board(None, BOTH)
    b = world.board(a, BOTH, node="b")
    c = world.board(b, BOTH, node="c")
    a.centre = c
    world.advance(5)
    assert all(place.uplink.link.is_up for place in (a, b, c))
    heard = [world.heard(place, "com.all.", "prefix") for place in (a, b, c)]
    b.join().publish("com.all.x", [1])
    world.settle()
    assert all(1 <= len(events) <= 2 for events in heard)
    assert len(heard[1]) == 1


def test_a_chain_of_three_routers(world: World) -> None:
    """A board behind a site behind a centre: names grow on the way up, and shrink on the way down."""
    centre = world.centre()
    both = {"match": "prefix", "direction": "both"}
    site = world.board(centre, {"uri": "board.", "prefix": "{node}.", **both}, node="north")
    board = world.board(site, {"uri": "com.", "prefix": "board.{node}.", **both}, node="7")
    above, below = world.heard(centre, "north.", "prefix"), world.heard(board, "com.", "prefix")
    board.join().publish("com.x", [1])
    world.settle()
    centre.join().publish("north.board.7.com.y", [2])
    world.settle()
    assert values(above) == [("north.board.7.com.x", 1), ("north.board.7.com.y", 2)]
    assert values(below) == [("com.x", 1), ("com.y", 2)]
