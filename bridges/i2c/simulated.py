"""An I2C bus that is not there, with chips that are made of registers."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from bridges.polled.simulated import Mishaps
from bridges.simulated import Faults

#: seconds of a wave of what chips measure
PERIOD: Final = 600.0


class Bank(Protocol):
    """A chip. Made with its section of the configuration and a clock."""

    def write(self, data: bytes) -> None:
        """One message to it. Raises OSError, if it does not acknowledge."""

    def read(self, count: int) -> bytes:
        """One message from it. count: octets. Raises OSError, if it does not acknowledge."""


class SimulatedBus:
    """See bridges.i2c.bus.Bus. chips: by their addresses. mishaps: what transfers meet. faults: garbles octets."""

    def __init__(self, chips: Mapping[int, Bank], mishaps: Mishaps, faults: Faults) -> None:
        self._chips = chips
        self._mishaps = mishaps
        self._faults = faults

    def transfer(self, address: int, data: bytes, count: int) -> bytes:
        """See Bus."""
        fault = self._mishaps.fault
        if fault == "unplug":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "sim:")
        chip = self._chips.get(address)
        if chip is None or fault == "drop":
            raise nobody()
        if data:
            chip.write(data)
        answer = chip.read(count) if count else b""
        return self._faults.garble(answer) if fault == "garble" else answer

    def sleep(self, seconds: float) -> None:
        """See Bus. Simulated chips are quick."""

    def close(self) -> None:
        """See Bus."""


def nobody() -> OSError:
    """What the kernel says of an address that is not acknowledged."""
    return OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))


def wave(seconds: Callable[[], float], middle: float, swing: float, place: int = 0) -> float:
    """A value that changes slowly. place: so that several of one chip are not alike."""
    return middle + swing * math.sin(2 * math.pi * (seconds() / PERIOD + place / 7))


class Octets:
    """A chip of 256 registers of 8 bits: the first octet that is written is a register's number, which goes on by one
    with each octet that is read. What is written goes as register and value, in pairs.
    """

    def __init__(self) -> None:
        self.registers = bytearray(256)
        self._at = 0

    def write(self, data: bytes) -> None:
        """See Bank."""
        self._at = data[0]
        for register, value in zip(data[0::2], data[1::2], strict=False):
            self.stored(register, value)

    def stored(self, register: int, value: int) -> None:
        """A register was written."""
        self.registers[register] = value

    def read(self, count: int) -> bytes:
        """See Bank."""
        self.look()
        found = bytes(self.registers[(self._at + place) % 256] for place in range(count))
        self._at = (self._at + count) % 256
        return found

    def look(self) -> None:
        """Something is to be read: the last moment to measure."""


class Words:
    """A chip of registers of 16 bits, the higher octet first; the pointer stays where it was set."""

    def __init__(self) -> None:
        self.registers: dict[int, int] = {}
        self._at = 0

    def write(self, data: bytes) -> None:
        """See Bank."""
        self._at = data[0]
        if len(data) == 3:
            self.stored(data[0], int.from_bytes(data[1:], "big"))

    def stored(self, register: int, value: int) -> None:
        """A register was written."""
        self.registers[register] = value

    def read(self, count: int) -> bytes:
        """See Bank."""
        return (self.registers.get(self._at, 0) & 0xFFFF).to_bytes(2, "big")[:count]
