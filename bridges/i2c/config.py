"""What an I2C bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bridges.polled.config import DeviceConfig, PolledConfig, check_devices, check_simulators
from bridges.simulated import SimOptions, is_simulated, parse
from edge_router.config.schema import I2cDevice

#: those that the specification does not keep for itself (NXP UM10204, "Reserved addresses")
Address = Annotated[int, Meta(ge=0x08, le=0x77)]
Bus = Annotated[
    str, Meta(pattern="^(/dev/|sim:)", max_length=4_095, extra={"words": "a device file, as /dev/i2c-1, or sim:"})
]
SIMULATORS: Final[dict[str, type[SimOptions]]] = {"": SimOptions, "bus": SimOptions}


class I2cDeviceConfig(DeviceConfig, kw_only=True):
    """What a device on an I2C bus has.

    address: 7 bits, as `i2cdetect` shows it; 0x76 in YAML, 118 in JSON.
    """

    address: Address


class I2cConfig(PolledConfig, tag="i2c", kw_only=True):
    """Sensors on an I2C bus: one event a reading, and a topic for each value.

    bus: its device file; `sim:` simulates the chips that are configured. devices: the chips.
    """

    bus: Bus = "/dev/i2c-1"
    devices: Annotated[list[I2cDevice], Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """Raises ValueError for two devices with one name or address."""
        check_devices(self.base_topic, self.devices)
        by_address: dict[int, str] = {}
        for device in self.devices:
            other = by_address.setdefault(device.address, device.id)
            if other != device.id:
                raise ValueError(
                    f"{device.id!r} has the address 0x{device.address:02x} of {other!r}; one has to change"
                )
        if is_simulated(self.bus):
            parse(self.bus, SIMULATORS)
            check_simulators(self.devices)
