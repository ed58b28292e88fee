"""An MCP3008 that shifts its bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

_PERIOD: Final = 600.0


class Mcp3008Bank:
    """See bridges.spi.simulated.Bank. volts: at the pins, or None for waves."""

    def __init__(self, config: Any, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._vref = config.vref
        self.volts: list[float] | None = None

    def exchange(self, data: bytes) -> bytes:
        """See Bank. It waits for a start bit; then come the kind of input, its number, and the answer."""
        asked = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
        start = asked.find("1")
        if start < 0:
            return bytes(len(data))
        kind, pin = asked[start + 1], int(asked[start + 2 : start + 5] or "0", 2)
        value = f"{self._convert(kind == '1', pin):010b}"
        said = "1" * (start + 6) + "0" + value + value[-2::-1]
        bits = said.ljust(8 * len(data), "0")[: 8 * len(data)]
        return int(bits, 2).to_bytes(len(data), "big")

    def _convert(self, single: bool, pin: int) -> int:
        at = 2 * math.pi * self._seconds() / _PERIOD
        volts = self.volts or [self._vref * (0.5 + 0.4 * math.sin(at + pin)) for pin in range(8)]
        measured = volts[pin] if single else volts[pin] - volts[pin ^ 1]
        return min(max(int(measured * 1024 / self._vref), 0), 1023)
