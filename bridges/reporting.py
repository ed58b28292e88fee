"""Which readings of a field are published, and when: debounce, window, deadband, min_interval, max_interval, staleness.

Report by exception, shared by all bridges. A reading keeps the stamp of the moment it was taken, whenever it is sent:
a value that is sent again or late never looks newer than it is. What is held back for good is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.clock import Clock, Delayed
from bridges.config import Field
from bridges.freshness import Freshness
from bridges.gathering import Debounce, Gathering, Reading, Send, same


class Reporter:
    """Decides for one field.

    field: its options. clock: monotonic time. send: called with each reading to publish. changed: called when the
    field became stale or fresh again.

    unchanged: readings within the deadband. superseded: readings replaced by a later one while min_interval ran.
    """

    __slots__ = (
        "_clock", "_deadband", "_debounce", "_first", "_freshness", "_heartbeat", "_last", "_marked", "_max_interval",
        "_min_interval", "_paused", "_pending", "_send", "_sent", "_sent_at", "_trailing", "_window", "superseded",
        "unchanged",
    )  # fmt: skip

    def __init__(
        self, field: Field, clock: Clock, send: Callable[[Reading], None], changed: Callable[[], object] = lambda: None
    ) -> None:
        self._deadband = field.deadband
        self._min_interval = field.min_interval
        self._max_interval = field.max_interval
        self._clock = clock
        self._send = send
        self._last: Reading | None = None
        self._sent: Reading | None = None
        self._sent_at = 0.0
        self._marked = False
        self._pending: Reading | None = None
        self._trailing: Delayed | None = None
        self._heartbeat: Delayed | None = None
        self._paused = False
        self._freshness = self._watched(field, changed)
        self._first: Send = self._report
        self._window: Gathering | None = None
        self._debounce: Debounce | None = None
        if field.window is not None:
            self._window = Gathering(field.window, clock, self._first)
            self._first = self._window.take
        if field.debounce is not None:
            self._debounce = Debounce(field.debounce, clock, self._first)
            self._first = self._debounce.take
        self.unchanged = 0
        self.superseded = 0

    @property
    def stale(self) -> bool:
        """Whether nothing was heard for stale_after."""
        return self._freshness is not None and self._freshness.stale

    @property
    def bounced(self) -> int:
        """Readings of values that did not last for debounce."""
        return 0 if self._debounce is None else self._debounce.bounced

    def begin(self) -> None:
        """Readings are expected from now on; if none comes, the field is stale in time."""
        if self._freshness is not None:
            self._freshness.begin()

    def take(self, reading: Reading) -> None:
        """A new reading: sent now, later, as a part of another, or not at all."""
        if self._freshness is not None:
            self._freshness.seen()
        self._paused = False
        self._first(reading)

    def pause(self) -> None:
        """The source is away: what it said last is not repeated any more. A reading that waits is still sent."""
        self._paused = True
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def stop(self) -> None:
        """Send what waits, and set no timer any more. Idempotent."""
        if self._freshness is not None:
            self._freshness.stop()
        if self._debounce is not None:
            self._debounce.stop()
        if self._window is not None:
            self._window.stop()
        self.pause()
        self._flush()

    def _watched(self, field: Field, changed: Callable[[], object]) -> Freshness | None:
        if field.stale_after is None:
            return None

        def turned() -> None:
            if self.stale:
                self._mark()
            changed()

        return Freshness(field.stale_after, self._clock, turned)

    def _mark(self) -> None:
        """The last value once more, marked; who subscribes later gets that, too. It is repeated no more."""
        self.pause()
        if self._trailing is not None:
            self._flush()
        elif self._last is not None:
            self._send_now(self._last)

    def _report(self, reading: Reading) -> None:
        self._last = reading
        if self._pending is not None:
            self.superseded += 1
            self._pending = reading
        elif not self._is_due(reading):
            self.unchanged += 1
        elif (wait := self._wait()) > 0:
            self._pending = reading
            self._trailing = self._clock.callLater(wait, self._send_pending)
        else:
            self._send_now(reading)

    def _is_due(self, reading: Reading) -> bool:
        if self._sent is None or self._deadband is None or self._marked:
            return True
        if self._max_interval is not None and self._clock.seconds() - self._sent_at >= self._max_interval:
            return True
        return _differs(reading.value, self._sent.value, self._deadband)

    def _wait(self) -> float:
        if self._sent is None or self._min_interval is None:
            return 0.0
        return self._sent_at + self._min_interval - self._clock.seconds()

    def _send_pending(self) -> None:
        reading, self._pending, self._trailing = self._pending, None, None
        if reading is not None:
            self._send_now(reading)

    def _flush(self) -> None:
        if self._trailing is not None:
            self._trailing.cancel()
            self._send_pending()

    def _send_now(self, reading: Reading) -> None:
        self._marked = self.stale
        if self._marked:
            reading = Reading(reading.value, reading.stamp, stale=True)
        self._sent = reading
        self._sent_at = self._clock.seconds()
        if self._max_interval is not None and self._heartbeat is None and not self._paused:
            self._heartbeat = self._clock.callLater(self._max_interval, self._beat)
        self._send(reading)

    def _beat(self) -> None:
        """Due max_interval after some event. Whether others came since is only looked at here: sending stays cheap."""
        assert self._max_interval is not None
        self._heartbeat = None
        left = self._sent_at + self._max_interval - self._clock.seconds()
        if left > 0:
            self._heartbeat = self._clock.callLater(left, self._beat)
        elif self._last is not None:
            self._send_now(self._last)


def _differs(value: Any, sent: Any, deadband: float) -> bool:
    if type(value) in (int, float) and type(sent) in (int, float):
        return bool(abs(value - sent) > deadband)
    return not same(value, sent)
