"""Whether a value is still true: after too long a silence it is stale. That is told once, and so is its return.

Time is monotonic. A reading costs no timer: whether others came since is looked at when the time is over.
"""

from __future__ import annotations

from collections.abc import Callable

from bridges.clock import Clock, Delayed


class Freshness:
    """Watches over one value.

    after: seconds without a reading. clock: monotonic time. changed: called when it became stale or fresh again.

    stale: which of the two it is.
    """

    __slots__ = ("_after", "_changed", "_clock", "_seen_at", "_timer", "stale")

    def __init__(self, after: float, clock: Clock, changed: Callable[[], object]) -> None:
        self._after = after
        self._clock = clock
        self._changed = changed
        self._seen_at = 0.0
        self._timer: Delayed | None = None
        self.stale = False

    def begin(self) -> None:
        """Readings are expected from now on."""
        self._seen_at = self._clock.seconds()
        if self._timer is None:
            self._timer = self._clock.callLater(self._after, self._look)

    def seen(self) -> None:
        """There was a reading."""
        self.begin()
        if self.stale:
            self.stale = False
            self._changed()

    def stop(self) -> None:
        """Set no timer any more, and forget what was. Idempotent."""
        timer, self._timer = self._timer, None
        self.stale = False
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        self._timer = None
        left = self._seen_at + self._after - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
        else:
            self.stale = True
            self._changed()
