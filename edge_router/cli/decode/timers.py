"""Time that passes when it is told to: as fast as a recording is read, or with the clock of a live device."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """A call that is due later."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """It is not made any more. Idempotent."""
        self.call = None


class Timers:
    """See `bridges.clock.Clock`."""

    def __init__(self) -> None:
        self._now = 0.0
        self._waiting: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def seconds(self) -> float:
        """Since the begin."""
        return self._now

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> Timer:
        timer = Timer(lambda: call(*args))
        heapq.heappush(self._waiting, (self._now + delay, next(self._numbers), timer))
        return timer

    def next_due(self) -> float | None:
        """When the next call is to be made."""
        while self._waiting and self._waiting[0][2].call is None:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def advance(self, to: float) -> None:
        """Let time pass, and make what is due, in order."""
        while (due := self.next_due()) is not None and due <= to:
            _, _, timer = heapq.heappop(self._waiting)
            self._now = max(self._now, due)
            call, timer.call = timer.call, None
            if call is not None:
                call()
        self._now = max(self._now, to)
