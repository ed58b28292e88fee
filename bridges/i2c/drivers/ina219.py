"""Texas Instruments INA219: voltage and current of a supply, through the voltage over a shunt.

Datasheet SBOS448G. The chip's own calculation of current and power (its calibration register) is not used: what it
rounds is calculated here from the two voltages.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from bridges.i2c.bus import Chip
from bridges.i2c.config import Address, I2cDeviceConfig
from bridges.values import BadValue

_CONFIG, _SHUNT, _BUS = 0x00, 0x01, 0x02
#: section 8.6.2.1: reset; range of the bus voltage; what is measured once
_RESET: Final = 1 << 15
_BUS_32: Final = 1 << 13
_BOTH_ONCE: Final = 0b011
#: table 4: greatest voltage over the shunt in mV -> code
_GAIN: Final = {40: 0, 80: 1, 160: 2, 320: 3}
#: table 5: samples that are averaged -> code, microseconds
_SAMPLES: Final = {
    1: (0b1000, 532), 2: (0b1001, 1_060), 4: (0b1010, 2_130), 8: (0b1011, 4_260), 16: (0b1100, 8_510),
    32: (0b1101, 17_020), 64: (0b1110, 34_050), 128: (0b1111, 68_100),
}  # fmt: skip
#: V; sections 8.6.3.1 and 8.6.3.2
_SHUNT_STEP, _BUS_STEP = 0.000_01, 0.004
_READY: Final = 0b10
#: conversions may take a tenth longer (section 7.5, "Conversion time")
_SLOW: Final = 1.1
_LOOKS: Final = 10


class Ina219Config(I2cDeviceConfig, tag="ina219", kw_only=True):
    """An INA219: voltage (V), current (A) and power (W) of what it feeds.

    address: 0x40 to 0x4F, by A0 and A1. shunt: its resistance in ohms; R100 on the usual boards is 0.1. max_shunt: mV
    over the shunt that are told apart; 320 at 0.1 ohms are 3.2 A. max_voltage: V of the supply that are told apart.
    average: samples for one value.
    """

    simulator: ClassVar[str | None] = "bridges.i2c.banks.ina219:Ina219Bank"

    address: Address = 0x40
    shunt: Annotated[float, Meta(ge=0.000_01, le=1_000)] = 0.1
    max_shunt: Literal[40, 80, 160, 320] = 320
    max_voltage: Literal[16, 32] = 32
    average: Literal[1, 2, 4, 8, 16, 32, 64, 128] = 8

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return {"voltage": "V", "current": "A", "power": "W"}


class Ina219:
    """See bridges.polled.driven.Driver."""

    def __init__(self, config: Ina219Config, chip: Chip) -> None:
        self._chip = chip
        self._config = config
        code, microseconds = _SAMPLES[config.average]
        self._duration = 2 * _SLOW * microseconds / 1_000_000
        range_bit = _BUS_32 if config.max_voltage == 32 else 0
        self._setting = range_bit | _GAIN[config.max_shunt] << 11 | code << 7 | code << 3 | _BOTH_ONCE
        chip.write(_CONFIG, *_RESET.to_bytes(2, "big"))

    def read(self) -> dict[str, Any]:
        """Both voltages, measured once (section 8.4.1, "triggered")."""
        self._chip.write(_CONFIG, *self._setting.to_bytes(2, "big"))
        self._chip.sleep(self._duration)
        bus = self._wait()
        found = self._word(_CONFIG)
        if found != self._setting:
            raise BadValue(f"its setting is 0x{found:04x}, not 0x{self._setting:04x}: it is none, or another uses it")
        shunt = int.from_bytes(self._chip.ask(_SHUNT, 2), "big", signed=True)
        return self._frame((bus >> 3) * _BUS_STEP, shunt)

    def _frame(self, voltage: float, shunt: int) -> dict[str, Any]:
        if abs(shunt) >= self._config.max_shunt * 100:
            reason = f"there is more over the shunt than {self._config.max_shunt} mV (max_shunt)"
            return {"voltage": round(voltage, 3), "current": BadValue(reason), "power": BadValue(reason)}
        current = shunt * _SHUNT_STEP / self._config.shunt
        return {"voltage": round(voltage, 3), "current": round(current, 6), "power": round(voltage * current, 6)}

    def _wait(self) -> int:
        """The register of the bus voltage, when it says that it is ready."""
        for _ in range(_LOOKS):
            found = self._word(_BUS)
            if found & _READY:
                return found
            self._chip.sleep(self._duration / _LOOKS)
        raise BadValue("it does not come to an end with its measurement")

    def _word(self, register: int) -> int:
        return int.from_bytes(self._chip.ask(register, 2), "big")
