"""Outputs of which only one may be on at a time: the two directions of a motor, say."""

from __future__ import annotations

from collections.abc import Callable

from bridges.clock import Clock


class Group:
    """One interlock group. clock: monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._members: dict[str, Callable[[], bool]] = {}
        self._ended: tuple[str, float] | None = None

    def add(self, name: str, is_on: Callable[[], bool]) -> None:
        """An output joins. is_on: whether it may be on now; in doubt it may."""
        self._members[name] = is_on

    def ended(self, name: str, at: float) -> None:
        """An output was switched off. at: monotonic time; what is older than what was told before is no news."""
        if self._ended is None or at >= self._ended[1]:
            self._ended = (name, at)

    def hinders(self, name: str, wait: float) -> str | None:
        """Why an output cannot be switched on now, or None. wait: seconds since the end of another."""
        for other, is_on in self._members.items():
            if other != name and is_on():
                return f"{other} is on; switch it off first"
        if self._ended is not None and self._ended[0] != name:
            other, at = self._ended
            left = at + wait - self._clock.seconds()
            if left > 0:
                return f"{other} went off just now; wait {left:.1f} s"
        return None
