"""Notices that a line has been silent for a while. One timer, however many bytes come."""

from __future__ import annotations

from collections.abc import Callable

from bridges.clock import Clock, Delayed


class Silence:
    """The silence after the last bytes.

    seconds: how long. clock: monotonic time. over: called when it has lasted.
    """

    __slots__ = ("_at", "_clock", "_over", "_seconds", "_timer")

    def __init__(self, seconds: float, clock: Clock, over: Callable[[], object]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._over = over
        self._at = 0.0
        self._timer: Delayed | None = None

    @property
    def waiting(self) -> bool:
        """Whether bytes came after which it has not been told yet."""
        return self._timer is not None

    def overdue(self) -> bool:
        """Whether it has lasted although the timer had no time to say so; it says nothing any more then."""
        if self._timer is None or self._clock.seconds() - self._at < self._seconds:
            return False
        self.stop()
        return True

    def broken(self) -> None:
        """Bytes came: it begins anew. Only the time is noted; the timer looks at it when it is due."""
        self._at = self._clock.seconds()
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._due)

    def stop(self) -> None:
        """Wait no more. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _due(self) -> None:
        left = self._at + self._seconds - self._clock.seconds()
        self._timer = None
        if left > 0:
            self._timer = self._clock.callLater(left, self._due)
        else:
            self._over()
