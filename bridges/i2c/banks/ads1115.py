"""An ADS1115 of words: it measures when its setting is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bridges.i2c.simulated import Words, wave

_RANGES: Final = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256)


class Ads1115Bank(Words):
    """See bridges.i2c.simulated.Bank. volts: at the pins 0 to 3, or None for waves."""

    def __init__(self, _config: Any, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self.registers = {0: 0, 1: 0x8583, 2: 0x8000, 3: 0x7FFF}  # section 8.1, reset values
        self.volts: tuple[float, float, float, float] | None = None

    def stored(self, register: int, value: int) -> None:
        """Converts at once; the answer says that it is ready."""
        super().stored(register, value)
        if register == 1 and value >> 15:
            full = _RANGES[min(value >> 9 & 7, 5)]
            raw = round(self._difference(value >> 12 & 7) / full * 32768)
            self.registers[0] = min(max(raw, -32768), 32767) & 0xFFFF

    def _difference(self, mux: int) -> float:
        volts = self.volts or tuple(wave(self._seconds, 0.5 * (pin + 1), 0.1, pin) for pin in range(4))
        if mux >= 4:
            return volts[mux - 4]
        plus, minus = ((0, 1), (0, 3), (1, 3), (2, 3))[mux]
        return volts[plus] - volts[minus]
