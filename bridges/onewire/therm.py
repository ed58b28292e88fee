"""What the driver w1-therm says of a thermometer, checked.

Linux, Documentation/w1/slaves/w1_therm.rst: `w1_slave` has the nine octets of the scratchpad twice, with their check
and with the temperature in thousandths of °C. Reading it starts a measurement and takes 750 ms (DS18B20, 12 bits).
The octets and their CRC: datasheet DS18B20 (Maxim 19-7487), "Memory" and "CRC Generation".
"""

from __future__ import annotations

import re
from typing import Final

from bridges.onewire.config import ID_PATTERN
from bridges.polled.files import Tree
from bridges.serial.checksums import checksum
from bridges.values import BadValue, shown

_OCTETS: Final = r"((?:[0-9a-f]{2} ){9})"
_W1_SLAVE: Final = re.compile(rf"{_OCTETS}: crc=[0-9a-f]{{2}} (YES|NO)\n{_OCTETS}t=(-?[0-9]{{1,6}})\n?")
_MILLIDEGREES: Final = re.compile(r"(-?[0-9]{1,6})\n?")
#: °C; datasheet, "Operating range"
_LOWEST, _HIGHEST = -55.0, 125.0
_OVERLAY: Final = "on a Raspberry Pi: dtoverlay=w1-gpio in /boot/firmware/config.txt, and reboot"


def thermometers(tree: Tree, bus: str) -> list[str]:
    """The ids of those that are there, sorted. bus: directory. Raises BadValue if the kernel has no bus."""
    names = tree.names(bus)
    if not names:
        raise BadValue(f"the kernel has no 1-wire bus, {bus} is empty or not there; {_OVERLAY}")
    return [name for name in names if re.match(ID_PATTERN, name)]


def temperature(tree: Tree, bus: str, sensor: str) -> float:
    """Measure, °C; blocks for the better part of a second.

    bus: directory. sensor: id. Raises OSError if it is not there, and BadValue for a reading that cannot be trusted.
    """
    base = f"{bus.rstrip('/')}/{sensor}"
    try:
        degrees = _from_scratchpad(tree.text(f"{base}/w1_slave"))
    except FileNotFoundError:
        files = tree.names(base)
        if not files:
            raise FileNotFoundError(2, "No such file or directory", base) from None
        if "temperature" not in files:
            raise BadValue("the kernel's driver for it is not loaded: sudo modprobe w1-therm") from None
        degrees = _from_millidegrees(tree.text(f"{base}/temperature"))
    if not _LOWEST <= degrees <= _HIGHEST and degrees != -127:
        raise BadValue(f"{degrees:g} °C is outside of what it can measure, {_LOWEST:g} to {_HIGHEST:g}")
    return degrees


def _from_scratchpad(text: str) -> float:
    found = _W1_SLAVE.fullmatch(text)
    if found is None:
        raise BadValue(f"w1_slave says {shown(text)}" if text else "w1_slave says nothing: it did not answer")
    octets = bytes.fromhex(found[1])
    if found[2] == "NO" or checksum("crc-8/maxim-dow").of(octets):
        raise BadValue(f"the checksum is wrong ({found[1].strip()}): noise, or the wire is too long")
    if not any(octets):
        raise BadValue("nothing but zeros: the wire is shorted to ground")  # their checksum is right
    return int(found[4]) / 1000


def _from_millidegrees(text: str) -> float:
    """The driver has seen to the checksum."""
    found = _MILLIDEGREES.fullmatch(text)
    if found is None:
        raise BadValue(f"temperature says {shown(text)}" if text else "temperature says nothing: it did not answer")
    return int(found[1]) / 1000
