"""The file of an uplink's events, and its lanes: what is where, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_router.uplink.spoolbatch import Batch
from edge_router.uplink.spoolfile import SpoolFile
from edge_router.uplink.spoollane import Key, Lane
from edge_router.uplink.spoolplace import why_volatile
from edge_router.uplink.spoolrecord import Record, Start
from edge_router.wamp.messages import Hop, PublishOptions

ALL: Key = ("all", 5)
LAST: Key = ("last", 5)


def record(number: int, topic: str = "com.x", **more: Any) -> Record:
    """One event."""
    options = more.pop("options", PublishOptions())
    args = more.pop("args", b"\x91\x01")
    return Record(number, 0, topic, "msgpack", args, b"", options, 1000 + number, number, True, **more)


def open_file(path: Path, boot: str = "boot1", max_bytes: int = 1 << 24) -> SpoolFile:
    """The file, open."""
    file = SpoolFile(path, max_bytes, False, Start(boot, "kernel"))
    file.open()
    return file


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SpoolFile]:
    """A new file."""
    file = open_file(tmp_path / "spool.sqlite")
    yield file
    file.close()


def everything(file: SpoolFile, key: Key = ALL) -> list[int]:
    """The numbers that are there."""
    return [one.number for one in file.read(key, -(1 << 40), 1 << 40, 100_000)[0]]


def test_a_record_comes_back_as_it_was(file: SpoolFile) -> None:
    """Payload, encoding, options, times: all of it."""
    options = PublishOptions(retain=True, forward_for=(Hop(7, "ann"),), ppt_scheme="x_custom")
    written = record(1, "com.ü", options=options, args=b"\x91\xc4\x01\x00", tries=3)
    file.commit(Batch({ALL: [written]}))
    assert file.read(ALL, 0, 1, 10) == ([written], 1)


def test_numbers_of_before_go_up_to_zero_and_keep_their_names(tmp_path: Path, file: SpoolFile) -> None:
    """The new start counts from one; a sequence is never used twice."""
    file.commit(Batch({ALL: [record(number) for number in range(1, 6)]}))
    file.close()
    again = open_file(tmp_path / "spool.sqlite", "boot2")
    again.commit(Batch({ALL: [record(1)]}))
    found = again.read(ALL, -100, 100, 100)[0]
    assert [one.number for one in found] == [-4, -3, -2, -1, 0, 1]
    starts = [again.starts[one.start] for one in found]
    assert [start.boot for start in starts] == ["boot1"] * 5 + ["boot2"]
    sequences = [one.number + again.first - start.base for one, start in zip(found, starts, strict=True)]
    assert sequences == [1, 2, 3, 4, 5, 1]
    again.close()


def test_a_lane_is_emptied_only_if_nothing_else_is_in_it(file: SpoolFile) -> None:
    """As many to delete as there are rows does not mean that they are the same."""
    file.commit(Batch({ALL: [record(number) for number in range(1, 6)]}))
    file.commit(Batch({}, {ALL: [11, 12, 13, 14, 15]}))
    assert everything(file) == [1, 2, 3, 4, 5]
    outcome = file.commit(Batch({}, {ALL: [1, 2, 3, 4, 5, 6]}))
    assert everything(file) == []
    assert outcome.rows == 0


def test_a_file_is_replaced_only_if_nothing_else_is_in_it(file: SpoolFile) -> None:
    """What has not arrived stays."""
    file.commit(Batch({ALL: [record(1), record(2)], LAST: [record(3)]}))
    assert not file.begin_anew([1, 2, 4])
    assert everything(file) == [1, 2]
    assert file.begin_anew([1, 2, 3])
    assert file.commit(Batch({ALL: [record(5)]})).rows == 1
    assert everything(file) == [5]


def test_a_transaction_that_fails_changes_nothing(file: SpoolFile) -> None:
    """Neither the file nor what is known of it; the next one can be the first of its lane again."""
    file._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Exception, match="full"):
        file.commit(Batch({ALL: [record(1, args=b"x" * 200_000)]}))
    file._database.execute("PRAGMA max_page_count = 100000")
    assert file.commit(Batch({ALL: [record(1)]})).rows == 1
    assert everything(file) == [1]


def test_what_is_loaded_is_bounded_in_bytes_and_goes_on_behind(file: SpoolFile) -> None:
    """Large payloads come in small batches."""
    file.commit(Batch({ALL: [record(number, args=b"x" * 100_000) for number in range(1, 8)]}))
    seen, after = [], 0
    while after < 7:
        records, after = file.read(ALL, after, 7, 256)
        assert 1 <= len(records) <= 3
        seen += [one.number for one in records]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_topics_are_found_in_pieces(file: SpoolFile) -> None:
    """What a million rows have of topics is not looked for at once."""
    file.commit(Batch({ALL: [record(number, f"com.t{number % 3}") for number in range(1, 101)]}))
    newest: dict[str, int] = {}
    after, pieces = 0, 0
    while after < 100:
        topics, after = file.topics(ALL, after, 100, 30)
        newest.update(topics)
        pieces += 1
    assert newest == {"com.t0": 99, "com.t1": 100, "com.t2": 98}
    assert pieces == 4


def test_starts_that_no_record_is_of_are_forgotten(tmp_path: Path) -> None:
    """A board that is switched on and off for years does not collect them."""
    path = tmp_path / "spool.sqlite"
    for number in range(20):
        file = open_file(path, f"boot{number}")
        file.commit(Batch({ALL: [record(1)]}))
        if number % 5 == 4:
            file.commit(Batch({}, {ALL: everything(file)}))
        file.close()
    assert len(open_file(path, "boot").starts) <= 6


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    """Opening and closing leaves no start behind."""
    path = tmp_path / "spool.sqlite"
    open_file(path).close()
    before = path.read_bytes()
    for number in range(3):
        open_file(path, f"boot{number}").close()
    assert path.read_bytes() == before


def test_what_is_written_leaves_memory() -> None:
    """While the link is down, a lane holds only what is not in the file."""
    lane = Lane(ALL)
    for number in range(1, 11):
        lane.put(record(number))
        lane.put_behind(record(number))
    lane.begin_writing()
    lane.written(10)
    lane.put(record(11))
    lane.put_behind(record(11))
    assert [one.number for one in lane.in_memory()] == [11]
    assert len(lane._backlog) == 1


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("/dev/root / ext4 rw 0 0", None),
        ("/dev/root / ext4 rw 0 0\ntmpfs /var/lib tmpfs rw 0 0", "/var/lib (tmpfs)"),
        ("tmpfs / tmpfs rw 0 0\n/dev/sda /var/lib ext4 rw 0 0", None),
        ("overlay / overlay rw,lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work 0 0", "/ (overlay)"),
        ("overlay / overlay rw,lowerdir=/x,upperdir=/var/lib/docker/x,workdir=/y 0 0", None),
        ("tmpfs /var/lib2 tmpfs rw 0 0", None),
    ],
)
def test_a_place_in_memory_is_known(tmp_path: Path, lines: str, found: str | None) -> None:
    """By the mount that a file lies on, the innermost."""
    mounts = tmp_path / "mounts"
    mounts.write_text(lines + "\n")
    assert why_volatile(Path("/var/lib/edge-router/spool.sqlite"), mounts) == found
