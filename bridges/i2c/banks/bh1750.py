"""A BH1750 that takes instructions of one octet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.i2c.simulated import nobody, wave


class Bh1750Bank:
    """See bridges.i2c.simulated.Bank. counts: what it is to say, or None for a wave."""

    def __init__(self, _config: Any, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._awake = False
        self._result = 0
        self.counts: int | None = None

    def write(self, data: bytes) -> None:
        """See Bank. Asleep, it only wakes up."""
        for instruction in data:
            if instruction == 0x01:
                self._awake = True
            elif instruction == 0x00:
                self._awake = False
            elif instruction in (0x10, 0x11, 0x13, 0x20, 0x21, 0x23):
                self._measure(instruction >= 0x20)
            elif not 0x40 <= instruction <= 0x7F and instruction != 0x07:
                raise nobody()

    def read(self, count: int) -> bytes:
        """See Bank."""
        return self._result.to_bytes(2, "big")[:count]

    def _measure(self, once: bool) -> None:
        if self._awake:
            self._result = round(wave(self._seconds, 600, 200)) if self.counts is None else self.counts
            self._awake = not once
