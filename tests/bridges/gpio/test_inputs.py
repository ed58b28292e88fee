"""Inputs on a simulated chip: levels, counts, frequencies and widths, edges that are lost, storms, a chip that goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_router.client import CallError
from tests.bridges.conftest import WALL
from tests.bridges.gpio.conftest import Board

Make = Callable[..., Board]

SWITCH = {"door": {"line": "GPIO17", "debounce": 0}}


# --- levels ----------------------------------------------------------------------------------------------------------


def test_a_level_is_told_at_the_start_and_at_each_change(board: Make) -> None:
    io = board(inputs=SWITCH)
    io.drive(17, True, False)
    assert io.values("door") == [False, True, False]


def test_an_edge_has_the_time_that_the_kernel_saw_it(board: Make) -> None:
    """Although it is read later: the router may have been busy."""
    io = board(inputs=SWITCH)
    io.reactor.advance(10)
    io.kernel.set_level(17, True)
    io.reactor.advance(2.5)
    io.reactor.pump()
    value, about = io.session.last("io.door")
    assert value is True
    assert about == {"bridge": "io", "seq": 2, "ts": (WALL + 10) * 1000, "ts_quality": "synced"}


def test_active_low_with_a_pull_up(board: Make) -> None:
    """A switch to ground: open is false, closed is true."""
    io = board(inputs={"door": {"line": 17, "active_low": True, "bias": "pull-up", "debounce": 0}})
    io.drive(17, False, True)
    assert io.values("door") == [False, True, False]


def test_the_kernel_debounces(board: Make) -> None:
    """20 ms for a level that says nothing else; what bounces within is no change."""
    io = board(inputs={"door": {"line": 17}})
    io.drive(17, True, False, True, False, True, apart=0.005)
    assert io.values("door") == [False]
    io.advance(0.03)
    assert io.values("door") == [False, True]


def test_options_of_fields_apply(board: Make) -> None:
    io = board(inputs={"door": {"line": 17, "debounce": 0, "enum": {"true": "open", "false": "closed"}, "unit": "x"}})
    io.drive(17, True)
    assert io.values("door") == ["closed", "open"]
    assert io.session.last("io.door")[1]["unit"] == "x"


def test_a_value_that_the_options_refuse_is_counted(board: Make) -> None:
    io = board(inputs={"door": {"line": 17, "debounce": 0, "enum": {"true": "open"}}})
    assert io.values("door") == []
    assert io.status()["bad"] == 1
    assert io.status()["last_error"] == "door: False is none of true"


# --- pulses ----------------------------------------------------------------------------------------------------------


def test_a_count_grows_with_each_pulse_and_is_told_now_and_then(board: Make) -> None:
    """Once in `every` seconds, and not at all while nothing happens."""
    io = board(inputs={"water": {"line": 5, "measure": "count", "scale": 0.5, "unit": "l"}})
    io.drive(5, *[True, False] * 10)
    assert io.values("water") == [0]
    io.advance(1.1)
    assert io.values("water") == [0, 5]
    io.advance(10)
    assert io.values("water") == [0, 5]


def test_a_total_is_kept_over_a_restart(board: Make, tmp_path: Path) -> None:
    """Written a minute after the first change at the latest, and at the stop; in pulses, before scale."""
    inputs = {"water": {"line": 5, "measure": "count", "scale": 0.5}}
    first = board(inputs=inputs)
    first.drive(5, *[True, False] * 4)
    first.advance(61.5, step=0.5)
    assert json.loads((tmp_path / "gpio-io.json").read_text()) == {"counts": {"water": 4}}
    first.drive(5, *[True, False] * 3)
    first.bridge.stop()
    second = board(inputs=inputs)
    assert second.values("water")[-1] == 3.5


def test_a_total_can_be_set(board: Make) -> None:
    io = board(inputs={"water": {"line": 5, "measure": "count"}})
    assert io.call("set_count", "water", 123_456) == 0
    assert io.values("water") == [0, 123_456]
    for wrong in (("water", -1), ("water", 1.5), ("water", True), ("x", 1), ("water",)):
        with pytest.raises(CallError, match=r"wamp.error.invalid_argument"):
            io.call("set_count", *wrong)


@pytest.mark.parametrize("text", ['{"counts": {"water": "many"}}', '{"counts": {"\xff": 1}}', "{", "\0\0"])
def test_a_state_file_that_is_no_good_is_told_and_does_no_harm(
    board: Make, tmp_path: Path, logged: list[str], text: str
) -> None:
    (tmp_path / "gpio-io.json").write_text(text, "latin-1")
    io = board(inputs={"water": {"line": 5, "measure": "count"}})
    assert io.values("water") == [0]
    assert "begin anew" in logged[0]


def test_frequency_by_the_time_between_pulses(board: Make) -> None:
    """Right for slow ones too; then 0 when no more come."""
    io = board(inputs={"wind": {"line": 6, "measure": "frequency"}})
    io.drive(6, *[True, False] * 20, apart=0.2)  # 2.5 pulses a second
    seen = io.values("wind")
    assert seen[0] == 0
    assert len(seen) >= 7
    assert all(abs(value - 2.5) < 1e-6 for value in seen[1:])
    io.advance(3)
    assert io.values("wind")[-1] == 0
    told = len(io.values("wind"))
    io.advance(10)
    assert len(io.values("wind")) == told, "nothing is told while nothing turns"


def test_frequency_of_pulses_that_were_lost(board: Make) -> None:
    """Those between two that were seen count; those before the first do not, for nobody knows since when they came."""
    io = board(inputs={"wind": {"line": 6, "measure": "frequency"}})
    io.drive(6, True, False, apart=0.1)
    io.advance(5)
    for _ in range(74):
        io.kernel.set_level(6, True)
        io.reactor.advance(0.01)
        io.kernel.set_level(6, False)
    io.advance(1.1)
    assert io.status()["lost"] == 10
    assert io.values("wind")[-1] == pytest.approx(100)
    for _ in range(100):
        io.kernel.set_level(6, True)
        io.reactor.advance(0.005)
        io.kernel.set_level(6, False)
    io.advance(1.1)
    assert io.status()["lost"] == 46
    assert max(io.values("wind")) < 205


def test_width_of_a_pulse(board: Make) -> None:
    """In seconds, by the kernel's times; a pulse whose begin was not seen has none."""
    io = board(inputs={"echo": {"line": 6, "measure": "width"}})
    io.drive(6, True, False, apart=0.25)
    io.drive(6, True, False, apart=0.5)
    assert io.values("echo") == pytest.approx([0.25, 0.5])


def test_several_inputs_of_one_line(board: Make) -> None:
    """By its name and by its number alike; the pulses are counted once, though both edges are watched now."""
    io = board(
        inputs={
            "total": {"line": "GPIO6", "measure": "count"},
            "rate": {"line": "GPIO6", "measure": "frequency"},
            "now": {"line": 6, "debounce": 0},
        }
    )
    io.drive(6, *[True, False] * 5, apart=0.25)
    io.advance(1)
    assert io.values("total")[-1] == 5
    assert io.values("rate")[1] == pytest.approx(2)
    assert io.values("now") == [False, *[True, False] * 5]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_lost_edges_are_seen_and_counted(board: Make) -> None:
    """The kernel keeps 64 a line, drops the oldest, and numbers them: the total is right all the same."""
    io = board(inputs={"water": {"line": 5, "measure": "count"}})
    io.drive(5, True, False)
    for _ in range(100):
        io.kernel.set_level(5, True)
        io.kernel.set_level(5, False)
    io.advance(1.1)
    assert io.values("water")[-1] == 101
    assert io.status()["lost"] == 36
    assert "36 edges of water were lost" in io.status()["last_error"]


def test_lost_edges_of_a_line_whose_both_edges_are_watched(board: Make) -> None:
    """They take turns, so it is known how many of them began a pulse."""
    io = board(inputs={"n": {"line": 5, "measure": "count"}, "now": {"line": 5}, "x": {"line": 5, "debounce": 0}})
    io.drive(5, True)
    for _ in range(50):
        io.kernel.set_level(5, False)
        io.kernel.set_level(5, True)
    io.advance(1.1)
    assert io.values("n")[-1] == 51
    assert io.values("now")[-1] is True


def test_a_storm_is_capped_and_told_once(board: Make, logged: list[str]) -> None:
    """The line is put aside for a second: no edges of it, its level looked at; the others go on."""
    io = board(inputs={"noisy": {"line": 4, "debounce": 0, "max_edges": 50}, **SWITCH})
    io.drive(4, *[True, False] * 100)
    assert len(io.values("noisy")) == 1 + 51
    assert io.status()["stormy"] == ["noisy"]
    io.drive(17, True)
    assert io.values("door") == [False, True]
    io.drive(4, True)
    io.advance(1.05)
    assert io.values("noisy")[-1] is True
    assert len(io.values("noisy")) <= 53
    io.drive(4, *[False, True] * 100)
    io.advance(1.05)
    io.advance(1.05)
    assert io.status()["stormy"] == []
    assert io.status()["storms"] == 2
    assert [line for line in logged if "noisy" in line] == [
        "io: noisy has more than 50 edges a second (max_edges); it is only looked at once a second",
        "io: noisy has calmed down",
    ]
    io.drive(4, False, True)
    assert io.values("noisy")[-2:] == [False, True]


def test_a_chip_that_goes_and_comes_back(board: Make, logged: list[str]) -> None:
    io = board(inputs=SWITCH)
    io.call("simulate", "unplug")
    io.reactor.pump()
    assert io.status()["state"] == "away"
    io.kernel.set_level(17, True)
    io.advance(5)
    assert io.values("door") == [False]
    io.call("simulate", "ok")
    io.advance(31, step=1)
    assert io.status()["state"] == "open"
    assert io.values("door") == [False, True]
    assert logged == [
        "io: sim (sim:) is open",
        "io: no lines: the chip is gone",
        "io: sim (sim:) is open",
    ]


def test_a_line_that_another_has_is_named(board: Make) -> None:
    """And tried again until it is free."""
    first = board(id="other", chip="sim:?file=pins", inputs=SWITCH)
    second = board(chip="sim:?file=pins", inputs=SWITCH)
    assert second.status()["state"] == "away"
    first.bridge.stop()
    second.advance(2)
    assert second.status()["state"] == "open"


@pytest.mark.parametrize(
    ("line", "words"),
    [("GPIO99", "sim has no line GPIO99; there are GPIO0, GPIO1,"), (99, "sim has no line 99; there are 0 to 53")],
)
def test_a_line_that_is_not_there(board: Make, line: str | int, words: str) -> None:
    io = board(inputs={"door": {"line": line}})
    assert words in io.status()["last_error"]


def test_over_max_rate_the_last_level_comes_later(board: Make) -> None:
    """A level never stays wrong."""
    io = board(inputs=SWITCH, max_rate=10)
    io.reactor.advance(1)
    io.drive(17, *[True, False] * 20, True)
    assert len(io.values("door")) == 11
    io.advance(1.1)
    assert io.values("door")[-1] is True
    assert io.status()["dropped"] == 31


# --- simulated -------------------------------------------------------------------------------------------------------


def test_set_by_procedure(board: Make) -> None:
    """As the program sees it: true is active, whatever the wire does."""
    io = board(inputs={"door": {"line": 17, "active_low": True, "bias": "pull-up", "debounce": 0}})
    assert io.call("simulate", "set", "door", True) is True
    io.reactor.pump()
    assert io.values("door") == [False, True]
    for wrong in (("set", "window", True), ("set", "door", 1), ("set",), ("explode",)):
        with pytest.raises(CallError, match=r"wamp.error.invalid_argument"):
            io.call("simulate", *wrong)


def test_lines_that_change_by_themselves(board: Make) -> None:
    io = board(chip="sim:?rate=100", inputs={f"in{n}": {"line": n, "debounce": 0} for n in range(24)})
    io.advance(1, step=0.01)
    assert all(99 <= len(io.values(f"in{n}")) <= 102 for n in range(24))
    assert io.status()["lost"] == 0


@pytest.mark.parametrize("fault", ["drop", "garble", "hang"])
def test_faults(board: Make, fault: str) -> None:
    """Dropped edges are missed and counted, garbled ones bounce, what hangs comes late."""
    io = board(inputs=SWITCH)
    io.drive(17, True, False)
    io.call("simulate", fault)
    io.drive(17, True)
    expected = {"drop": [], "garble": [True, False, True, False, True], "hang": []}
    assert io.values("door")[3:] == expected[fault]
    io.call("simulate", "ok")
    io.drive(17, True, False)
    late = {"drop": [], "garble": [], "hang": [True]}
    assert io.values("door")[3:] == [*expected[fault], *late[fault], *([] if fault == "drop" else [False])]
    assert io.status()["lost"] == (1 if fault == "drop" else 0)


def test_a_request_of_a_chip_that_was_gone_is_dead(board: Make) -> None:
    """As with the kernel: also if the chip is back before anybody has looked."""
    io = board(inputs=SWITCH)
    io.call("simulate", "unplug")
    io.call("simulate", "ok")
    io.reactor.pump()
    assert io.status()["state"] == "away"
    io.advance(1)
    assert io.status()["state"] == "open"
    io.reactor.pump()
    io.drive(17, True)
    assert io.values("door")[-1] is True
