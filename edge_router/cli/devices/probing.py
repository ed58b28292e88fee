"""Asking each address of an I2C bus whether somebody is there. (linux/i2c.h, linux/i2c-dev.h; i2cdetect(8))

There is no harmless question on this bus. A write of nothing is the best there is, and even that some devices take for
a command, EEPROMs among them; so those are asked to be read, as i2cdetect does, and what a driver of the kernel has is
not asked at all.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from typing import Final, Protocol

SLAVE: Final = 0x0703
FUNCS: Final = 0x0705
SMBUS: Final = 0x0720
READ, WRITE = 1, 0
QUICK, BYTE = 0, 1
FUNC_QUICK: Final = 0x00010000
FUNC_READ_BYTE: Final = 0x00020000

#: the others are reserved (I2C specification, 3.1.12)
ADDRESSES: Final = range(0x08, 0x78)
#: EEPROMs, and clocks and keys in their neighbourhood, take a write of nothing ill
READ_ONLY: Final = (*range(0x30, 0x38), *range(0x50, 0x60))


class Wire(Protocol):
    """A bus. Each method raises OSError as the kernel does."""

    def functions(self) -> int:
        """What the adapter can do, FUNC_ bits."""

    def select(self, address: int) -> None: ...

    def ask(self, direction: int, size: int) -> None:
        """One SMBus transfer without data of interest: QUICK or BYTE."""

    def close(self) -> None: ...


class _Data(ctypes.Structure):
    """struct i2c_smbus_ioctl_data."""

    _fields_ = [
        ("read_write", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
    ]


class LinuxWire:
    """The kernel's. path: /dev/i2c-1. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def functions(self) -> int:
        bits = ctypes.c_ulong()
        fcntl.ioctl(self._fd, FUNCS, bits)
        return bits.value

    def select(self, address: int) -> None:
        fcntl.ioctl(self._fd, SLAVE, address)

    def ask(self, direction: int, size: int) -> None:
        block = ctypes.create_string_buffer(34)  # union i2c_smbus_data
        data = ctypes.addressof(block) if size == BYTE else None
        fcntl.ioctl(self._fd, SMBUS, _Data(direction, 0, size, data))

    def close(self) -> None:
        os.close(self._fd)


def probe(wire: Wire) -> dict[int, str]:
    """Ask each address. Result: address -> `there`, or `driver` if the kernel has it. Raises OSError for a dead bus."""
    functions = wire.functions()
    found: dict[int, str] = {}
    for address in ADDRESSES:
        try:
            wire.select(address)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            found[address] = "driver"
            continue
        if _answers(wire, address, functions):
            found[address] = "there"
    return found


def _answers(wire: Wire, address: int, functions: int) -> bool:
    if address in READ_ONLY or not functions & FUNC_QUICK:
        if not functions & FUNC_READ_BYTE:
            return False
        question = (READ, BYTE)
    else:
        question = (WRITE, QUICK)
    try:
        wire.ask(*question)
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            raise
        return False
    return True
