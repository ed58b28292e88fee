"""Store and forward: nothing is lost, nothing comes twice, and each topic keeps its order."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_router.uplink import spoolplace
from edge_router.uplink.keeping import SEND_AGAIN
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.errors import AUTHORIZATION_FAILED, NOT_AUTHORIZED, UNAVAILABLE, WampError
from edge_router.wamp.messages import Origin
from tests.uplink.spools import BEGIN, Board, Link, first

Begin = Callable[..., Board]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts a node with the file that the one before had, which is killed if it was not closed."""
    boards: list[Board] = []

    def start(**options: Any) -> Board:
        if boards:
            boards[-1].kill()
        boards.append(Board(tmp_path, boot=f"boot{len(boards) + 1}", **options))
        return boards[-1].opened()

    yield start
    for board in boards:
        board.kill()


def test_an_event_goes_at_once_and_is_never_written(begin: Begin) -> None:
    """A link that is well costs the card nothing."""
    board = begin()
    link = board.up()
    board.wait()
    before = board.path.stat().st_size, Path(f"{board.path}-wal").stat().st_size
    for number in range(500):
        board.add(number)
        link.publish()
        board.clock.advance(0.1)
    assert link.numbers == list(range(500))
    assert not any(link.late)
    assert (board.path.stat().st_size, Path(f"{board.path}-wal").stat().st_size) == before
    assert board["rows"] == 0


def test_its_origin_says_where_and_when(begin: Begin) -> None:
    """Node, boot, sequence, time and whether the clock was right."""
    board = begin()
    link = board.up()
    board.add(1)
    board.add(2, retain=True)
    origin = link.sent[0].options.origin
    assert origin is not None
    assert (origin.node, origin.boot, origin.sequence, origin.quality) == ("board-17", "boot1", 1, "synced")
    assert origin.time == BEGIN + 1_000_000
    assert link.sent[1].options.retain
    assert link.sent[1].options.origin.sequence == 2  # type: ignore[union-attr]


def test_an_origin_of_a_node_behind_is_kept(begin: Begin) -> None:
    """In a chain of routers the first one counts."""
    board = begin()
    board.add(1)
    kept = board.up().sent[0].options
    board.add(2, topic="com.other", origin=kept.origin)
    assert board.link.sent[1].options.origin == kept.origin


def test_what_waited_is_sent_when_the_link_comes_up_and_says_so(begin: Begin) -> None:
    """At once, not by a timer; in order; marked as late; deleted when acknowledged."""
    board = begin()
    for number in range(10):
        board.add(number)
    board.wait(2)
    assert board["rows"] == 10
    link = board.up()
    assert link.numbers[:1] == [0]
    board.drain(1)
    assert link.numbers == list(range(10))
    assert all(link.late)
    board.wait(2)
    assert board["rows"] == 0
    assert board["replayed"] == 10
    assert board["oldest"] is None


def test_a_record_is_deleted_only_when_it_was_acknowledged(begin: Begin) -> None:
    """Sent is not arrived."""
    board = begin()
    for number in range(10):
        board.add(number)
    board.wait(2)
    link = board.up()
    board.wait(1)
    assert len(link.sent) == 10
    link.publish(4)
    board.wait(6)
    board = begin()
    link = board.up()
    board.drain(1)
    assert link.numbers == [4, 5, 6, 7, 8, 9]


def test_what_is_under_way_when_the_link_breaks_is_sent_again_as_the_same_event(begin: Begin) -> None:
    """Nobody knows whether it arrived; the origin tells a router that knows it."""
    board = begin()
    link = board.up()
    for number in range(5):
        board.add(number)
    link.publish(2)
    board.down()
    board.add(5)
    again = board.up()
    board.drain(1)
    assert again.numbers == [2, 3, 4, 5]
    origins = {first(event): event.options.origin for event in link.sent}
    for event in again.sent[:3]:
        assert event.options.origin == origins[first(event)]
        assert event.options.replayed


def test_a_kill_loses_only_what_was_neither_written_nor_sent(begin: Begin) -> None:
    """The loss window is `commit_seconds`."""
    board = begin()
    board.add(1)
    board.wait(1.1)
    board.add(2)
    board.wait(0.5)
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == [1]


def test_what_comes_just_after_the_link_does_not_overtake_what_was_under_way(begin: Begin) -> None:
    """The order of a topic holds over a break."""
    board = begin(replay_rate=1)
    board.up()
    for number in range(5):
        board.add(number)
    board.down()
    link = board.up()
    board.add(5)
    board.drain(8)
    assert link.numbers == list(range(6))


def test_what_the_link_has_to_say_otherwise_is_sent_again_in_its_place(begin: Begin) -> None:
    """When all that is under way is answered, so that nothing of its topic is before it; under the same number."""
    board = begin()
    link = board.up()
    for number in range(6):
        board.add(number, f"com.t{number % 2}")
    link.refuse(SEND_AGAIN)
    board.add(6, "com.t0")
    link.refuse(SEND_AGAIN)
    assert len(link.sent) == 6, "nothing is sent before the rest is answered"
    link.publish(1)
    link.refuse(SEND_AGAIN)
    link.publish(2)
    assert link.numbers[6:] == [0, 1, 3, 6]
    assert [event.options.origin.sequence for event in link.sent[6:] if event.options.origin] == [1, 2, 4, 7]
    board.drain(7)
    assert board["rows"] == 0


@pytest.mark.parametrize("answers", range(8))
def test_what_waited_for_room_when_it_was_written_is_sent_over_the_same_connection(begin: Begin, answers: int) -> None:
    """Also if what came after it has been sent from memory while it was being written."""
    board = begin(window=1, replay_rate=1000)
    board.add(0, "com.a")
    board.add(1, "com.a")
    board.wait(2)
    link = board.up()
    board.wait(0.1)
    for number, topic in enumerate(("com.b", "com.a", "com.c", "com.d", "com.a", "com.a"), 2):
        board.add(number, topic)
    board.hands.stopped = True
    board.wait(2)
    for _ in range(answers):
        link.publish(1)
        board.wait(0.1)
    board.hands.work()
    board.hands.stopped = False
    board.drain(8)
    assert sorted(link.numbers) == list(range(8))
    assert [first(event) for event in link.sent if event.topic == "com.a"] == [0, 1, 3, 6, 7]
    assert board["rows"] == 0


def test_what_arrived_while_it_was_loaded_is_not_sent_again(begin: Begin) -> None:
    """A fresh event that is written since its answer takes long lies behind a backlog in the file."""
    board = begin(replay_rate=1)
    for number in range(12):
        board.add(number, "com.old")
    board.wait(2)
    link = board.up()
    link.publish_all()
    board.add("fresh", "com.new")
    board.wait(2)  # it is written, and loaded with the backlog
    answer = [event.topic for event in link.sent].index("com.new") - (len(link.sent) - len(link.answers))
    link.answers[answer].callback(1)
    del link.answers[answer]
    board.drain(20)
    assert link.numbers.count("fresh") == 1
    assert board["rows"] == 0


def test_what_could_not_be_deleted_is_deleted_later(begin: Begin) -> None:
    """A transaction that fails forgets nothing."""
    board = begin()
    for number in range(5):
        board.add(number)
    board.wait(2)
    board.up()
    board.drain(1)
    board.hands.stopped = True
    board.wait(6)
    board.hands.work(fail=sqlite3.OperationalError("disk I/O error"))
    board.hands.stopped = False
    board.wait(3)
    assert board["rows"] == 0
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == []


def test_the_loss_window_is_no_longer_while_something_is_to_be_deleted(begin: Begin) -> None:
    """What has arrived may be deleted later; what is new is written in time."""
    board = begin()
    board.add(1, "com.old")
    board.wait(2)
    board.up()
    board.drain(0.1)
    board.down()
    board.add(2)
    board.wait(1.1)
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == [1, 2], "the first again, since it was not deleted yet"


def test_a_backlog_that_is_gone_costs_little(begin: Begin) -> None:
    """Rows that all go at once need no change of their pages."""
    board = begin(replay_rate=10_000)
    for number in range(900):
        board.add(number)
    board.wait(2)
    written = board.spool._file.written or 0
    board.up()
    board.drain(7)
    assert board["rows"] == 0
    assert (board.spool._file.written or 0) - written < 900 * 100
    board.add(1)
    board.down()
    board.wait(2)
    assert board["rows"] == 1


def test_a_stop_loses_nothing(begin: Begin) -> None:
    """What is in memory is written first."""
    board = begin()
    for number in range(7):
        board.add(number)
    board.close()
    board = begin()
    board.add(7)
    board.up()
    board.drain(1)
    assert board.link.numbers == list(range(8))
    boots = [(event.options.origin.boot, event.options.origin.sequence) for event in board.link.sent]  # type: ignore[union-attr]
    assert boots == [("boot1", number) for number in range(1, 8)] + [("boot2", 1)]


def test_it_begins_again_after_a_stop(begin: Begin) -> None:
    """An uplink whose local session was ended starts anew, with the same store: nothing is lost, no name used twice."""
    board = begin()
    board.add(0)
    board.up()
    board.drain(1)
    first_link = board.link
    board.down()
    board.add(1)
    board.close()
    board.spool.open()
    board.add(2)
    board.up()
    board.drain(1)
    assert board.link.numbers == [1, 2]
    assert board["rows"] == board["dropped"] == 0
    origins = [event.options.origin for event in (*first_link.sent, *board.link.sent)]
    assert len({(origin.boot, origin.sequence) for origin in origins if origin}) == 3


def test_a_topic_with_a_backlog_waits_another_does_not(begin: Begin) -> None:
    """Order within a topic counts for more than freshness; other topics are fresh."""
    board = begin(replay_rate=10)
    for number in range(50):
        board.add(number, "com.old")
    board.wait(2)
    link = board.up()
    board.wait(0.5)
    link.publish_all()
    board.add("fresh", "com.new")
    board.add(50, "com.old")
    assert link.numbers[-1] == "fresh" or "fresh" in link.numbers[-2:]
    assert 50 not in link.numbers
    board.drain(8)
    old = [first(event) for event in link.sent if event.topic == "com.old"]
    assert old == list(range(51))


def test_a_backlog_shrinks_though_as_much_comes_in(begin: Begin) -> None:
    """The rate is by how much it shrinks: what joins it does not count."""
    board = begin(replay_rate=50)
    for number in range(100):
        board.add(number)
    board.wait(2)
    link = board.up()
    number = 100
    for _ in range(200):  # 4 s, 100 events a second
        board.add(number)
        board.add(number + 1)
        number += 2
        board.clock.advance(0.02)
        link.publish_all()
    assert board["rows"] < 5
    assert link.numbers == list(range(number))
    assert not link.late[-1]


def test_the_rate_bounds_what_a_backlog_takes(begin: Begin) -> None:
    """200 a second, unless the configuration says otherwise."""
    board = begin()
    for number in range(1000):
        board.add(number)
    board.wait(2)
    link = board.up()
    board.drain(2)
    assert 380 <= len(link.sent) <= 440


def test_not_more_than_the_window_is_under_way(begin: Begin) -> None:
    """A router that does not answer is not flooded; live events wait for room, too."""
    board = begin(window=8, replay_rate=1000)
    for number in range(100):
        board.add(number)
    board.wait(2)
    link = board.up()
    board.wait(2)
    assert len(link.answers) == 8
    board.add("live", "com.other")
    assert len(link.answers) == 8
    board.drain(4)
    assert sorted(map(str, link.numbers)) == sorted(map(str, [*range(100), "live"]))


def test_waiting_and_fresh_events_take_turns(begin: Begin) -> None:
    """When both want to, neither starves the other."""
    board = begin(window=4, replay_rate=10_000)
    for number in range(40):
        board.add(number, "com.old")
    board.wait(2)
    link = board.up()
    board.wait(0.1)
    assert len(link.answers) == 4
    for number in range(10):
        board.add(f"live{number}", f"com.live{number}")
    link.publish_all()
    kinds = [event.topic.startswith("com.live") for event in link.sent[4:24]]
    assert kinds.count(True) == 10
    assert not any(a and b for a, b in pairwise(kinds))


def test_the_important_goes_first(begin: Begin) -> None:
    """By priority, then in order."""
    board = begin()
    for number in range(5):
        board.add(number, "com.bulk", priority=0)
        board.add(10 + number, "com.alarm", priority=9)
        board.add(20 + number, "com.plain")
    board.wait(2)
    board.up()
    board.drain(1)
    assert board.link.numbers == [*range(10, 15), *range(20, 25), *range(5)]


@pytest.mark.parametrize("written", [False, True])
def test_of_a_state_only_the_last_is_kept(begin: Begin, written: bool) -> None:
    """`buffer: last`: one a topic, in memory and in the file."""
    board = begin()
    for number in range(20):
        board.add(number, f"com.state{number % 3}", keep="last")
        if written:
            board.wait(1.5)
    assert board["rows"] == 3
    board.wait(2)
    assert board["rows"] == 3
    board.up()
    board.drain(1)
    assert sorted(board.link.numbers) == [17, 18, 19]
    board.wait(2)
    assert board["rows"] == 0


def test_a_state_that_changes_while_it_is_under_way_is_sent_again(begin: Begin) -> None:
    """The acknowledgement of the old value does not delete the new one."""
    board = begin()
    board.add(1, keep="last")
    board.wait(2)
    link = board.up()
    board.wait(0.1)
    board.add(2, keep="last")
    link.publish(1)
    board.drain(2)
    assert link.numbers == [1, 2]
    assert board["rows"] == 0


def test_a_full_file_loses_the_oldest_of_the_least_important(begin: Begin) -> None:
    """It never grows over its bound, never stops taking events, and says what it dropped."""
    board = begin(max_bytes=262_144, max_memory=1_000_000)
    for number in range(20):
        board.add(number, "com.alarm", priority=9)
    for number in range(8000):
        board.add(number, "com.bulk", priority=1)
    board.wait(2)
    dropped = board["dropped"]
    assert dropped > 1000
    assert board["dropped_by"] == {"full": dropped}
    assert board["rows"] == 8020 - dropped
    assert board["bytes"] <= 262_144
    assert board.path.stat().st_size < 400_000
    assert "the oldest are dropped" in str(board.alarms[-1])
    board.up()
    board.drain(60)
    assert board.link.numbers == [*range(20), *range(dropped, 8000)]
    board.wait(2)
    assert board["error"] is None
    assert board.path.stat().st_size < 100_000, "what is not needed is given back"


def test_what_is_too_old_is_dropped_and_counted(begin: Begin) -> None:
    """`max_age`, by when it happened; not by a clock that is not right."""
    board = begin(max_age=3600)
    board.add(1)
    board.wait(2)
    board.clock.advance(3000)
    board.add(2)
    board.wait(2)
    board.quality = "unsynced"
    board.clock.advance(700)
    board.add(3)
    board.wait(2)
    assert board["rows"] == 3
    board.quality = "synced"
    board.clock.advance(100)
    board.up()
    board.drain(1)
    assert board.link.numbers == [2, 3]
    assert board["dropped_by"] == {"old": 1}


def test_times_of_a_clock_that_was_wrong_are_put_right(begin: Begin) -> None:
    """Also those in the file, and those of an earlier start, as long as the machine ran on."""
    board = begin()
    board.wall, board.quality = 0, "unsynced"
    board.add(1)
    board.wait(2)
    board.close()
    board = begin()
    board.clock.advance(100)
    board.wall, board.quality = 0, "unsynced"
    board.add(2)
    board.wait(2)
    board.wall, board.quality = BEGIN, "synced"
    board.up()
    board.drain(1)
    origins = [event.options.origin for event in board.link.sent]
    assert [origin.quality for origin in origins if origin] == ["synced", "synced"]
    assert [origin.time for origin in origins if origin] == [BEGIN + 1_000_000, BEGIN + 1_100_000]


def test_the_clock_of_an_earlier_power_up_is_what_it_was(begin: Begin) -> None:
    """What was put right before the power went stays so; what was not cannot be, and says it."""
    board = begin(kernel="first")
    board.wall, board.quality = 0, "unsynced"
    board.add(1)
    board.wait(2)
    board.wall, board.quality = BEGIN, "synced"
    board.add(2)
    board.wait(2)
    board = begin(kernel="second")
    board.wall, board.quality = 5, "unsynced"
    board.add(3)
    board.wait(2)
    board = begin(kernel="third")
    board.up()
    board.drain(1)
    found = [(e.options.origin.time, e.options.origin.quality) for e in board.link.sent if e.options.origin]
    assert found == [
        (BEGIN + 1_000_000, "synced"), (BEGIN + 1_002_000, "synced"), (5 + 1_000_000, "unsynced"),
    ]  # fmt: skip
    assert board["dropped"] == 0, "nobody knows how old the third is"


def test_a_clock_that_jumps_stops_nothing(begin: Begin) -> None:
    """Timers are monotonic; only the stamps know the wall clock."""
    board = begin()
    board.add(1)
    board.wall -= 10**10
    board.wait(2)
    board.add(2)
    board.wall += 10**11
    board.wait(2)
    board.up()
    board.drain(1)
    assert board.link.numbers[-1:] == [2]


def test_a_slow_card_has_its_bound_in_memory(begin: Begin) -> None:
    """While a transaction takes its time, so much waits and no more; the oldest go, counted and told."""
    board = begin(max_memory=65_536)
    board.hands.stopped = True
    for number in range(1000):
        board.add(number)
    assert board["dropped_by"]["memory"] == board["dropped"] > 500
    assert board.spool._writer.size < 3 * 65_536
    assert "faster than they can be written" in str(board.alarms[-1])
    board.hands.work()
    board.hands.stopped = False
    board.wait(2)
    link = board.up()
    board.drain(5)
    assert link.numbers[-1] == 999
    assert len(link.numbers) == 1000 - board["dropped"]
    assert link.numbers == sorted(link.numbers)
    board.wait(62)
    board.add(1000)
    board.wait(2)
    board.add(1001)
    board.wait(2)
    board.down()
    board.add(1002)
    board.wait(2)
    assert board["error"] is None


def test_a_disk_that_is_full_is_told_and_made_good(begin: Begin) -> None:
    """Events wait in memory, go out if the link is up, and are written as soon as they can be."""
    board = begin()
    board.add(0)
    board.wait(2)
    board.hands.stopped = True
    board.add(1)
    board.wait(2)
    board.hands.work(fail=sqlite3.OperationalError("database or disk is full"))
    assert "cannot be used: database or disk is full" in str(board.alarms[-1])
    board.add(2)
    board.hands.stopped = False
    board.wait(3)
    assert board.alarms[-1] is None
    assert board["rows"] == 3
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == [0, 1, 2]


def test_a_disk_that_the_file_itself_has_filled_is_made_good(begin: Begin) -> None:
    """Nothing can be deleted any more; when all of it has arrived, the file is replaced."""
    board = begin()
    for number in range(500):
        board.add(number)
    board.wait(2)

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    board.spool._file._begin = lambda _batch: full()  # type: ignore[method-assign]
    board.add(500)
    board.wait(2)
    board.up()
    board.drain(1)
    assert "disk is full" in str(board.alarms[-1])
    tries = len(board.alarms)
    board.drain(70)
    assert len(board.alarms) < tries + 5
    assert board.link.numbers == list(range(501))
    assert board["rows"] == 0
    del board.spool._file._begin  # type: ignore[method-assign]
    board.down()
    board.add(501)
    board.wait(65)
    assert board.alarms[-1] is None
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == [501]


def test_with_no_file_at_all_events_go_from_memory(tmp_path: Path) -> None:
    """A place where nothing can be written does not keep the link from its work."""
    (tmp_path / "file").write_text("")
    board = Board(tmp_path, path="file/spool.sqlite").opened()
    assert "cannot be used" in str(board.alarms[-1])
    for number in range(5):
        board.add(number)
    board.wait(3)
    link = board.up()
    board.drain(1)
    board.add(5)
    assert link.numbers == list(range(6))
    board.down()
    board.add(6)
    (tmp_path / "file").unlink()
    board.wait(120)
    assert board.alarms[-1] is None
    board.kill()
    board = Board(tmp_path, path="file/spool.sqlite", boot="boot2").opened()
    board.up()
    board.drain(1)
    assert board.link.numbers == [5, 6]
    board.kill()


def test_a_file_that_can_be_opened_late_has_its_turn(tmp_path: Path) -> None:
    """What it has of before keeps its names; what was stamped meanwhile keeps its own."""
    board = Board(tmp_path).opened()
    for number in range(5):
        board.add(number)
    board.close()
    holder = sqlite3.connect(board.path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    board = Board(tmp_path, boot="boot2").opened()
    board.add(5)
    link = board.up()
    board.wait(1)
    assert link.numbers == [5]
    board.add(6, "com.other")
    holder.close()
    board.wait(130)
    board.drain(2)
    origins = [event.options.origin for event in link.sent]
    names = [(origin.boot, origin.sequence) for origin in origins if origin]
    assert len(set(names)) == len(names) == 7
    assert [name for name in names if name[0] == "boot1"] == [("boot1", number) for number in range(1, 6)]
    board.kill()


def test_a_damaged_file_is_set_aside(begin: Begin, tmp_path: Path) -> None:
    """A new one is begun, and the operator is told; the node runs on."""
    (tmp_path / "spool.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 100)
    board = begin()
    assert "corrupt-1" in str(board.alarms[-1])
    assert (tmp_path / "spool.sqlite.corrupt-1").exists()
    board.add(1)
    board.wait(2)
    board = begin()
    board.up()
    board.drain(1)
    assert board.link.numbers == [1]


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside(begin: Begin, tmp_path: Path) -> None:
    """What was in it is counted as lost; what comes is kept anew."""
    board = begin()
    for number in range(3):
        board.add(number)
    board.wait(2)
    board.hands.stopped = True
    board.add(3)
    board.wait(2)
    board.hands.work(fail=sqlite3.DatabaseError("database disk image is malformed"))
    board.hands.stopped = False
    board.hands.work()
    board.wait(3)
    assert "corrupt-1" in str(board.alarms[-1])
    assert board["dropped_by"] == {"damaged": 3}
    board.up()
    board.add(4)
    board.drain(1)
    assert board.link.numbers == [3, 4]


def test_a_row_that_is_no_event_is_left_out_and_counted(begin: Begin) -> None:
    """One bad row does not hold up the others."""
    board = begin()
    for number in range(3):
        board.add(number)
    board.wait(2)
    board.spool._file._database.execute("UPDATE all5 SET encoding = 'morse' WHERE place = 2")
    board.up()
    board.drain(7)
    assert board.link.numbers == [0, 2]
    assert board["dropped_by"] == {"unreadable": 1}
    assert board["rows"] == 0


def test_what_the_other_router_does_not_want_is_dropped_and_told(begin: Begin) -> None:
    """It does not hold up the others."""
    board = begin()
    link = board.up()
    board.add(1)
    board.add(2)
    link.refuse(NOT_AUTHORIZED)
    link.publish()
    board.wait(2)
    assert board["refused"] == 1
    assert board["rows"] == 0
    assert "refuses events" in str(board.alarms[-1])


def test_what_the_other_router_cannot_take_now_is_tried_again_under_a_new_number(begin: Begin) -> None:
    """It has not arrived under the old one, and others of its topic may have since."""
    board = begin()
    link = board.up()
    board.add(1)
    board.add(2)
    link.refuse(AUTHORIZATION_FAILED)
    link.publish()
    board.drain(3)
    assert link.numbers == [1, 2, 1]
    sequences = [event.options.origin.sequence for event in link.sent if event.options.origin]
    assert sequences == [1, 2, 3]
    assert board["rows"] == 0


def test_a_new_number_for_what_came_with_an_origin(begin: Begin) -> None:
    """The other router knows a later one of its boot by then, and would take this one for sent again."""
    board = begin()
    link = board.up()
    board.add(1, origin=Origin("child", "boot7", 1, 123))
    board.add(2, origin=Origin("child", "boot7", 2, 124))
    link.refuse(AUTHORIZATION_FAILED)
    link.publish()
    board.wait(1)
    link.refuse(AUTHORIZATION_FAILED)
    board.drain(3)
    origins = [event.options.origin for event in link.sent]
    assert link.numbers == [1, 2, 1, 1]
    assert origins[2:] == [Origin("child", "boot7/boot1", number, 123) for number in (3, 4)]
    assert board["rows"] == 0


@pytest.mark.parametrize("origin", [None, Origin("child", "boot7", 1, 123)], ids=["of this node", "of one behind it"])
def test_lanes_may_have_events_of_one_topic(begin: Begin, origin: Origin | None) -> None:
    """By rules that give two topics one name, or a new priority: the one that is sent first hides no other."""
    board = begin()
    later = origin and Origin("child", "boot7", 2, 124)
    board.add(1, priority=4, origin=origin)
    board.add(2, priority=9, origin=later)
    board.up()
    board.drain(3)
    highest: dict[tuple[str, str], int] = {}
    taken = []
    for event in board.link.sent:
        assert event.options.origin is not None
        source, sequence = event.options.origin.node, event.options.origin.sequence
        if sequence > highest.get((source, event.options.origin.boot), 0):
            highest[source, event.options.origin.boot] = sequence
            taken.append(first(event))
    assert taken == [2, 1]


def test_an_event_that_is_never_taken_is_given_up(begin: Begin) -> None:
    """After some minutes; it counts as refused."""
    board = begin()
    link = board.up()
    board.add(1)
    for _ in range(1500):
        if link.answers:
            link.refuse(AUTHORIZATION_FAILED)
        board.wait(1)
    assert len(link.sent) == 21
    assert board["refused"] == 1
    assert board["rows"] == 0


class FullLink(Link):
    """A link that takes three at a time."""

    def send(self, event: Any) -> Any:
        answer = super().send(event)
        if len(self.answers) > 3:
            self.sent.pop()
            self.answers.pop().errback(WampError(UNAVAILABLE, "too much waits"))
        return answer


def test_a_link_that_is_full_is_left_alone_for_a_while(begin: Begin) -> None:
    """What could not leave keeps its place and its number."""
    board = begin()
    board.link = link = FullLink()
    board.spool.link_up(link)
    for number in range(12):
        board.add(number)
    assert link.numbers == [0, 1, 2]
    for _ in range(40):
        link.publish_all()
        board.wait(0.2)
    assert link.numbers == list(range(12))
    assert board["rows"] == 0


def test_a_place_in_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool on a tmpfs is gone with the power."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/root / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw,nosuid 0 0\n")
    monkeypatch.setattr(spoolplace.why_volatile, "__defaults__", (mounts,))
    board = Board(tmp_path).opened()
    assert f"is on {tmp_path} (tmpfs)" in str(board.alarms[-1])
    board.kill()


class Centre:
    """A router that knows origins."""

    def __init__(self) -> None:
        self.arrived: dict[str, list[int]] = {}
        self._highest: dict[tuple[str, str], int] = {}

    def get(self, link: Link) -> None:
        """The first of what is under way arrives."""
        if link.answers:
            event = link.sent[len(link.sent) - len(link.answers)]
            origin = event.options.origin
            assert origin is not None
            source = (origin.boot, event.topic)
            if origin.sequence > self._highest.get(source, 0):
                self._highest[source] = origin.sequence
                self.arrived.setdefault(event.topic, []).append(first(event))

    def take(self, link: Link, count: int) -> None:
        """The first so many arrive, and the answers get through."""
        for _ in range(min(count, len(link.answers))):
            self.get(link)
            link.publish(1)


class Story:
    """What may happen to a node, in any order."""

    def __init__(self, begin: Begin, draw: random.Random) -> None:
        self.begin = begin
        self.draw = draw
        self.centre = Centre()
        self.number = 0
        self.lost: set[int] = set()
        self.start()

    def start(self) -> None:
        self.board = self.begin(commit_rows=20, replay_rate=500, window=self.draw.choice((3, 16)))
        self.is_up = False

    def add(self) -> None:
        self.board.add(self.number, f"com.t{self.number % 5}")
        self.number += 1

    def wait(self) -> None:
        self.board.clock.advance(self.draw.choice((0.01, 0.05, 0.4)))

    def take(self) -> None:
        self.centre.take(self.board.link, self.draw.randrange(12))

    def cut(self) -> None:
        """An event arrives, its answer does not."""
        self.centre.get(self.board.link)
        self.board.down()
        self.is_up = False

    def up(self) -> None:
        self.board.down()
        self.board.up()
        self.is_up = True

    def again(self) -> None:
        """The link learns that it has to say it otherwise."""
        for _ in range(len(self.board.link.answers)):
            self.board.link.refuse(SEND_AGAIN)

    def stall(self) -> None:
        self.board.hands.stopped = True

    def work(self) -> None:
        self.board.hands.work(sqlite3.OperationalError("disk I/O error") if self.draw.random() < 0.3 else None)
        self.board.hands.stopped = False

    def kill(self) -> None:
        memory = [record for lane in self.board.spool._lanes for record in lane.in_memory()]
        self.lost |= {MSGPACK.loads(record.args)[0] for record in memory}
        self.start()

    def end(self) -> None:
        """All is well at last."""
        self.board.hands.work()
        self.board.hands.stopped = False
        if not self.is_up:
            self.up()
        for _ in range(4000):
            self.centre.take(self.board.link, 100)
            self.board.clock.advance(0.02)


@pytest.mark.parametrize("seed", range(16))
def test_whatever_happens_each_event_arrives_once_and_in_order(begin: Begin, seed: int) -> None:
    """Links break, transactions fail, nodes are killed: a router that knows origins publishes once what was written
    or acknowledged, and in the order of its topic.
    """
    draw = random.Random(seed)
    story = Story(begin, draw)
    happen = [
        story.add, story.wait, story.take, story.cut, story.up, story.again, story.stall, story.work, story.kill,
    ]  # fmt: skip
    for what in draw.choices(happen, (60, 20, 13, 2, 2, 1, 1, 1.5, 0.5), k=1500):
        what()
    story.end()
    arrived = story.centre.arrived.values()
    found = sorted(number for numbers in arrived for number in numbers)
    assert len(found) == len(set(found))
    assert set(range(story.number)) - set(found) <= story.lost
    assert all(numbers == sorted(numbers) for numbers in arrived)
    story.board.wait(2)
    assert story.board["rows"] == 0
