"""An I2C bus of the kernel, by ioctl(2) on its device file: one combined transfer a call. Everything here blocks.

Linux, Documentation/i2c/dev-interface.rst, include/uapi/linux/i2c-dev.h and i2c.h. There is no library in between: what
smbus2 does for a transfer is the same call.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from bridges.values import BadValue

I2C_SLAVE: Final = 0x0703
I2C_RDWR: Final = 0x0707
I2C_M_RD: Final = 0x0001
_HINT: Final = "on a Raspberry Pi: sudo raspi-config, Interface Options, I2C"


class Message(ctypes.Structure):
    """struct i2c_msg: 16 octets where pointers have 64 bits, 12 where they have 32."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.c_void_p),
    )


class Messages(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data: 16 octets, or 8."""

    _fields_ = (("msgs", ctypes.POINTER(Message)), ("nmsgs", ctypes.c_uint32))


class Bus(Protocol):
    """Carries transfers to chips."""

    def transfer(self, address: int, data: bytes, count: int) -> bytes:
        """Write, then read without letting go of the bus (repeated start).

        address: 7 bits. data: octets to write; none, to read only. count: octets to read; 0, to write only. Raises
        OSError; EREMOTEIO or ENXIO, if nobody answers.
        """

    def sleep(self, seconds: float) -> None:
        """Let a chip measure."""

    def close(self) -> None:
        """Idempotent; the next transfer opens it again."""


class Chip:
    """One address of a bus: what drivers speak through. Errors are those of Bus."""

    def __init__(self, bus: Bus, address: int) -> None:
        self._bus = bus
        self._address = address

    def write(self, *octets: int) -> None:
        """One message to the chip."""
        self._bus.transfer(self._address, bytes(octets), 0)

    def read(self, count: int) -> bytes:
        """One message from the chip. count: octets."""
        return self._bus.transfer(self._address, b"", count)

    def ask(self, register: int, count: int) -> bytes:
        """The register's number to the chip, and with a repeated start its answer. count: octets."""
        return self._bus.transfer(self._address, bytes([register]), count)

    def sleep(self, seconds: float) -> None:
        """Let the chip measure."""
        self._bus.sleep(seconds)


class KernelBus:
    """A bus by its device file. path: /dev/i2c-1. ioctl: fcntl.ioctl, or what stands for it."""

    def __init__(self, path: str, ioctl: Callable[..., Any] = fcntl.ioctl) -> None:
        self._path = path
        self._ioctl = ioctl
        self._fd = -1
        self._asked: set[int] = set()

    def transfer(self, address: int, data: bytes, count: int) -> bytes:
        """See Bus."""
        fd = self._open()
        try:
            self._ask_for(fd, address)
            return self._carry(fd, address, data, count)
        except OSError as error:
            self.close()
            raise OSError(error.errno, error.strerror, f"{self._path} at 0x{address:02x}") from None

    def sleep(self, seconds: float) -> None:
        """See Bus."""
        time.sleep(seconds)

    def close(self) -> None:
        """See Bus."""
        fd, self._fd = self._fd, -1
        self._asked.clear()
        if fd >= 0:
            os.close(fd)

    def _open(self) -> int:
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                raise BadValue(f"{self._path} is not there; {_HINT}") from None
        return self._fd

    def _ask_for(self, fd: int, address: int) -> None:
        """The combined transfer does not look whether a driver of the kernel has the chip; this does (EBUSY)."""
        if address not in self._asked:
            self._ioctl(fd, I2C_SLAVE, address)
            self._asked.add(address)

    def _carry(self, fd: int, address: int, data: bytes, count: int) -> bytes:
        out = ctypes.create_string_buffer(data, max(len(data), 1))
        answer = ctypes.create_string_buffer(max(count, 1))
        messages = []
        if data:
            messages.append(Message(address, 0, len(data), ctypes.addressof(out)))
        if count:
            messages.append(Message(address, I2C_M_RD, count, ctypes.addressof(answer)))
        table = (Message * len(messages))(*messages)
        self._ioctl(fd, I2C_RDWR, Messages(table, len(messages)))
        return answer.raw[:count]
