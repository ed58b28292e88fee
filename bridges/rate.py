"""How many frames a second a device may publish: a bound for noise and for devices that babble."""

from __future__ import annotations

from bridges.clock import Clock


class Rate:
    """A token bucket that holds one second's worth.

    per_second: frames. clock: monotonic time.

    refused: frames over it.
    """

    __slots__ = ("_at", "_clock", "_per_second", "_tokens", "refused")

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(per_second)
        self._at = clock.seconds()
        self.refused = 0

    def allows(self) -> bool:
        """Whether one more frame may be taken now; if not, it is counted."""
        now = self._clock.seconds()
        self._tokens = min(self._tokens + (now - self._at) * self._per_second, self._per_second)
        self._at = now
        if self._tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        return True
