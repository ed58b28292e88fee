"""The log in a file: its bounds, and what happens when it cannot be written."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from twisted.logger import LogLevel

from edge_router.node.log import LogOptions, make_observer
from edge_router.node.logfile import LogFile

LINE = "x" * 99 + "\n"


def test_it_never_outgrows_its_bound(tmp_path: Path) -> None:
    """Neither the file nor the number of files; the youngest lines are kept."""
    path = tmp_path / "node.log"
    file = LogFile(path, size=1_000, count=3)
    for number in range(100):
        file.write(f"{number:03}{LINE[3:]}")
    names = sorted(found.name for found in tmp_path.iterdir())
    assert names == ["node.log", "node.log.1", "node.log.2"]
    assert all(found.stat().st_size == 1_000 for found in tmp_path.iterdir())
    kept = (tmp_path / "node.log.2").read_text() + (tmp_path / "node.log.1").read_text() + path.read_text()
    assert [int(line[:3]) for line in kept.splitlines()] == list(range(70, 100))


def test_one_file_alone_is_begun_again(tmp_path: Path) -> None:
    """`--logcount 1`."""
    file = LogFile(tmp_path / "node.log", size=250, count=1)
    for _ in range(10):
        file.write(LINE)
    assert [found.name for found in tmp_path.iterdir()] == ["node.log"]
    assert (tmp_path / "node.log").stat().st_size <= 250


def test_a_file_that_is_there_goes_on(tmp_path: Path) -> None:
    """Also over a restart of the node."""
    path = tmp_path / "node.log"
    LogFile(path, size=250).write(LINE)
    again = LogFile(path, size=250)
    again.write(LINE)
    assert path.read_text() == 2 * LINE
    again.write(LINE)
    assert (path.read_text(), (tmp_path / "node.log.1").read_text()) == (LINE, 2 * LINE)


def test_a_line_longer_than_a_file_is_written(tmp_path: Path) -> None:
    """Rather one file over the bound than nothing."""
    file = LogFile(tmp_path / "node.log", size=50)
    file.write(LINE)
    assert (tmp_path / "node.log").read_text() == LINE


def test_a_full_disk_is_told_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of lines that are missing, and no half line before it."""
    path = tmp_path / "node.log"
    file = LogFile(path)
    write, room = os.write, [150]

    def scarce(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data[: room[0]]) if room[0] else 0
        room[0] -= written
        if not written:
            raise OSError(28, "No space left on device")
        return written

    monkeypatch.setattr(os, "write", scarce)
    for _ in range(3):
        file.write(LINE)
    assert path.read_text() == LINE
    room[0] = 10_000
    file.write(LINE)
    assert path.read_text() == LINE + "(2 lines could not be written here)\n" + LINE


def test_what_cannot_be_renamed_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound goes before all."""
    file = LogFile(tmp_path / "node.log", size=250)

    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    for _ in range(9):
        file.write(LINE)
    assert (tmp_path / "node.log").stat().st_size <= 250


def test_errors_go_to_stderr_as_well(tmp_path: Path) -> None:
    """Whoever started the node should see why it does not."""
    stderr = io.StringIO()
    observer = make_observer(stderr, LogOptions(file=tmp_path / "node.log"), {}, tmp_path / "none")
    for level in (LogLevel.info, LogLevel.error):
        observer({"log_level": level, "log_format": level.name, "log_time": 0.0})
    lines = (tmp_path / "node.log").read_text().splitlines()
    assert [re.sub(r"^\S+ ", "", line) for line in lines] == ["info  info", "error error"]
    assert stderr.getvalue().splitlines() == lines[1:]
