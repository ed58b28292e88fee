"""A slave on the bus, alive or put aside: one that does not answer is asked ever more rarely, so that the others keep
their pace. Told once when it is put aside, and once when it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridges.backoff import Backoff
from bridges.clock import Clock
from bridges.modbus.points import Point


class Slave:
    """One unit.

    name: of the unit. unit: its address. points: its values. dead_after: missed answers in a row. clock: monotonic
    time. random: numbers of [0, 1), for the waits.

    alive: whether it is asked at its pace. answers, missed, exceptions: how many there were.
    """

    def __init__(
        self,
        name: str,
        unit: int,
        points: Sequence[Point],
        dead_after: int,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.name = name
        self.unit = unit
        self.points = {point.name: point for point in points}
        self.alive = True
        self.answers = self.missed = self.exceptions = 0
        self._dead_after = dead_after
        self._clock = clock
        self._backoff = Backoff(random)
        self._in_row = 0
        self._try_at = 0.0

    def is_due(self) -> bool:
        """Whether it may be asked now: it is alive, or the wait of one that is not is over."""
        return self.alive or self._clock.seconds() >= self._try_at

    def has_answered(self) -> bool:
        """Whether that means that it is back."""
        self.answers += 1
        self._in_row = 0
        back = not self.alive
        self.alive = True
        self._backoff.reset()
        return back

    def has_missed(self) -> bool:
        """Whether that means that it is put aside now."""
        self.missed += 1
        self._in_row += 1
        if self.alive and self._in_row < self._dead_after:
            return False
        aside = self.alive
        self.alive = False
        self._try_at = self._clock.seconds() + self._backoff.wait()
        return aside

    def restart(self) -> None:
        """The line is back: everybody may be asked at once."""
        self._try_at = 0.0

    def facts(self) -> dict[str, Any]:
        """For the status, JSON-like."""
        return {
            "unit": self.unit,
            "alive": self.alive,
            "answers": self.answers,
            "missed": self.missed,
            "exceptions": self.exceptions,
        }
