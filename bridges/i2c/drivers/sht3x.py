"""Sensirion SHT30, SHT31, SHT35: temperature and humidity, with a checksum on each word.

Datasheet SHT3x-DIS, version 7 (December 2022).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from bridges.i2c.bus import Chip
from bridges.i2c.config import Address, I2cDeviceConfig
from bridges.serial.checksums import checksum
from bridges.values import BadValue

#: section 4.9, table 14: soft reset
_RESET: Final = (0x30, 0xA2)
#: section 4.3, table 9: single shot, high repeatability, no clock stretching
_MEASURE: Final = (0x24, 0x00)
#: seconds, table 4: a measurement of high repeatability takes 15.5 ms at most; a reset 1.5 ms (table 5)
_DURATION, _RESET_TIME = 0.0155, 0.0015


class Sht3xConfig(I2cDeviceConfig, tag="sht3x", kw_only=True):
    """An SHT30, SHT31 or SHT35: temperature (°C) and humidity (%).

    address: 0x44 where ADDR is at ground, 0x45 where it is at the supply.
    """

    simulator: ClassVar[str | None] = "bridges.i2c.banks.sht3x:Sht3xBank"

    address: Address = 0x44

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return {"temperature": "°C", "humidity": "%"}


class Sht3x:
    """See bridges.polled.driven.Driver."""

    def __init__(self, _config: Sht3xConfig, chip: Chip) -> None:
        self._chip = chip
        chip.write(*_RESET)
        chip.sleep(_RESET_TIME)

    def read(self) -> dict[str, Any]:
        """One measurement (section 4.3 and 4.4); conversions of section 4.13."""
        self._chip.write(*_MEASURE)
        self._chip.sleep(_DURATION)
        data = self._chip.read(6)
        temperature, humidity = word(data[:3]), word(data[3:])
        return {
            "temperature": round(-45 + 175 * temperature / 65535, 2),
            "humidity": round(100 * humidity / 65535, 2),
        }


def word(data: bytes) -> int:
    """Two octets and their checksum (section 4.12, table 20: 0x31, begins with 0xFF). Raises BadValue."""
    if checksum("crc-8/nrsc-5").of(data[:2]) != data[2]:
        raise BadValue(f"the checksum of {data.hex(' ')} is wrong: noise on the bus")
    return int.from_bytes(data[:2], "big")
