"""Which readings of a field are published, and when: deadband, min_interval, max_interval.

Report by exception, shared by all bridges. A reading keeps the stamp of the moment it was taken, whenever it is sent:
a value that is sent again or late never looks newer than it is. What is held back for good is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bridges.clock import Clock, Delayed
from bridges.config import Field
from bridges.stamps import Stamp


class Reading(Struct, frozen=True):
    """A value with the stamp of its frame."""

    value: Any
    stamp: Stamp


class Reporter:
    """Decides for one field.

    field: its deadband and intervals. clock: monotonic time. send: called with each reading to publish.

    unchanged: readings within the deadband. superseded: readings replaced by a later one while min_interval ran.
    """

    __slots__ = (
        "_clock", "_deadband", "_heartbeat", "_last", "_max_interval", "_min_interval", "_paused", "_pending", "_send",
        "_sent", "_sent_at", "_trailing", "superseded", "unchanged",
    )  # fmt: skip

    def __init__(self, field: Field, clock: Clock, send: Callable[[Reading], None]) -> None:
        self._deadband = field.deadband
        self._min_interval = field.min_interval
        self._max_interval = field.max_interval
        self._clock = clock
        self._send = send
        self._last: Reading | None = None
        self._sent: Reading | None = None
        self._sent_at = 0.0
        self._pending: Reading | None = None
        self._trailing: Delayed | None = None
        self._heartbeat: Delayed | None = None
        self._paused = False
        self.unchanged = 0
        self.superseded = 0

    def take(self, reading: Reading) -> None:
        """A new reading: sent now, at the end of min_interval, or not at all."""
        self._last = reading
        self._paused = False
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

    def pause(self) -> None:
        """The source is away: what it said last is not repeated any more. A reading that waits is still sent."""
        self._paused = True
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def stop(self) -> None:
        """Send what waits, and set no timer any more. Idempotent."""
        self.pause()
        if self._trailing is not None:
            self._trailing.cancel()
            self._send_pending()

    def _is_due(self, reading: Reading) -> bool:
        if self._sent is None or self._deadband is None:
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

    def _send_now(self, reading: Reading) -> None:
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
    if _is_number(value) and _is_number(sent):
        return bool(abs(value - sent) > deadband)
    return type(value) is not type(sent) or bool(value != sent)


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float
