"""1-wire sensors, SPI devices and cameras."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from bridges.camera.tools import TOOLS, suits
from edge_router.cli.devices.access import trouble
from edge_router.cli.devices.found import Device, Place, link_name, names_in

#: 1-wire family -> what it is (Linux, drivers/w1/w1_family.h)
FAMILIES: Final = {
    "01": "serial number (DS2401)",
    "10": "thermometer DS18S20",
    "22": "thermometer DS1822",
    "26": "battery monitor DS2438",
    "28": "thermometer DS18B20",
    "29": "switch DS2408",
    "3a": "switch DS2413",
    "3b": "thermometer DS1825, MAX31850",
    "42": "thermometer DS28EA00",
}
THERMOMETERS: Final = ("10", "22", "28", "3b", "42")
#: nodes of the video core of a Raspberry Pi and of decoders, which are no cameras
NO_CAMERA: Final = re.compile(r".*(codec|hevc|isp|pispbe|m2m|decoder|encoder).*", re.IGNORECASE)
#: names of the drivers of camera sensors, as the kernel shows them on their I2C bus
SENSOR: Final = re.compile(r"(imx|ov|arducam|mt9|gc|s5k)\w*\d\w*")


def onewire(place: Place) -> list[Device]:
    """Sensors that the kernel has found on its 1-wire buses."""
    directory = place.sys / "bus/w1/devices"
    found = []
    for name in names_in(directory):
        if not re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{12}", name):
            continue
        family = name[:2]
        config = f"{{type: onewire, id: heat, realm: realm1, sensors: {{{name}: {{name: kitchen}}}}}}"
        found.append(
            Device(
                path=str(directory / name),
                about=FAMILIES.get(family, f"1-wire device of family {family}"),
                facts={"id": name, "driver": link_name(directory / name / "driver")},
                stable=name,
                config=config if family in THERMOMETERS else None,
            )
        )
    return found


def spi(place: Place) -> list[Device]:
    """SPI devices that programs can use, and those that a driver has."""
    found = []
    for name in names_in(place.sys / "bus/spi/devices"):
        parts = re.fullmatch(r"spi(\d+\.\d+)", name)
        if not parts:
            continue
        node = place.dev / f"spidev{parts[1]}"
        driver = link_name(place.sys / "bus/spi/devices" / name / "driver")
        usable = node.exists()
        found.append(
            Device(
                path=str(node if usable else place.sys / "bus/spi/devices" / name),
                about="SPI device" if usable else place.says("bus/spi/devices", name, "modalias") or "SPI device",
                facts={
                    "bus": int(parts[1].split(".")[0]),
                    "chip_select": int(parts[1].split(".")[1]),
                    "driver": driver,
                },
                config=_spi_config(*parts[1].split(".")) if usable else None,
                notes=[] if usable or driver is None else [f"the driver {driver} of the kernel has it"],
                held=place.holders.of(node) if usable else None,
                trouble=trouble(node, place.user, "spi", 'SUBSYSTEM=="spidev"') if usable else None,
            )
        )
    return found


def _spi_config(bus: str, select: str) -> str:
    chip = f'{{type: mcp3008, id: adc, select: {select}, inputs: {{a0: "0"}}}}'
    return f"{{type: spi, id: spi{bus}, realm: realm1, bus: /dev/spidev{bus}, devices: [{chip}]}}"


def cameras(place: Place) -> list[Device]:
    """Cameras on USB by their video nodes, and those on the ribbon by their sensors."""
    found = [
        device for name in names_in(place.sys / "class/video4linux") if (device := _video(place, name)) is not None
    ]
    number = 0
    for name in names_in(place.sys / "bus/i2c/devices"):
        sensor = place.says("bus/i2c/devices", name, "name") or ""
        if SENSOR.fullmatch(sensor):
            found.append(_sensor(str(place.sys / "bus/i2c/devices" / name), sensor, number))
            number += 1
    for device in found:
        fitting = [name for name in TOOLS if suits(name, device.stable or device.path)]
        device.facts["tools"] = [name for name in fitting if shutil.which(name)]
        if not device.facts["tools"]:
            package = TOOLS[fitting[0]].package
            device.notes.append(f"no program that takes its pictures is there: sudo apt install {package}")
    return found


def _sensor(path: str, name: str, number: int) -> Device:
    """A sensor on the ribbon cable; the tools count them."""
    config = f"{{type: camera, id: camera{number}, realm: realm1, device: csi{number}}}"
    return Device(path=path, about=f"camera sensor {name}", stable=f"csi{number}", config=config)


def _video(place: Place, name: str) -> Device | None:
    """A video node; of the several that one camera has, the first."""
    about = place.says("class/video4linux", name, "name") or "video device"
    node = place.dev / name
    if NO_CAMERA.fullmatch(about) or place.says("class/video4linux", name, "index") not in (None, "0"):
        return None
    links = [str(link) for link in _by_id(place.dev / "v4l/by-id", node)]
    return Device(
        path=str(node),
        about=about,
        facts={"links": links},
        stable=links[0] if links else None,
        config=f"{{type: camera, id: webcam, realm: realm1, device: {links[0] if links else node}}}",
        held=place.holders.of(node),
        trouble=trouble(node, place.user, "video", 'SUBSYSTEM=="video4linux"'),
    )


def _by_id(directory: Path, node: Path) -> list[Path]:
    return [directory / name for name in names_in(directory) if (directory / name).resolve() == node.resolve()]
