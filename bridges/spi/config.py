"""What an SPI bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bridges.polled.config import DeviceConfig, PolledConfig, check_devices, check_simulators
from bridges.simulated import SimOptions, is_simulated, parse
from edge_router.config.schema import SpiDevice

Bus = Annotated[
    str,
    Meta(
        pattern="^(/dev/spidev[0-9]+$|sim:)",
        max_length=4_095,
        extra={"words": "the beginning of its device files, as /dev/spidev0, or sim:"},
    ),
]
SIMULATORS: Final[dict[str, type[SimOptions]]] = {"": SimOptions, "bus": SimOptions}


class SpiDeviceConfig(DeviceConfig, kw_only=True):
    """What a device on an SPI bus has.

    select: which chip select line it is on; with 0 on /dev/spidev0 it is /dev/spidev0.0. speed: bits a second; left
    out, what the chip takes at 3.3 V.
    """

    select: Annotated[int, Meta(ge=0, le=255)] = 0
    speed: Annotated[int, Meta(ge=1_000, le=50_000_000)] | None = None


class SpiConfig(PolledConfig, tag="spi", kw_only=True):
    """Chips on an SPI bus: one event a reading, and a topic for each value.

    bus: the beginning of its device files; `sim:` simulates the chips that are configured. devices: the chips.
    """

    bus: Bus = "/dev/spidev0"
    devices: Annotated[list[SpiDevice], Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """Raises ValueError for two devices with one name or one line."""
        check_devices(self.base_topic, self.devices)
        by_line: dict[int, str] = {}
        for device in self.devices:
            other = by_line.setdefault(device.select, device.id)
            if other != device.id:
                raise ValueError(f"{device.id!r} has the line {device.select} (select) of {other!r}; one has to change")
        if is_simulated(self.bus):
            parse(self.bus, SIMULATORS)
            check_simulators(self.devices)
