"""Turns: each at its interval, one at a time; failures wait longer; what hangs is told and not believed later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from bridges.polled.turns import Turn, Turns
from bridges.values import BadValue
from tests.bridges.polled.harness import Inline


class Bus:
    """Turns with a thread; what happened is in `told`: (second, name, result or reason, away)."""

    def __init__(self, patience: float = 10.0) -> None:
        self.clock = Clock()
        self.worker = Inline()
        self.turns = Turns(self.clock, self.worker, patience, lambda: 0.5)
        self.told: list[tuple[float, str, Any, bool | None]] = []

    def add(self, name: str, interval: float, read: Callable[[], Any]) -> Turn:
        def tell(what: Any, away: bool | None = None) -> None:
            self.told.append((self.clock.seconds(), name, what, away))

        turn = Turn(name, interval, read, tell, tell)
        self.turns.add(turn)
        return turn

    def passes(self, seconds: float, step: float = 0.5) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)

    def times(self, name: str) -> list[float]:
        return [at for at, who, _, _ in self.told if who == name]


class Flaky:
    """Raises as long as `error` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __call__(self) -> int:
        if self.error is not None:
            raise self.error
        return 7


def test_each_at_its_interval() -> None:
    """The first reading is at once."""
    bus = Bus()
    bus.add("a", 2, lambda: 1)
    bus.add("b", 5, lambda: 2)
    bus.passes(10)
    assert bus.times("a") == [0, 2, 4, 6, 8, 10]
    assert bus.times("b") == [0, 5, 10]


def test_a_slow_reading_does_not_move_the_next() -> None:
    bus = Bus()
    bus.worker.held = True
    bus.add("a", 2, lambda: 1)
    bus.passes(1.5)
    bus.worker.go()
    bus.passes(1)
    assert bus.times("a") == [1.5, 2]


def test_those_that_wait_come_in_their_order() -> None:
    bus = Bus()
    bus.worker.held = True
    for name in "abc":
        bus.add(name, 5, lambda: 1)
    assert len(bus.worker.waiting) == 1
    bus.worker.go()
    assert [name for _, name, _, _ in bus.told] == ["a", "b", "c"]


def test_what_was_never_there_is_away_at_once() -> None:
    """And told once; the waits grow to 30 s."""
    bus = Bus()
    bus.add("a", 1, Flaky(FileNotFoundError(2, "", "/dev/x")))
    bus.passes(130)
    assert bus.told[0] == (0, "a", "/dev/x: it is not there", True)
    assert not any(away for _, _, _, away in bus.told[1:])
    assert bus.times("a") == [0, 1, 2, 4, 8, 16, 32, 62, 92, 122]


def test_a_failure_passes_unless_it_lasts() -> None:
    """Two more tries come soon, also where the interval is long."""
    bus = Bus()
    sensor = Flaky()
    bus.add("a", 60, sensor)
    sensor.error = BadValue("noise")
    bus.passes(60)
    sensor.error = None
    bus.passes(1)
    assert bus.told[1:] == [(60, "a", "noise", False), (60.5, "a", 7, None)]
    sensor.error = BadValue("noise")
    bus.passes(64)
    assert [(at, away) for at, _, _, away in bus.told[3:]] == [(120.5, False), (121, False), (122, True)]
    sensor.error = None
    bus.passes(60)
    assert bus.told[-1] == (182, "a", 7, None), "away, it has no more turns than the others"


def test_a_call_that_hangs_is_told_and_so_are_those_that_wait() -> None:
    bus = Bus(patience=3)
    bus.add("a", 10, lambda: 1)
    bus.add("b", 10, lambda: 2)
    bus.passes(9)
    bus.told.clear()
    bus.worker.held = True
    bus.passes(6)
    behind = "a, which is read before it, does not come back"
    assert bus.told == [
        (13, "a", "it does not answer: a reading did not come back within 3 s", True),
        (13, "b", behind, True),
    ]
    bus.passes(60)
    assert len(bus.told) == 2, "once"
    bus.worker.go()
    assert [(name, what) for _, name, what, _ in bus.told[2:]] == [("b", 2), ("a", 1)], "both at once; a's first is old"
    bus.passes(10)
    assert bus.times("a")[-1] == bus.times("b")[-1] == 85


def test_what_comes_back_late_is_thrown_away() -> None:
    """Nobody knows when it was measured. The device is read again at once."""
    bus = Bus(patience=3)
    values = iter((1, 2, 3))
    bus.worker.held = True
    bus.add("a", 10, lambda: next(values))
    bus.passes(8)
    bus.worker.go()
    assert [what for _, _, what, _ in bus.told[1:]] == [2]


def test_away_lasts_until_a_reading() -> None:
    """That it does not hang any more, but fails, is no second outage."""
    bus = Bus(patience=3)
    sensor = Flaky()
    bus.add("a", 10, sensor)
    bus.worker.held = True
    bus.passes(20)
    sensor.error = BadValue("noise")
    bus.worker.go()
    bus.passes(100)
    assert [away for _, _, _, away in bus.told if away] == [True]


def test_one_that_is_removed_is_not_read_and_not_told() -> None:
    bus = Bus()
    bus.worker.held = True
    first, second = bus.add("a", 2, lambda: 1), bus.add("b", 2, lambda: 1)
    bus.turns.remove(first)
    bus.turns.remove(second)
    bus.turns.remove(second)
    bus.worker.go()
    bus.passes(10)
    assert not bus.told
    assert not bus.clock.getDelayedCalls()


def test_nothing_is_told_after_the_end() -> None:
    """The last call in the thread closes the devices."""
    bus = Bus()
    bus.worker.held = True
    bus.add("a", 2, lambda: 1)
    closed: list[bool] = []
    bus.turns.stop(lambda: closed.append(True))
    bus.worker.go()
    assert closed == [True]
    assert not bus.told
    assert not bus.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(121, "Remote I/O error"), "no answer"),
        (OSError(110, "Connection timed out"), "a wire may hold the bus"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (OSError("simulated"), "simulated"),
        (PermissionError(13, "Permission denied", "/nowhere/at/all"), "/nowhere/at/all: permission denied"),
    ],
)
def test_reasons_are_for_the_operator(error: Exception, words: str) -> None:
    bus = Bus()
    bus.add("a", 2, Flaky(error))
    assert words in bus.told[0][2]
