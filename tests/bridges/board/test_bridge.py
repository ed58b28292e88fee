"""The board bridge: a frame and its facts, what a board does not have, faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.board.bridge import BoardBridge
from bridges.board.config import BoardConfig
from tests.bridges.polled.harness import WALL, Polled, convert

Make = Callable[..., Polled]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Polled] = []

    def start(**options: Any) -> Polled:
        made.append(Polled(BoardBridge, BoardConfig, **{"root": "sim:pi", **options}).start())
        return made[-1]

    yield start
    for polled in made:
        polled.stop()


def test_a_frame_and_a_topic_for_each_fact(make: Make) -> None:
    """With the unit that it has by nature, and the frame's own number and time."""
    board = make()
    frame, about = board.last("x")
    assert frame["temperature"] == 48.0
    assert frame["throttling"]["since_start"]["under_voltage"] is False
    assert about == {"bridge": "x", "seq": 1, "ts": WALL * 1000, "ts_quality": "synced"}
    assert board.last("x.temperature") == (48.0, {**about, "unit": "°C"})
    assert board.last("x.memory.available")[1]["unit"] == "B"
    assert board.last("x.wifi.wlan0.signal") == (-55, {**about, "unit": "dBm"})
    assert board.values("x.throttling.since_start.under_voltage") == [False]
    assert not board.values("x.cpu.percent"), "it takes two readings"
    board.passes(30)
    assert len(board.values("x")) == 2
    assert board.values("x.cpu.percent")
    assert board.values("x.status") == ["open"]


def test_only_what_is_asked_for_and_as_configured(make: Make) -> None:
    board = make(
        facts=["temperature", "uptime"],
        interval=5,
        fields={"temperature": {"topic": "com.example.heat", "deadband": 1, "round": 0, "unit": "C"}},
    )
    board.passes(20)
    assert board.values("x")[1] == {"temperature": 48.0, "uptime": 5}
    assert board.values("com.example.heat") == [48.0]
    assert board.last("com.example.heat")[1]["unit"] == "C"
    assert not board.values("x.temperature")


def test_what_a_board_does_not_have_is_left_out(make: Make, tmp_path: Path) -> None:
    """And the status says why."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "uptime").write_text("77.1 1\n")
    (tmp_path / "proc" / "loadavg").write_text("no numbers here\n")
    board = make(root=str(tmp_path), facts=["temperature", "uptime", "load", "memory"])
    status = board.status()
    assert board.values("x") == [{"uptime": 77}]
    assert status["state"] == "open"
    assert status["absent"]["temperature"] == "the kernel has no thermal zone"
    assert status["absent"]["memory"] == f"{tmp_path}/proc/meminfo: it is not there"
    assert "could not convert" in status["absent"]["load"]
    assert status["stale"] == []


def test_a_board_that_tells_nothing_is_away(make: Make, tmp_path: Path) -> None:
    board = make(root=str(tmp_path), facts=["uptime"])
    assert board.values("x.status") == ["away"]
    assert "uptime: it is not there" in board.status()["last_error"]
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "uptime").write_text("77.1 1\n")
    board.passes(60)
    assert board.values("x.status") == ["away", "open"]
    assert set(board.values("x.uptime")) == {77}


def test_a_fact_that_goes_becomes_stale(make: Make, tmp_path: Path) -> None:
    """The others go on; the last value is marked, with its own time."""
    (tmp_path / "proc").mkdir()
    uptime = tmp_path / "proc" / "uptime"
    uptime.write_text("77.1 1\n")
    (tmp_path / "proc" / "loadavg").write_text("1 2 3 4/5 6\n")
    board = make(root=str(tmp_path), facts=["uptime", "load"], interval=10)
    uptime.unlink()
    board.passes(60)
    value, about = board.last("x.uptime")
    assert (value, about["stale"], about["ts"]) == (77, True, WALL * 1000)
    assert board.status()["stale"] == ["uptime"]
    assert len(board.values("x.load.1m")) == 7


@pytest.mark.parametrize("fault", ["drop", "garble", "unplug", "hang"])
def test_faults_of_the_simulator(make: Make, logged: list[str], fault: str) -> None:
    """Each is told once; every value becomes stale; it comes back by itself."""
    board = make(interval=5, facts=["temperature", "uptime"], patience=2)
    board.call("simulate", fault, 60)
    board.passes(59)
    assert len([line for line in logged if "is away" in line]) == 1
    assert not any("stale" in line for line in logged), "it is no news"
    assert board.status()["state"] == "away"
    assert board.status()["stale"] == ["temperature", "uptime"]
    assert board.last("x.temperature")[1]["stale"] is True
    marked = len(board.values("x.temperature"))
    board.passes(31)
    assert board.status()["state"] == "open"
    assert board.status()["stale"] == []
    assert len(board.values("x.temperature")) > marked
    assert "stale" not in board.last("x.temperature")[1]


def test_a_field_that_the_board_does_not_have_is_told(make: Make, logged: list[str]) -> None:
    make(fields={"wifi.wlan7.signal": {}})
    assert any("board has no wifi.wlan7.signal (fields); it has cpu.frequency" in line for line in logged)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"root": "sim:mars"}, "sim:mars is no simulator; there are sim:pi"),
        ({"facts": ["load"], "fields": {"temperature": {}}}, "'temperature' is of none of the facts load"),
        ({"disks": {"a.b": "/"}}, "disks"),
        ({"facts": ["weather"]}, "Invalid enum value 'weather'"),
    ],
)
def test_mistakes_of_the_configuration(options: dict[str, Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error.replace("(", r"\(")):
        convert(BoardConfig, **options)


def test_it_can_be_stopped_and_started_again(make: Make) -> None:
    board = make()
    board.bridge.stop()
    assert board.worker.ended == 1
    assert not board.session.procedures
    board.start()
    assert board.values("x.status") == ["open", "stopped", "open"]
