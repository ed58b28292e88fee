"""What a bridge tells about itself: a state, counts and the last error, as events and on request.

A change of state is told at once. Errors of frames are told at once too, but then not again for EVERY seconds, so that
a noisy line makes no flood; the counts say how many there were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bridges.clock import Clock, Delayed
from bridges.stamps import Stamps

#: seconds between two events that only tell of errors
EVERY: Final = 5.0


class Status:
    """The status of one bridge.

    clock: monotonic time. stamps: the wall clock. publish: takes args and kwargs of an event.
    details: the bridge's own facts, JSON-like: counts, the device.

    state: what it is doing now, `opening`, `open`, `away` or `stopped`.
    """

    def __init__(
        self,
        clock: Clock,
        stamps: Stamps,
        publish: Callable[[list[Any], dict[str, Any]], object],
        details: Callable[[], dict[str, Any]],
    ) -> None:
        self._clock = clock
        self._stamps = stamps
        self._publish = publish
        self._details = details
        self._since: int | None = None
        self._error: str | None = None
        self._error_at: int | None = None
        self._fault_told_at: float | None = None
        self._due: Delayed | None = None
        self._news: Delayed | None = None
        self.state = "stopped"

    def begin(self) -> None:
        """The bridge was started; whether its device is there is found out now, and told then."""
        self.state = "opening"
        self._since = self._stamps.now()[0]

    def change(self, state: str, error: str | None = None) -> None:
        """Another state. error: why, if it is for the worse."""
        self.state = state
        self._since = self._stamps.now()[0]
        if error is not None:
            self.note(error)
        self._tell()

    def fault(self, error: str) -> None:
        """Something went wrong without a change of state: a bad frame, say."""
        self.note(error)
        if self._due is not None:
            return
        left = 0.0 if self._fault_told_at is None else self._fault_told_at + EVERY - self._clock.seconds()
        if left > 0:
            self._due = self._clock.callLater(left, self._tell_fault)
        else:
            self._tell_fault()

    def news(self, error: str | None = None) -> None:
        """The facts are others now: told in the reactor's next turn, so that several at once are one event.

        error: what is wrong, if it is for the worse.
        """
        if error is not None:
            self.note(error)
        if self._news is None:
            self._news = self._clock.callLater(0, self._tell_news)

    def note(self, error: str) -> None:
        """Something went wrong that will be seen with the next event or request."""
        self._error = error
        self._error_at = self._stamps.now()[0]

    def stop(self) -> None:
        """Set no timer any more. Idempotent."""
        for timer in (self._due, self._news):
            if timer is not None:
                timer.cancel()
        self._due = self._news = None

    def kwargs(self) -> dict[str, Any]:
        """The facts, as in the event."""
        ts, quality = self._stamps.now()
        return {
            **self._details(),
            "since": self._since,
            "ts": ts,
            "ts_quality": quality,
            "last_error": self._error,
            "last_error_ts": self._error_at,
        }

    def _tell_fault(self) -> None:
        self._due = None
        self._fault_told_at = self._clock.seconds()
        self._tell()

    def _tell_news(self) -> None:
        self._news = None
        self._tell()

    def _tell(self) -> None:
        self.stop()
        self._publish([self.state], self.kwargs())
