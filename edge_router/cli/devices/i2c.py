"""I2C buses, what drivers have there, and with --probe who answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge_router.cli.devices.access import trouble
from edge_router.cli.devices.found import Device, Place, link_name, names_in
from edge_router.cli.devices.probing import LinuxWire, Wire, probe

GROUP: Final = "i2c"
RULE: Final = 'SUBSYSTEM=="i2c-dev"'
#: what is most often found at an address; several things share most of them
USUAL: Final[tuple[tuple[range, str], ...]] = (
    (range(0x1D, 0x1F), "ADXL345, LSM303"),
    (range(0x20, 0x28), "MCP23017, PCF8574"),
    (range(0x23, 0x24), "BH1750"),
    (range(0x29, 0x2A), "VL53L0X, TSL2591"),
    (range(0x38, 0x39), "AHT20"),
    (range(0x3C, 0x3E), "SSD1306"),
    (range(0x40, 0x50), "INA219"),
    (range(0x40, 0x41), "HTU21D, Si7021, PCA9685"),
    (range(0x44, 0x46), "SHT3x"),
    (range(0x48, 0x4C), "ADS1115, LM75"),
    (range(0x50, 0x58), "EEPROM"),
    (range(0x5C, 0x5D), "BH1750"),
    (range(0x61, 0x62), "SCD30"),
    (range(0x62, 0x63), "SCD4x"),
    (range(0x68, 0x6A), "DS3231, MPU-6050"),
    (range(0x76, 0x78), "BME280, BMP280, BME680"),
)
#: what a bridge has a driver for, by its address: `type`, and what it needs besides
DRIVERS: Final[tuple[tuple[range, str, str], ...]] = (
    (range(0x23, 0x24), "bh1750", ""),
    (range(0x40, 0x44), "ina219", ""),
    (range(0x44, 0x46), "sht3x", ""),
    (range(0x48, 0x4C), "ads1115", ', inputs: {a0: {pins: "0"}}'),
    (range(0x5C, 0x5D), "bh1750", ""),
    (range(0x76, 0x78), "bme280", ""),
)


def look(place: Place, probed: frozenset[int] = frozenset(), wire: Callable[[str], Wire] = LinuxWire) -> list[Device]:
    """All buses. probed: numbers of those whose addresses are asked. wire: opens a bus; raises OSError."""
    names = [name for name in names_in(place.dev) if re.fullmatch(r"i2c-\d+", name)]
    return [_bus(place, int(name[4:]), probed, wire) for name in names]


def usual(address: int) -> str:
    """What is most often found at an address; empty if nothing is known."""
    return ", ".join(words for addresses, words in USUAL if address in addresses)


def _bus(place: Place, number: int, probed: frozenset[int], wire: Callable[[str], Wire]) -> Device:
    path = place.dev / f"i2c-{number}"
    drivers = _drivers(place, number)
    device = Device(
        path=str(path),
        about=place.says("class/i2c-dev", f"i2c-{number}", "name") or "I2C bus",
        facts={"bus": number, "drivers": drivers},
        notes=[f"{address} is {said['name']}, of the driver {said['driver']}" for address, said in drivers.items()],
        trouble=trouble(path, place.user, GROUP, RULE),
    )
    if number in probed:
        _probe(device, wire)
    return device


def _probe(device: Device, wire: Callable[[str], Wire]) -> None:
    try:
        opened = wire(device.path)
        try:
            found = probe(opened)
        finally:
            opened.close()
    except OSError as error:
        device.notes.append(f"it cannot be probed: {error.strerror}")
        return
    device.facts["addresses"] = [f"0x{address:02x}" for address in found]
    for address, how in found.items():
        likely = f": {words}?" if (words := usual(address)) else ""
        device.notes.append(f"0x{address:02x} {'is a driver of the kernel' if how == 'driver' else 'answers'}{likely}")
    device.config = _config(device.path, [address for address, how in found.items() if how == "there"])
    if not found:
        device.notes.append("nobody answers: look at power, SDA, SCL and the pull-up resistors")


def _config(path: str, addresses: list[int]) -> str | None:
    """A bridge to what is there, taking each for what it usually is."""
    items = [
        f"{{type: {kind}, id: {kind}-{address:02x}, address: 0x{address:02x}{more}}}"
        for address in addresses
        for range_, kind, more in DRIVERS
        if address in range_
    ]
    return f"{{type: i2c, id: chips, realm: realm1, bus: {path}, devices: [{', '.join(items)}]}}" if items else None


def _drivers(place: Place, bus: int) -> dict[str, dict[str, Any]]:
    """What the kernel was told is on a bus: address -> name and driver. No byte is sent to find that out."""
    found: dict[str, dict[str, Any]] = {}
    for name in names_in(place.sys / "bus/i2c/devices"):
        parts = re.fullmatch(rf"{bus}-00([0-9a-f]{{2}})", name)
        if parts:
            entry = Path("bus/i2c/devices", name)
            driver = link_name(place.sys / entry / "driver")
            found[f"0x{parts[1]}"] = {"name": place.says(str(entry), "name") or "?", "driver": driver or "none"}
    return found
