"""What uplinks hand on, with a store: each event once, over restarts too, and PUBLISHED when it is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from twisted.internet.task import Clock

from edge_router.config.schema import EventHistory, Permission, Role, SqliteStore
from edge_router.config.schema.realms import Allow
from edge_router.router.router import Router
from edge_router.store.sqlite import SqliteStore as Store
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.messages import Origin, Publish, Published, PublishOptions
from tests.router.players import Player, args, make_router, open_realm

#: seconds that the thread has
PATIENCE = 5.0


class Centre:
    """A central router from start to end: a link publishes, and the history says what was taken."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.problems: list[str] = []
        realm = open_realm()
        may = [Permission("com.", match="prefix", allow=Allow(publish=True))]
        realm.roles.append(Role("link", forwards=True, permissions=may))
        realm.store = SqliteStore(path=path.name, event_history=[EventHistory("com.x")], buffer_flush=100)
        self.router: Router = make_router(realm, clock=self.clock)
        self.store = Store(realm.store, path.parent, self.clock, self.problems.append)
        self.store.open()
        self.broker = self.router.realms["realm1"].broker
        self.broker.restore(self.store)
        self.link = Player(self.router, "link").joins()

    def takes(self, request: int, sequence: int, boot: str = "b1") -> None:
        """The link hands on an event."""
        options = PublishOptions(acknowledge=True, origin=Origin("board", boot, sequence, 0))
        self.link.sends(Publish(request, options, "com.x", args(sequence)))

    def answers(self) -> list[int]:
        """The requests that are acknowledged, once the thread has nothing more to do."""
        until = monotonic() + PATIENCE
        while self.store._soon is not None and monotonic() < until:
            self.clock.advance(0.002)
            if self.store._writing is not None:
                self.store._writing.exception()
        answers = list(self.link.everything())
        assert all(type(answer) is Published for answer in answers)
        return [answer.request for answer in answers]

    def history(self) -> list[int]:
        """The sequences that were published, in their order."""
        (kept,) = self.broker.histories.values()
        assert kept.history is not None
        return [MSGPACK.loads(record.args)[0] for record in kept.history.records()]

    def full(self, pages: int | None) -> None:
        """Let the disk have no more room than it has used, or as much as it likes."""
        database = self.store._database
        used = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages or used}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


@pytest.fixture
def centre(path: Path) -> Iterator[Centre]:
    centre = Centre(path)
    yield centre
    centre.store.close()


def test_it_is_acknowledged_when_it_is_in_the_file(centre: Centre) -> None:
    """What the uplink may forget then survives a crash of the router."""
    centre.takes(1, 1)
    centre.takes(2, 2)
    centre.link.gets_nothing()
    assert centre.answers() == [1, 2]
    assert [record.args for record in centre.store.history("exact com.x")] == [args(1), args(2)]


def test_after_a_restart_nothing_is_published_twice(centre: Centre, path: Path) -> None:
    """The highest sequences are in the file with the events, in one transaction."""
    centre.takes(1, 1)
    centre.takes(2, 2)
    centre.answers()
    centre.store.close()
    again = Centre(path)
    again.takes(1, 1)
    again.takes(2, 2)
    again.takes(3, 3)
    assert again.answers() == [1, 2, 3]
    assert again.history() == [1, 2, 3] and again.broker.arrivals.repeated == 2
    again.store.close()


def test_what_was_not_written_at_a_crash_is_taken_again(centre: Centre, path: Path) -> None:
    """Neither the event nor its sequence is there then: half of it never is."""
    centre.takes(1, 1)
    centre.answers()
    centre.takes(2, 2)
    again = Centre(path)  # the old one never gets to write
    again.takes(1, 2)
    assert again.answers() == [1] and again.history() == [1, 2]
    again.store.close()
    centre.store._changes.history.clear()


def test_while_the_disk_is_full_nothing_is_acknowledged(centre: Centre) -> None:
    """The board keeps its events; they are acknowledged when there is room, and published once."""
    centre.takes(1, 1)
    assert centre.answers() == [1]
    centre.full(None)
    for number in range(2, 300):
        centre.takes(number, number)
    assert centre.answers() == []
    centre.takes(300, 2)
    assert len(centre.problems) == 1
    centre.full(1 << 20)
    for _ in range(3):
        centre.clock.advance(0.1)
        centre.store.settle()
    assert centre.answers() == [*range(2, 301)]
    assert len(list(centre.store.arrivals())) == 1 and next(centre.store.arrivals())[1] == 299
    assert centre.broker.arrivals.repeated == 1


def test_one_that_has_left_is_not_answered(centre: Centre) -> None:
    """Its uplink sends the event again with the next session."""
    centre.takes(1, 1)
    centre.link.session.lost()
    assert centre.answers() == []
    centre.link = Player(centre.router, "link").joins()
    centre.takes(1, 1)
    assert centre.answers() == [1] and centre.history() == [1]
