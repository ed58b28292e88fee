"""Readings that wait for others: a value that has to last (debounce), and readings that become one (window).

Both keep a fixed number of readings, however many come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bridges.clock import Clock, Delayed
from bridges.config import Window
from bridges.stamps import Stamp


class Reading(Struct, frozen=True):
    """A value with the stamp of its frame. stale: whether nothing was heard since for too long."""

    value: Any
    stamp: Stamp
    stale: bool = False


Send = Callable[[Reading], None]


class Debounce:
    """Lets a new value pass when it lasted.

    seconds: how long. clock: monotonic time. send: called with the latest reading of a value that counts.

    bounced: readings of values that did not last.
    """

    __slots__ = ("_candidate", "_candidates", "_clock", "_seconds", "_send", "_settled", "_timer", "bounced")

    def __init__(self, seconds: float, clock: Clock, send: Send) -> None:
        self._seconds = seconds
        self._clock = clock
        self._send = send
        self._settled: Reading | None = None
        self._candidate: Reading | None = None
        self._candidates = 0
        self._timer: Delayed | None = None
        self.bounced = 0

    def take(self, reading: Reading) -> None:
        """A reading of the value that counts passes at once; another begins to wait, or goes on to."""
        if self._candidate is not None and same(self._candidate.value, reading.value):
            self._candidate = reading
            self._candidates += 1
            return
        self._forget()
        if self._settled is not None and same(self._settled.value, reading.value):
            self._settled = reading
            self._send(reading)
        else:
            self._candidate = reading
            self._candidates = 1
            self._timer = self._clock.callLater(self._seconds, self._lasted)

    def stop(self) -> None:
        """What did not last yet does not count. Idempotent."""
        self._forget()

    def _lasted(self) -> None:
        reading, self._candidate, self._timer = self._candidate, None, None
        self._candidates = 0
        assert reading is not None
        self._settled = reading
        self._send(reading)

    def _forget(self) -> None:
        self.bounced += self._candidates
        self._candidate, self._candidates = None, 0
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


class Gathering:
    """Makes one reading of those of a window.

    window: its length, and what is made. clock: monotonic time. send: called with what was made.

    The smallest and the largest have the stamp of their own reading, the others that of the last one.
    """

    __slots__ = ("_clock", "_count", "_high", "_last", "_low", "_mean", "_send", "_timer", "_window")

    def __init__(self, window: Window, clock: Clock, send: Send) -> None:
        self._window = window
        self._clock = clock
        self._send = send
        self._timer: Delayed | None = None
        self._count = 0
        self._mean = 0.0
        self._low: Reading | None = None
        self._high: Reading | None = None
        self._last: Reading | None = None

    def take(self, reading: Reading) -> None:
        """One more. The first begins a window."""
        if self._count == 0 and self._window.seconds is not None:
            self._timer = self._clock.callLater(self._window.seconds, self._over)
        self._count += 1
        self._last = reading
        if self._window.of in ("min", "max", "mean"):
            self._calculate(reading)
        if self._count == self._window.count:
            self.stop()

    def stop(self) -> None:
        """End the window now; what was gathered is sent. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._count:
            self._close()

    def _calculate(self, reading: Reading) -> None:
        self._mean += reading.value / self._count - self._mean / self._count  # a sum could leave the floats
        if self._low is None or reading.value < self._low.value:
            self._low = reading
        if self._high is None or reading.value > self._high.value:
            self._high = reading

    def _over(self) -> None:
        self._timer = None
        self._close()

    def _close(self) -> None:
        assert self._last is not None
        made = self._made(self._last)
        self._count, self._mean = 0, 0.0
        self._low = self._high = self._last = None
        assert made is not None
        self._send(made)

    def _made(self, last: Reading) -> Reading | None:
        made = {"min": self._low, "max": self._high, "last": last}
        if self._window.of in made:
            return made[self._window.of]
        if self._window.of == "count":
            return Reading(self._count, last.stamp)
        places = self._window.round
        return Reading(self._mean if places is None else round(self._mean, places) + 0, last.stamp)


def same(value: Any, other: Any) -> bool:
    """Whether two values are the same to whoever sees them: 1 and 1.0 are, 1 and true are not."""
    if type(value) in (int, float) and type(other) in (int, float):
        return bool(value == other)
    return type(value) is type(other) and bool(value == other)
