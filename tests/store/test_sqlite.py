"""The SQLite store: what survives, what is written when, and files that are no good."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from edge_router.config.schema import EventHistory, RetainedLimits, SqliteStore
from edge_router.router.router import Router
from edge_router.store.sqlite import SqliteStore as Store
from edge_router.wamp.codecs import CBOR, JSON, MSGPACK
from edge_router.wamp.messages import Call, CallOptions, Hop, Publish, PublishOptions, Subscribe, SubscribeOptions
from tests.router.players import Player, args, make_router, open_realm

RETAIN = PublishOptions(retain=True)
PLAIN = PublishOptions()
HISTORIES = [EventHistory("com.", match="prefix"), EventHistory("com.x", limit=3)]


class Life:
    """A router from start to end, with a store."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.clock = Clock()
        self.problems: list[str] = []
        options.setdefault("event_history", HISTORIES)
        realm = open_realm()
        realm.store = SqliteStore(path=path.name, **options)
        self.router: Router = make_router(realm, clock=self.clock)
        self.store = Store(realm.store, path.parent, self.clock, self.problems.append)
        self.store.open()
        self.broker = self.router.realms["realm1"].broker
        self.broker.restore(self.store)
        self.alice = Player(self.router).joins()

    def publish(self, topic: str, *values: Any, options: PublishOptions = PLAIN, codec: Any = MSGPACK) -> None:
        sender = self.alice if codec is MSGPACK else Player(self.router, codec=codec).joins()
        sender.sends(Publish(1, options, topic, codec.dumps(list(values)) if values else args()))

    def retained(self) -> dict[str, list[Any]]:
        """What a late subscriber gets, by topic."""
        late = Player(self.router).joins()
        late.sends(Subscribe(1, SubscribeOptions(match="prefix", get_retained=True), "com."))
        late.next()
        return {event.details.topic: late.loads(event.args) for event in late.everything()}

    def history(self, at: int = 0) -> list[Any]:
        """The args of the events of a history."""
        reader = Player(self.router).joins()
        number = list(self.broker.histories)[at]
        reader.sends(Call(1, CallOptions(), "wamp.subscription.get_events", args(number)))
        return [event.get("args") for event in reader.loads(reader.next().args) or []]


Begin = Callable[..., Life]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begins a life with the same file as the one before, which ends."""
    lives: list[Life] = []

    def start(**options: Any) -> Life:
        if lives:
            lives[-1].store.close()
        lives.append(Life(tmp_path / "events.sqlite", **options))
        return lives[-1]

    yield start
    for life in lives:
        life.store.close()


def test_everything_is_there_after_a_restart(begin: Begin) -> None:
    """In its encoding, in its order, for those who may have it."""
    life = begin()
    life.publish("com.x", 1, options=RETAIN)
    life.publish("com.y", 1.5, options=RETAIN, codec=JSON)
    life.publish("com.z", b"\0", options=RETAIN, codec=CBOR)
    life.publish("com.only", 4, options=PublishOptions(retain=True, eligible_authrole=("nobody",)))
    before = [record for history in life.broker.histories.values() for record in history.history.records()]  # type: ignore
    life = begin()
    assert life.retained() == {"com.x": [1], "com.y": [1.5], "com.z": [b"\0"]}
    assert life.history() == [[1], [1.5], [b"\0"]]
    assert life.history(1) == [[1]]
    after = [record for history in life.broker.histories.values() for record in history.history.records()]  # type: ignore
    assert after == before
    assert not life.problems


def test_what_a_link_handed_on_is_still_of_who_sent_it_first(begin: Begin) -> None:
    """With all sessions that it came through."""
    life = begin()
    life.alice.session.permissions = life.router.realms["realm1"].trusted
    trail = (Hop(77, None, "user"), Hop(78, "carl"))
    life.publish("com.x", 1, options=PublishOptions(retain=True, disclose_me=True, forward_for=trail))
    link, name = life.alice.session.id, life.alice.session.authid
    late = Player(begin().router).joins()
    late.sends(Subscribe(1, SubscribeOptions(get_retained=True), "com.x"))
    late.next()
    details = late.next().details
    assert (details.publisher, details.publisher_authid, details.publisher_authrole) == (77, None, "user")
    assert [(hop.session, hop.authid) for hop in details.forward_for] == [(77, None), (78, "carl"), (link, name)]


def test_what_was_taken_away_stays_away(begin: Begin) -> None:
    """By deletion, by the limits, by newer events."""
    life = begin(retained=RetainedLimits(max_topics=2))
    for number in range(10):
        life.publish("com.x", number, options=RETAIN)
    life.publish("com.x", options=RETAIN)
    for topic in "abc":
        life.publish(f"com.{topic}", topic, options=RETAIN)
    life = begin(retained=RetainedLimits(max_topics=2))
    assert life.retained() == {"com.b": ["b"], "com.c": ["c"]}
    assert life.history(1) == [[8], [9], None]


def test_tighter_limits_hold_for_what_was_kept_before(begin: Begin) -> None:
    """In the file, too: with the old limits again, nothing comes back."""
    life = begin()
    for number in range(10):
        life.publish("com.x", number)
        life.publish(f"com.y{number}", number, options=RETAIN)
    begin(event_history=[EventHistory("com.", match="prefix", limit=4)], retained=RetainedLimits(max_topics=3))
    life = begin()
    assert len(life.history()) == 4
    assert list(life.retained()) == ["com.y7", "com.y8", "com.y9"]


def test_age_goes_on_while_the_router_is_down(begin: Begin) -> None:
    """By the wall clock, for there is no other; one that was set back makes nothing older."""
    histories = [EventHistory("com.", match="prefix", max_age=60)]
    limits = {"event_history": histories, "retained": RetainedLimits(expiry=60)}
    life = begin(**limits)
    life.publish("com.x", 1, options=RETAIN)
    life = begin(**limits)
    assert (life.history(), life.retained()) == ([[1]], {"com.x": [1]})
    life.store.settle()
    life.store._database.execute("UPDATE retained SET time = time - 61000")
    life.store._database.execute("UPDATE history SET time = time - 61000")
    life = begin(**limits)
    assert (life.history(), life.retained()) == ([], {})


def test_what_lists_sessions_is_not_written(begin: Begin) -> None:
    """Their ids mean nothing after a restart; and the older event of the topic must not come back."""
    life = begin()
    life.publish("com.x", 1, options=RETAIN)
    life.store.settle()
    life.publish("com.x", 2, options=PublishOptions(retain=True, exclude=(4711,)))
    assert life.retained() == {"com.x": [2]}
    life = begin()
    assert life.retained() == {}


def test_changes_are_written_after_a_while_together(begin: Begin, tmp_path: Path) -> None:
    """One transaction for all of an interval, and of a topic only its last event."""
    life = begin(buffer_flush=500)
    for number in range(100):
        life.publish("com.x", number, options=RETAIN)
    with sqlite3.connect(tmp_path / "events.sqlite") as other:
        assert other.execute("SELECT count(*) FROM history").fetchone() == (0,)
        life.clock.advance(0.5)
        life.store._finish()
        assert other.execute("SELECT count(*) FROM history").fetchone() == (103,)
        assert other.execute("SELECT count(*), max(place) FROM retained").fetchone() == (1, 1)
    other.close()
    assert not life.clock.getDelayedCalls()


def test_many_changes_are_written_at_once(begin: Begin) -> None:
    """What waits is bounded."""
    life = begin(max_buffer=50)
    for number in range(500):
        life.publish("com.x", number)
        assert len(life.store._changes) < 52
    life.store.settle()
    assert life.history(1) == [[497], [498], [499]]


@pytest.mark.parametrize("damage", ["not a database" * 100, "cut"], ids=["other content", "cut off"])
def test_a_file_that_is_no_good_is_set_aside_and_told(begin: Begin, tmp_path: Path, damage: str) -> None:
    """The router begins anew, and what is left stays for those who know how to mend it."""
    life = begin()
    for number in range(200):
        life.publish(f"com.x{number}", "x" * 100, options=RETAIN)
    life.store.close()
    path = tmp_path / "events.sqlite"
    if damage == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.write_text(damage)
    left = path.read_bytes()
    life = begin()
    assert "events.sqlite.corrupt-1" in life.problems[0] and len(life.problems) == 1
    assert (tmp_path / "events.sqlite.corrupt-1").read_bytes() == left
    assert life.retained() == {}
    life.publish("com.x", 1, options=RETAIN)
    assert begin().retained() == {"com.x": [1]}


def test_a_file_of_another_version_is_set_aside(begin: Begin, tmp_path: Path) -> None:
    """An older router may be installed again."""
    life = begin()
    life.store._database.execute("PRAGMA user_version = 2")
    assert "it has version 2, not 1" in begin().problems[0]


@pytest.mark.parametrize("damaged", [b"[7", b'[{},1,"\xff",null,false]'])
def test_a_row_that_cannot_be_read_is_left_out(begin: Begin, damaged: bytes) -> None:
    """The others are not lost with it."""
    life = begin()
    life.publish("com.x", 1, options=RETAIN)
    life.publish("com.y", 2, options=RETAIN)
    life.store.settle()
    life.store._database.execute("UPDATE retained SET about = ? WHERE topic = 'com.x'", [damaged])
    life = begin()
    assert life.retained() == {"com.y": [2]}
    assert "'com.x' cannot be read" in life.problems[0]


def test_what_a_full_disk_refused_is_written_when_there_is_room(begin: Begin) -> None:
    """Told once; the router goes on from memory, and then the file has everything."""
    life = begin(buffer_flush=100)
    life.publish("com.x", 0, options=RETAIN)
    life.store.settle()
    pages = life.store._database.execute("PRAGMA page_count").fetchone()[0]
    life.store._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(1, 50):
        life.publish(f"com.y{number}", "x" * 1000, options=RETAIN)
    for _ in range(3):
        life.clock.advance(0.1)
        life.store.settle()
    assert len(life.problems) == 1 and "cannot be written" in life.problems[0]
    assert len(life.retained()) == 50
    life.store._database.execute("PRAGMA max_page_count = 100000")
    life.clock.advance(0.1)
    life.store.settle()
    life.store.settle()
    assert len(life.problems) == 2 and "can be written again" in life.problems[1]
    life = begin()
    assert len(life.retained()) == 50
    assert len(life.history()) == 50


def test_only_its_owner_may_read_the_file(begin: Begin, tmp_path: Path) -> None:
    """Payloads may be secret."""
    life = begin()
    life.publish("com.x", 1)
    life.store.settle()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_place_that_cannot_be_used_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Life(tmp_path / "nowhere" / "events.sqlite")
