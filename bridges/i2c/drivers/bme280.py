"""Bosch BME280: temperature, humidity, pressure. And the BMP280, which is often sold as one and has no humidity.

Datasheets BST-BME280-DS001 revision 1.23 ("BME280" below) and BST-BMP280-DS001 revision 1.26.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, Final, Literal, NamedTuple

from bridges.i2c.bus import Chip
from bridges.i2c.config import Address, I2cDeviceConfig
from bridges.values import BadValue

#: section 5.3, "Memory map", and 5.4, "Register description"
_ID, _RESET, _CTRL_HUM, _STATUS, _CTRL_MEAS, _CONFIG, _DATA = 0xD0, 0xE0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
_CALIB_1, _CALIB_2 = 0x88, 0xE1
_BME280: Final = 0x60
#: the samples and the mass production (BMP280, section 4.3.1)
_BMP280: Final = (0x56, 0x57, 0x58)
_RESET_WORD: Final = 0xB6
#: bits of _STATUS: a conversion runs; the calibration is being copied
_MEASURING, _COPYING = 0x08, 0x01
_FORCED: Final = 0b01
#: section 5.4.5, "ctrl_meas": osrs
_OVERSAMPLING: Final = {1: 0b001, 2: 0b010, 4: 0b011, 8: 0b100, 16: 0b101}
#: what the data registers say of what was not measured (sections 5.4.7 to 5.4.9)
_SKIPPED_20, _SKIPPED_16 = 0x80000, 0x8000
#: section 1.2 to 1.4, operating ranges: °C, hPa
_TEMPERATURES, _PRESSURES = (-40.0, 85.0), (300.0, 1100.0)
#: looks at the status before it is given up; they are 2 ms apart
_LOOKS: Final = 20
_START_UP: Final = 0.002


class Bme280Config(I2cDeviceConfig, tag="bme280", kw_only=True):
    """A BME280: temperature (°C), humidity (%) and pressure (hPa); or a BMP280, without humidity.

    address: 0x76 where SDO is at ground, 0x77 where it is at the supply. oversampling: measurements that are averaged
    for one value; more of them make less noise.
    """

    simulator: ClassVar[str | None] = "bridges.i2c.banks.bme280:Bme280Bank"

    address: Address = 0x76
    oversampling: Literal[1, 2, 4, 8, 16] = 1

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return {"temperature": "°C", "humidity": "%", "pressure": "hPa"}


class Calibration(NamedTuple):
    """What was measured of this one chip in the factory (section 4.2.2, table 16). Its h1 is 0 in a BMP280's."""

    t: tuple[int, int, int]
    p: tuple[int, int, int, int, int, int, int, int, int]
    h: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)


class Bme280:
    """See bridges.polled.driven.Driver."""

    def __init__(self, config: Bme280Config, chip: Chip) -> None:
        self._chip = chip
        self._oversampling = config.oversampling
        found = chip.ask(_ID, 1)[0]
        if found != _BME280 and found not in _BMP280:
            raise BadValue(f"it is no BME280: its id is 0x{found:02x}, not 0x60")
        self._humid = found == _BME280
        chip.write(_RESET, _RESET_WORD)
        chip.sleep(_START_UP)
        self._wait(_COPYING)
        self._calibration = calibration(chip.ask(_CALIB_1, 26), chip.ask(_CALIB_2, 7) if self._humid else None)

    def read(self) -> dict[str, Any]:
        """One measurement in forced mode (section 3.3.3)."""
        samples = _OVERSAMPLING[self._oversampling]
        if self._humid:
            self._chip.write(_CTRL_HUM, samples)  # counts from the next write to ctrl_meas on
        self._chip.write(_CTRL_MEAS, samples << 5 | samples << 2 | _FORCED)
        self._chip.sleep(duration(self._oversampling, self._humid))
        self._wait(_MEASURING)
        data = self._chip.ask(_DATA, 8 if self._humid else 6)
        adc_p = int.from_bytes(data[0:3], "big") >> 4
        adc_t = int.from_bytes(data[3:6], "big") >> 4
        adc_h = int.from_bytes(data[6:8], "big")
        if _SKIPPED_20 in (adc_p, adc_t) or (self._humid and adc_h == _SKIPPED_16):
            raise BadValue("it has not measured; its supply may be too weak")
        return self._frame(adc_t, adc_p, adc_h)

    def _frame(self, adc_t: int, adc_p: int, adc_h: int) -> dict[str, Any]:
        t_fine = fine_temperature(self._calibration, adc_t)
        temperature = t_fine / 5120.0
        hectopascal = pressure(self._calibration, t_fine, adc_p) / 100.0
        _within("temperature", temperature, _TEMPERATURES, "°C")
        _within("pressure", hectopascal, _PRESSURES, "hPa")
        frame = {"temperature": round(temperature, 2), "pressure": round(hectopascal, 2)}
        if self._humid:
            frame["humidity"] = round(humidity(self._calibration, t_fine, adc_h), 2)
        return frame

    def _wait(self, bit: int) -> None:
        for _ in range(_LOOKS):
            if not self._chip.ask(_STATUS, 1)[0] & bit:
                return
            self._chip.sleep(_START_UP)
        raise BadValue("it does not come to an end with its measurement")


def _within(name: str, value: float, limits: tuple[float, float], unit: str) -> None:
    """It has no checksum; what it cannot measure was noise on the bus."""
    low, high = limits
    if not low <= value <= high:
        raise BadValue(f"{name} {value:g} {unit} is outside of what it can measure, {low:g} to {high:g}")


def duration(oversampling: int, humid: bool) -> float:
    """Seconds a measurement takes at most (section 9.1)."""
    milliseconds = 1.25 + 2.3 * oversampling + 2.3 * oversampling + 0.575
    return (milliseconds + (2.3 * oversampling + 0.575 if humid else 0)) / 1000


def calibration(first: bytes, second: bytes | None) -> Calibration:
    """Take the registers apart. first: 0x88 to 0xA1. second: 0xE1 to 0xE7, None of a BMP280."""
    t1, t2, t3, p1, *others = struct.unpack_from("<HhhHhhhhhhhh", first)
    p2, p3, p4, p5, p6, p7, p8, p9 = others
    if p1 == 0 or t1 == 0:
        raise BadValue("its calibration is empty: noise on the bus, or a dead chip")
    t, p = (t1, t2, t3), (p1, p2, p3, p4, p5, p6, p7, p8, p9)
    if second is None:
        return Calibration(t, p)
    h2, h3, e4, e5, e6, h6 = struct.unpack("<hBbBbb", second)
    return Calibration(t, p, (first[25], h2, h3, e4 << 4 | e5 & 0x0F, e6 << 4 | e5 >> 4, h6))


# --- compensation, in floats (section 8.1, "Compensation formulas in double precision floating point") ----------------


def fine_temperature(of: Calibration, adc: int) -> float:
    """Temperature in 1/5120 °C, on which the others depend, too. adc: 20 bits."""
    t1, t2, t3 = of.t
    return (adc / 16384.0 - t1 / 1024.0) * t2 + (adc / 131072.0 - t1 / 8192.0) ** 2 * t3


def pressure(of: Calibration, t_fine: float, adc: int) -> float:
    """Pascal. adc: 20 bits. The calibration's p1 is not 0."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = of.p
    x = t_fine / 2.0 - 64000.0
    offset = (x * x * p6 / 32768.0 + x * p5 * 2.0) / 4.0 + p4 * 65536.0
    scale = (1.0 + (p3 * x * x / 524288.0 + p2 * x) / 524288.0 / 32768.0) * p1
    if scale == 0:
        raise BadValue("its calibration makes no pressure: noise on the bus")
    p = (1048576.0 - adc - offset / 4096.0) * 6250.0 / scale
    return p + (p9 * p * p / 2147483648.0 + p * p8 / 32768.0 + p7) / 16.0


def humidity(of: Calibration, t_fine: float, adc: int) -> float:
    """Percent. adc: 16 bits."""
    h1, h2, h3, h4, h5, h6 = of.h
    x = t_fine - 76800.0
    slope = h2 / 65536.0 * (1.0 + h6 / 67108864.0 * x * (1.0 + h3 / 67108864.0 * x))
    raw = (adc - (h4 * 64.0 + h5 / 16384.0 * x)) * slope
    return min(max(raw * (1.0 - h1 * raw / 524288.0), 0.0), 100.0)
