"""A BME280 of registers, with the calibration of the BMP280 datasheet's worked example (section 3.12)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from bridges.i2c.simulated import Octets, wave

#: dig_T1 to dig_T3 and dig_P1 to dig_P9 of the example
EXAMPLE_TP = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
#: dig_H1 to dig_H6, of the usual size; the example has none
EXAMPLE_H = (75, 362, 0, 333, 0, 30)
#: of the example: 25.08 °C, 100653.27 Pa
EXAMPLE_ADC_T, EXAMPLE_ADC_P = 519_888, 415_148


class Bme280Bank(Octets):
    """See bridges.i2c.simulated.Bank."""

    def __init__(self, _config: Any, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self.chip_id = 0x60
        self._power_on()

    def _power_on(self) -> None:
        self.registers[:] = bytes(256)
        self.registers[0xD0] = self.chip_id
        struct.pack_into("<HhhHhhhhhhhh", self.registers, 0x88, *EXAMPLE_TP)
        h1, h2, h3, h4, h5, h6 = EXAMPLE_H
        self.registers[0xA1] = h1
        packed = struct.pack("<hBbBbb", h2, h3, h4 >> 4, h4 & 0x0F | (h5 & 0x0F) << 4, h5 >> 4, h6)
        self.registers[0xE1:0xE8] = packed
        self.registers[0xF7:0xFF] = bytes.fromhex("8000008000008000")

    def stored(self, register: int, value: int) -> None:
        """Takes a reset, and a measurement in forced mode."""
        super().stored(register, value)
        if register == 0xE0 and value == 0xB6:
            self._power_on()
        elif register == 0xF4 and value & 3 in (1, 2):
            self._measure()
            self.registers[0xF4] = value & ~3  # asleep again

    def _measure(self) -> None:
        adc_t = int(wave(self._seconds, EXAMPLE_ADC_T, 4_000))
        adc_p = int(wave(self._seconds, EXAMPLE_ADC_P, 2_000, 1))
        adc_h = int(wave(self._seconds, 30_000, 1_000, 2))
        self.registers[0xF7:0xFA] = (adc_p << 4).to_bytes(3, "big")
        self.registers[0xFA:0xFD] = (adc_t << 4).to_bytes(3, "big")
        if self.registers[0xF2] & 7:
            self.registers[0xFD:0xFF] = adc_h.to_bytes(2, "big")
