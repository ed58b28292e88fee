"""The last crash: when it is kept, what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure

from edge_router.node.crash import EVERY, MOST_OCTETS, NAME, CrashKeeper, read


class Keeper(CrashKeeper):
    """One whose time the test gives."""

    def __init__(self, directory: Path) -> None:
        self.seconds = 0.0
        super().__init__(directory, lambda: 1_790_000_000.0, lambda: self.seconds)


def failed(text: str, level: Any = LogLevel.critical) -> dict[str, Any]:
    try:
        raise ValueError(text)
    except ValueError:
        return {"log_level": level, "log_failure": Failure()}


def test_a_failure_that_nobody_saw_to_is_kept(tmp_path: Path) -> None:
    """With the time, the versions and the traceback, for nobody else's eyes."""
    Keeper(tmp_path)(failed("boom"))
    text = (tmp_path / NAME).read_text()
    assert "edge-router" in text
    assert "Traceback" in text
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    crash = read(tmp_path)
    assert crash is not None
    assert crash.when.startswith("2026-09-21T")
    assert crash.what.endswith("ValueError: boom")


def test_what_somebody_saw_to_is_none(tmp_path: Path) -> None:
    """A part that tells of a failure and goes on, at a level of its own."""
    keeper = Keeper(tmp_path)
    keeper(failed("told", LogLevel.error))
    keeper({"log_level": LogLevel.critical})
    assert read(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_last_one_counts_but_not_each_of_many(tmp_path: Path) -> None:
    """A failure that comes with every message must not wear the SD card out."""
    keeper = Keeper(tmp_path)
    for text in ("first", "second"):
        keeper(failed(text))
    assert "first" in (tmp_path / NAME).read_text()
    keeper.seconds = EVERY
    keeper(failed("third"))
    assert "third" in (tmp_path / NAME).read_text()


def test_it_is_bounded(tmp_path: Path) -> None:
    """Its beginning and its end stay."""
    Keeper(tmp_path).keep("begin\n" + "\U0001f600" * 100_000 + "\nend")
    assert (tmp_path / NAME).stat().st_size <= MOST_OCTETS
    crash = read(tmp_path)
    assert crash is not None
    assert crash.what == "end"


def test_a_full_or_broken_disk_is_no_second_failure(tmp_path: Path) -> None:
    """There is no crash to be told of then."""
    Keeper(tmp_path / "missing").keep("text")
    (tmp_path / NAME).mkdir()
    Keeper(tmp_path).keep("text")
    assert read(tmp_path) is None


def test_a_file_of_another_kind_is_passed_over(tmp_path: Path) -> None:
    """Whatever somebody has put there."""
    (tmp_path / NAME).write_bytes(b"\xff\xfe")
    assert read(tmp_path) is None
