"""What is made of the edges of a line: its level, pulses counted, their frequency, their width.

Each takes edges with the kernel's times, and gives values out when there are some. Lost edges come as a number, so that
a count stays right although the kernel's buffer was too small for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from bridges.clock import Clock, Delayed
from bridges.gpio.config import Input
from bridges.gpio.lines import Edge, Edges

#: value, the time it belongs to (CLOCK_MONOTONIC, ns)
Give = Callable[[Any, int], object]
SECOND = 1_000_000_000


class Measure(Protocol):
    """One input. edges: those that it needs."""

    edges: Edges

    def begin(self, active: bool) -> None:
        """The line was opened and has this level."""

    def take(self, edge: Edge, lost: int) -> None:
        """An edge. lost: edges before it that the kernel had no room for."""

    def look(self, active: bool) -> None:
        """The level as it is now; edges may have been missed."""

    def stop(self) -> None:
        """Set no timer any more. Idempotent."""


class Level:
    """True while the line is active; given at the start and at each change."""

    edges: Edges = "both"

    def __init__(self, input_: Input, clock: Clock, give: Give) -> None:  # noqa: ARG002 - all measures are made alike
        self._clock = clock
        self._give = give
        self._active: bool | None = None

    def begin(self, active: bool) -> None:
        self._active = None
        self.look(active)

    def take(self, edge: Edge, lost: int) -> None:  # noqa: ARG002 - the last one says it all
        if edge.active != self._active:
            self._active = edge.active
            self._give(edge.active, edge.at)

    def look(self, active: bool) -> None:
        if active != self._active:
            self._active = active
            self._give(active, now(self._clock))

    def stop(self) -> None:
        """There is nothing to stop."""


class Count:
    """Pulses since ever.

    total: so far. It is given `every` seconds while it grows.
    """

    edges: Edges = "rising"

    def __init__(self, input_: Input, clock: Clock, give: Give) -> None:
        self._every = input_.every
        self._clock = clock
        self._give = give
        self._timer: Delayed | None = None
        self._at = 0
        self._last = False
        self.total = 0

    def begin(self, active: bool) -> None:
        self._last = active
        self._at = now(self._clock)
        self._due()

    def take(self, edge: Edge, lost: int) -> None:
        self.total += edge.active + (_rising(lost, self._last) if self.edges == "both" else lost)
        self._last = edge.active
        self._at = edge.at
        if self._timer is None:
            self._timer = self._clock.callLater(self._every, self._due)

    def look(self, active: bool) -> None:
        """A level says nothing about pulses."""

    def set(self, total: int) -> None:
        """Begin anew from a number, which is given at once."""
        self.total = total
        self._at = now(self._clock)
        _cancel(self)
        self._due()

    def stop(self) -> None:
        """What was counted since the last time is given."""
        if self._timer is not None:
            _cancel(self)
            self._due()

    def _due(self) -> None:
        self._timer = None
        self._give(self.total, self._at)


class Frequency:
    """Pulses a second, by the times of the first and the last: right for slow ones too.

    Given `every` seconds; 0 once no pulse came for `every`, and for twice the time between the last two.
    """

    edges: Edges = "rising"

    def __init__(self, input_: Input, clock: Clock, give: Give) -> None:
        self._every = input_.every
        self._clock = clock
        self._give = give
        self._timer: Delayed | None = None
        self._from: int | None = None
        self._last = 0
        self._period = 0.0
        self._pulses = 0
        self._was_active = False

    def begin(self, active: bool) -> None:
        self._from = None
        self._pulses = 0
        self._was_active = active
        self._give(0.0, now(self._clock))

    def take(self, edge: Edge, lost: int) -> None:
        if self._from is not None:
            self._pulses += _rising(lost, self._was_active) if self.edges == "both" else lost
        self._was_active = edge.active
        if not edge.active:
            return
        if self._from is None:
            self._from = edge.at
        else:
            self._pulses += 1
        self._last = edge.at
        if self._timer is None:
            self._timer = self._clock.callLater(self._every, self._due)

    def look(self, active: bool) -> None:  # noqa: ARG002 - a level is no pulse
        """Pulses before a gap are not those after it."""
        self._from = None
        self._pulses = 0

    def stop(self) -> None:
        _cancel(self)

    def _due(self) -> None:
        self._timer = None
        if self._from is not None and self._pulses and self._last > self._from:
            seconds = (self._last - self._from) / SECOND
            self._period = seconds / self._pulses
            self._give(self._pulses / seconds, self._last)
            self._from, self._pulses = self._last, 0
        elif (now(self._clock) - self._last) / SECOND >= max(self._every, 2 * self._period):
            self._from = None
            self._pulses = 0
            self._give(0.0, now(self._clock))
            return
        self._timer = self._clock.callLater(self._every, self._due)


class Width:
    """The seconds that a pulse lasted, given at its end."""

    edges: Edges = "both"

    def __init__(self, input_: Input, clock: Clock, give: Give) -> None:  # noqa: ARG002 - all measures are made alike
        self._give = give
        self._began: int | None = None

    def begin(self, active: bool) -> None:  # noqa: ARG002 - a level is no pulse
        """A pulse that has begun already has no known beginning."""
        self._began = None

    def take(self, edge: Edge, lost: int) -> None:
        if edge.active:
            self._began = edge.at
        elif self._began is not None:
            began, self._began = self._began, None
            if not lost:
                self._give((edge.at - began) / SECOND, edge.at)

    def look(self, active: bool) -> None:  # noqa: ARG002 - a level is no pulse
        self._began = None

    def stop(self) -> None:
        """There is nothing to stop."""


MEASURES: dict[str, type[Level | Count | Frequency | Width]] = {
    "level": Level,
    "count": Count,
    "frequency": Frequency,
    "width": Width,
}


def now(clock: Clock) -> int:
    """Monotonic nanoseconds, as edges have them."""
    return int(clock.seconds() * SECOND)


def _rising(lost: int, active: bool) -> int:
    """How many of the lost edges began a pulse. active: the level before them; edges take turns."""
    return lost // 2 if active else (lost + 1) // 2


def _cancel(measure: Count | Frequency) -> None:
    timer, measure._timer = measure._timer, None
    if timer is not None:
        timer.cancel()
