"""A 1-wire bus that is not there: the files of the kernel's driver, with thermometers whose octets have checksums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from bridges.polled.files import Disk
from bridges.polled.simulated import Mishaps
from bridges.serial.checksums import checksum

#: seconds of a wave of the temperatures
_PERIOD: Final = 900.0


class SimulatedWire:
    """See bridges.polled.files.Tree. ids: thermometers that are there. more: how many others are. seconds: time.

    mishaps: what calls meet.
    """

    BUS: Final = "/sys/bus/w1/devices"

    def __init__(self, ids: list[str], more: int, seconds: Callable[[], float]) -> None:
        self._ids = sorted({*ids, *(f"28-{number:012x}" for number in range(1, more + 1))})
        self._seconds = seconds
        self._set: dict[str, float] = {}
        self.mishaps: Mishaps | None = None

    def set(self, sensor: str, degrees: Any = None) -> None:
        """What one says from now on. degrees: °C; None lets it change by itself. Raises ValueError."""
        if sensor not in self._ids:
            raise ValueError(f"{sensor!r} is no thermometer here; there are {', '.join(self._ids)}")
        if degrees is None:
            self._set.pop(sensor, None)
            return
        if type(degrees) not in (int, float) or not -127 <= degrees <= 127:
            raise ValueError(f"{degrees!r} is no temperature from -127 to 127 °C")
        self._set[sensor] = degrees

    def names(self, path: str) -> list[str]:
        """See Tree."""
        if self._fault() == "unplug":
            return ["w1_bus_master1"] if path == self.BUS else []
        if path == self.BUS:
            return [*self._ids, "w1_bus_master1"]
        return ["w1_slave"] if path.removeprefix(self.BUS + "/") in self._ids else []

    def text(self, path: str) -> str:
        """See Tree."""
        sensor = path.removeprefix(self.BUS + "/").removesuffix("/w1_slave")
        fault = self._fault()
        if sensor not in self._ids or fault == "unplug":
            raise FileNotFoundError(2, "No such file or directory", path)
        if fault == "drop":
            return ""
        octets = bytearray(self._scratchpad(sensor))
        if fault == "garble":
            octets[0] ^= 0x10
        shown = octets.hex(" ")
        right = checksum("crc-8/maxim-dow").of(bytes(octets)) == 0
        degrees = int.from_bytes(octets[:2], "little", signed=True) * 1000 // 16
        return f"{shown} : crc={octets[8]:02x} {'YES' if right else 'NO'}\n{shown} t={degrees}\n"

    def disk(self, path: str) -> Disk:
        """See Tree."""
        raise FileNotFoundError(2, "No such file or directory", path)

    def output(self, command: str, *arguments: str) -> str:  # noqa: ARG002
        """See Tree."""
        raise FileNotFoundError(2, "No such file or directory", command)

    def _fault(self) -> str:
        return "ok" if self.mishaps is None else self.mishaps.fault

    def _scratchpad(self, sensor: str) -> bytes:
        """The nine octets of a DS18B20 with 12 bits (datasheet 19-7487, figure "DS18B20 Memory Map")."""
        place = self._ids.index(sensor)
        wave = math.sin(2 * math.pi * (self._seconds() / _PERIOD + place / 7))
        degrees = self._set.get(sensor, 20 + 5 * place % 40 + 2 * wave)
        eight = round(degrees * 16).to_bytes(2, "little", signed=True) + bytes.fromhex("4b467fff0c10")
        return eight + bytes([checksum("crc-8/maxim-dow").of(eight)])
