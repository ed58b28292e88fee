"""The rules of outputs hold whatever happens: commands, losses, time, reloads and a chip that goes, in any order."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from bridges.gpio.actuator import Actuator, Refused
from bridges.gpio.interlock import Group
from bridges.gpio.outputconfig import Output
from tests.bridges.gpio.conftest import Board

MAX_ON, MIN_OFF, WAIT = 5.0, 3.0, 1.0


class Motor:
    """Two outputs in one interlock; remembers when each was on."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.there = True
        self.pins = {"up": False, "down": False}
        self.changes: dict[str, list[tuple[float, bool]]] = {"up": [], "down": []}
        self.told: list[str] = []
        group = Group(self.clock)
        options = Output(
            line=1,
            on_stop="off",
            on_loss="off",
            loss_after=2.0,
            uplink="center",
            uplink_after=4.0,
            max_on=MAX_ON,
            min_off=MIN_OFF,
            interlock="motor",
            interlock_wait=WAIT,
        )
        self.outputs = {name: Actuator(name, options, self.clock, group, self) for name in self.pins}
        self.open()

    def open(self) -> None:
        for name, output in self.outputs.items():
            output.opened(self._writer(name), False)

    def output_changed(self, name: str, value: bool, cause: str) -> None:
        self.told.append(cause)

    def _writer(self, name: str) -> Callable[[bool], bool]:
        def write(value: bool) -> bool:
            if self.there:
                self.pins[name] = value
                self.changes[name].append((self.clock.seconds(), value))
                assert not all(self.pins.values()), "both were on"
            return self.there

        return write

    def do(self, what: str, name: str, number: float) -> None:
        output = self.outputs[name]
        steps: dict[str, Callable[[], object]] = {
            "on": lambda: output.command(True, int(number)),
            "off": lambda: output.command(False, int(number)),
            "pulse": lambda: output.pulse(number, int(number)),
            "nobody": lambda: output.command(True, None),
            "leave": lambda: [each.session_gone(int(number)) for each in self.outputs.values()],
            "up": lambda: [each.uplink_changed(True) for each in self.outputs.values()],
            "down": lambda: [each.uplink_changed(False) for each in self.outputs.values()],
            "wait": lambda: self.clock.pump([0.25] * int(number * 4)),
        }
        with suppress(Refused):
            steps[what]()

    def check(self) -> None:
        """Nothing was on for longer than max_on, or on again before min_off, or before the pause after the other."""
        ends: dict[str, float] = {}
        for name, changes in self.changes.items():
            began = ended = None
            for at, value in changes:
                if value:
                    assert ended is None or at - ended >= MIN_OFF - 1e-9, (name, changes)
                    began = at
                elif began is not None:
                    assert at - began <= MAX_ON + 1e-9, (name, changes)
                    ended, began = at, None
                    ends[name] = at
            assert began is None or self.clock.seconds() - began <= MAX_ON + 1e-9, (name, changes)
        for name, other in (("up", "down"), ("down", "up")):
            offs = [at for at, value in self.changes[other] if not value]
            for at, value in self.changes[name]:
                before = [off for off in offs if off <= at]
                assert not value or not before or at - max(before) >= WAIT - 1e-9 or at == 0, (name, at)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["on", "off", "pulse", "nobody", "leave", "up", "down", "wait", "wait"]),
        st.sampled_from(["up", "down"]),
        st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0, 6.0]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_the_rules_hold_in_any_order(steps: list[tuple[str, str, float]]) -> None:
    motor = Motor()
    for step in steps:
        motor.do(*step)
        assert {name: output.value for name, output in motor.outputs.items()} == motor.pins
    motor.check()
    motor.clock.advance(MAX_ON)
    assert not any(motor.pins.values()), "after max_on everything is off"
    for output in motor.outputs.values():
        output.closed()
    assert not motor.clock.getDelayedCalls()


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_a_chip_that_goes_in_the_middle(steps: list[tuple[str, str, float]]) -> None:
    """Commands are refused, and no timer moves anything."""
    motor = Motor()
    for step in steps:
        motor.do(*step)
    for output in motor.outputs.values():
        output.closed()
    motor.there = False
    before = dict(motor.pins)
    for step in steps:
        motor.do(*step)
    assert motor.pins == before
    assert not motor.clock.getDelayedCalls()


def test_nothing_is_left_of_many_outages(board: Callable[..., Board], logged: list[str]) -> None:
    """A day with a bad plug: each outage is told once, no descriptor, timer or event of old stays behind."""
    sections: dict[str, Any] = {
        "inputs": {
            "door": {"line": 17, "debounce": 0},
            "noisy": {"line": 18, "debounce": 0, "max_edges": 5},
            "flow": {"line": 19, "measure": "frequency"},
        },
        "outputs": {"lamp": {"line": 4, "max_on": 60, "on_stop": "off"}},
        "pwm": {"fan": {"channel": 0}},
    }
    io = board(**sections)
    descriptors = []
    for _ in range(100):
        io.call("lamp.set", True)
        io.drive(18, *[True, False] * 5)
        io.drive(19, True, False)
        io.call("simulate", "unplug", 3)
        io.reactor.pump()
        assert io.status()["state"] == "away"
        io.advance(40, step=1)
        assert io.status()["state"] == "open"
        descriptors.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    assert descriptors[0] == descriptors[-1]
    assert sum("no lines" in line for line in logged) == 100
    assert sum("is open" in line for line in logged) == 101
    assert io.values("door") == [False] * 101, "said anew each time"
    assert len(io.reactor.getDelayedCalls()) <= 3
