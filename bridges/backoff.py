"""How long to wait before the next try to reach a device: longer each time, never the same for two devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST: Final = 0.5
FACTOR: Final = 2.0
LONGEST: Final = 30.0
#: each wait is longer or shorter by up to this share, so that what failed together does not retry together
JITTER: Final = 0.2
#: a device that was there so many seconds has recovered: the next waits are short again
STABLE: Final = 30.0


class Backoff:
    """The waits of one device. random: a number of [0, 1)."""

    __slots__ = ("_next", "_random")

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = FIRST

    def wait(self) -> float:
        """Seconds to wait now, at most LONGEST."""
        base, self._next = self._next, min(self._next * FACTOR, LONGEST)
        return min(base * (1 + JITTER * (2 * self._random() - 1)), LONGEST)

    def reset(self) -> None:
        """The device was there for STABLE seconds."""
        self._next = FIRST
