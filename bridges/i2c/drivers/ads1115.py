"""Texas Instruments ADS1115: four inputs, or two differential ones, 16 bits.

Datasheet SBAS444E.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from bridges.i2c.bus import Chip
from bridges.i2c.config import Address, I2cDeviceConfig
from bridges.polled.config import Name
from bridges.values import BadValue
from edge_router.config.schema import Section

_CONVERSION, _CONFIG = 0x00, 0x01
#: section 8.1.3, table 8-3, bits 14:12
_MUX: Final = {"0-1": 0, "0-3": 1, "1-3": 2, "2-3": 3, "0": 4, "1": 5, "2": 6, "3": 7}
#: bits 11:9: greatest voltage -> code
_GAIN: Final = {6.144: 0, 4.096: 1, 2.048: 2, 1.024: 3, 0.512: 4, 0.256: 5}
#: bits 7:5: samples a second -> code
_RATES: Final = {8: 0, 16: 1, 32: 2, 64: 3, 128: 4, 250: 5, 475: 6, 860: 7}
#: bit 15: start, or ready; bit 8: one conversion; bits 1:0: no comparator
_START: Final = 1 << 15
_SINGLE: Final = 1 << 8
_NO_COMPARATOR: Final = 0b11
#: the clock may be 10 % slow (section 6.5, "Data rate variation"); to wake up takes 25 us (section 7.4.2.1)
_SLOW, _WAKE_UP = 1.1, 0.000_025
_LOOKS: Final = 10
_LEAST, _MOST = -32768, 32767


class Ads1115Input(Section, kw_only=True):
    """An input of an ADS1115, V.

    pins: one, measured against ground, or two, of which the difference is measured. max: the greatest voltage that is
    told apart; none of the pins may be above the chip's supply, whatever is said here.
    """

    pins: Literal["0", "1", "2", "3", "0-1", "0-3", "1-3", "2-3"]
    max: Annotated[float, Meta(extra={"words": "6.144, 4.096, 2.048, 1.024, 0.512 or 0.256"})] = 4.096

    def __post_init__(self) -> None:
        """Raises ValueError for a range that the chip does not have."""
        if self.max not in _GAIN:
            raise ValueError(f"max {self.max:g} is none of its ranges {', '.join(f'{volts:g}' for volts in _GAIN)}")


class Ads1115Config(I2cDeviceConfig, tag="ads1115", kw_only=True):
    """An ADS1115: voltages (V) of up to four inputs.

    address: 0x48 where ADDR is at ground, 0x49 at the supply, 0x4A at SDA, 0x4B at SCL. inputs: name -> which pins, and
    how much there may be. rate: samples a second; slower ones have less noise, 8 or 16 average mains hum out.
    """

    simulator: ClassVar[str | None] = "bridges.i2c.banks.ads1115:Ads1115Bank"

    address: Address = 0x48
    inputs: Annotated[dict[Name, Ads1115Input], Meta(min_length=1, max_length=16)]
    rate: Literal[8, 16, 32, 64, 128, 250, 475, 860] = 128

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return dict.fromkeys(self.inputs, "V")


class Ads1115:
    """See bridges.polled.driven.Driver."""

    def __init__(self, config: Ads1115Config, chip: Chip) -> None:
        self._chip = chip
        self._inputs = config.inputs
        self._rate = config.rate

    def read(self) -> dict[str, Any]:
        """One conversion an input (section 7.4.2.1, "Single-shot mode")."""
        return {name: self._measure(wanted) for name, wanted in self._inputs.items()}

    def _measure(self, wanted: Ads1115Input) -> float | BadValue:
        setting = _SINGLE | _MUX[wanted.pins] << 12 | _GAIN[wanted.max] << 9 | _RATES[self._rate] << 5 | _NO_COMPARATOR
        self._chip.write(_CONFIG, *(setting | _START).to_bytes(2, "big"))
        self._chip.sleep(_WAKE_UP + _SLOW / self._rate)
        self._wait(setting)
        raw = int.from_bytes(self._chip.ask(_CONVERSION, 2), "big", signed=True)
        if raw in (_LEAST, _MOST):
            return BadValue(f"it is at the end of its range, {wanted.max:g} V (max)")
        return round(raw * wanted.max / 32768, 6)

    def _wait(self, setting: int) -> None:
        """Until it is ready. It says its setting with it: another one means that somebody else uses it, or noise."""
        for _ in range(_LOOKS):
            found = int.from_bytes(self._chip.ask(_CONFIG, 2), "big")
            if found & ~_START != setting:
                raise BadValue(f"its setting is 0x{found:04x}, not 0x{setting:04x}: it is none, or another uses it")
            if found & _START:
                return
            self._chip.sleep(0.1 / self._rate)
        raise BadValue("it does not come to an end with its conversion")
