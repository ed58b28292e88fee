"""An INA219 of words: it measures when its setting is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.i2c.simulated import Words, wave


class Ina219Bank(Words):
    """See bridges.i2c.simulated.Bank. volts, millivolts: at the supply and over the shunt, or None for waves."""

    def __init__(self, config: Any, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self._shunt = config.shunt
        self.volts: float | None = None
        self.millivolts: float | None = None
        self.registers = {0: 0x399F}  # table 3, reset values

    def stored(self, register: int, value: int) -> None:
        """Takes a reset, and measures."""
        if register == 0 and value >> 15:
            self.registers = {0: 0x399F}
        elif register == 0:
            self.registers[0] = value
            if value & 7 in (0b011, 0b111):
                self._measure(value)

    def _measure(self, setting: int) -> None:
        volts = wave(self._seconds, 5.1, 0.1) if self.volts is None else self.volts
        amperes = wave(self._seconds, 0.6, 0.2, 1)
        millivolts = amperes * self._shunt * 1000 if self.millivolts is None else self.millivolts
        limit = 4000 << (setting >> 11 & 3)
        self.registers[1] = min(max(round(millivolts * 100), -limit), limit) & 0xFFFF
        self.registers[2] = round(volts / 0.004) << 3 | 0b10
