"""Microchip MCP3008 and MCP3004: eight or four inputs, 10 bits. Datasheet DS21295D."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from bridges.polled.config import Name
from bridges.spi.bus import Bus, Chip
from bridges.spi.config import SpiDeviceConfig
from bridges.values import BadValue

#: section 5.0, table 5-2: SGL/DIFF, D2, D1, D0
_PINS: Final = {
    **{str(pin): 0b1000 | pin for pin in range(8)},
    **{f"{pin}-{pin ^ 1}": pin for pin in range(8)},
}
#: section 1.0: 1.35 MHz at 2.7 V
_SPEED: Final = 1_350_000
_STEPS: Final = 1024

Pins = Literal[
    "0", "1", "2", "3", "4", "5", "6", "7", "0-1", "1-0", "2-3", "3-2", "4-5", "5-4", "6-7", "7-6"
]  # the keys of _PINS


class Mcp3008Config(SpiDeviceConfig, tag="mcp3008", kw_only=True):
    """An MCP3008 or MCP3004: voltages (V) of up to eight inputs.

    inputs: name -> its pin, or two, as "0-1", of which the difference is measured. vref: V at the chip's pin VREF, the
    most that it can measure.
    """

    simulator: ClassVar[str | None] = "bridges.spi.banks.mcp3008:Mcp3008Bank"

    inputs: Annotated[dict[Name, Pins], Meta(min_length=1, max_length=16)]
    vref: Annotated[float, Meta(ge=0.25, le=7)] = 3.3

    def units(self) -> dict[str, str | None]:
        """See DeviceConfig."""
        return dict.fromkeys(self.inputs, "V")


class Mcp3008:
    """See bridges.polled.driven.Driver."""

    def __init__(self, config: Mcp3008Config, bus: Bus) -> None:
        self._chip = Chip(bus, config.select, config.speed or _SPEED)
        self._inputs = config.inputs
        self._vref = config.vref

    def read(self) -> dict[str, Any]:
        """One conversion an input."""
        return {name: round(self._measure(pins) * self._vref / _STEPS, 5) for name, pins in self._inputs.items()}

    def _measure(self, pins: str) -> int:
        """In three octets (section 6.1, figure 6-1), and two more in which the chip says the same from the lowest bit
        on, but for that bit, and then zeros (section 5.0, figure 5-2).
        """
        said = int.from_bytes(self._chip.transfer(0x01, _PINS[pins] << 4, 0, 0, 0)[1:], "big")
        bits = f"{said & 0x7FFFFFF:027b}"  # a zero, ten bits, nine bits, seven zeros
        forth, back = bits[1:11], bits[11:20]
        if bits == "1" * len(bits):
            raise BadValue("no answer: it is not wired, on another line (select), or without power")
        if bits[0] != "0" or forth[-2::-1] != back or "1" in bits[20:]:
            raise BadValue("it says a value forth and back, and the two differ: noise on the bus, or another chip")
        return int(forth, 2)
