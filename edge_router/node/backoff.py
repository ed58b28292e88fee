"""How long to wait before something that ended is started again: twice as long each time, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from random import uniform


class Backoff:
    """The delays of one thing that is started again and again.

    first, last: the shortest and the longest delay in seconds. settled: what has run for so many seconds begins anew
    with the shortest. vary: gives a number between two others, so that several do not come back in step.
    """

    def __init__(
        self,
        first: float = 1.0,
        last: float = 60.0,
        settled: float = 60.0,
        vary: Callable[[float, float], float] = uniform,
    ) -> None:
        self._first = first
        self._last = last
        self.settled = settled
        self._vary = vary
        self._next = first

    def after(self, ran: float) -> float:
        """The delay now, in seconds. ran: for how long it has run this time."""
        if ran >= self.settled:
            self._next = self._first
        delay, self._next = self._next, min(2 * self._next, self._last)
        return self._vary(0.5, 1.0) * delay
