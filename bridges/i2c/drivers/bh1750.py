"""ROHM BH1750FVI: illuminance. Technical note, 2011.11 revision D."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from bridges.i2c.bus import Chip
from bridges.i2c.config import Address, I2cDeviceConfig
from bridges.values import BadValue

#: "Instruction Set Architecture"
_POWER_ON, _ONE_TIME_HIGH = 0x01, 0x20
#: seconds, "Electrical Characteristics": H-resolution mode takes 180 ms at most
_DURATION: Final = 0.18
#: counts a lux ("Measurement Accuracy")
_COUNTS: Final = 1.2
_MOST: Final = 0xFFFF


class Bh1750Config(I2cDeviceConfig, tag="bh1750", kw_only=True):
    """A BH1750 (GY-302): illuminance (lx), up to 54612.

    address: 0x23 where ADDR is at ground or open, 0x5C where it is at the supply.
    """

    simulator: ClassVar[str | None] = "bridges.i2c.banks.bh1750:Bh1750Bank"

    address: Address = 0x23

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return {"illuminance": "lx"}


class Bh1750:
    """See bridges.polled.driven.Driver."""

    def __init__(self, _config: Bh1750Config, chip: Chip) -> None:
        self._chip = chip

    def read(self) -> dict[str, Any]:
        """One measurement of 1 lx resolution, after which it sleeps by itself."""
        self._chip.write(_POWER_ON)
        self._chip.write(_ONE_TIME_HIGH)
        self._chip.sleep(_DURATION)
        counts = int.from_bytes(self._chip.read(2), "big")
        if counts == _MOST:
            return {"illuminance": BadValue(f"it is brighter than it can measure, {_MOST / _COUNTS:.0f} lx")}
        return {"illuminance": round(counts / _COUNTS, 1)}
