"""An SPI bus of the kernel, by ioctl(2) on its device files. Everything here blocks.

Linux, Documentation/spi/spidev.rst and include/uapi/linux/spi/spidev.h. There is no library in between: what the
package spidev does for a transfer is the same call.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

from bridges.values import BadValue

#: _IOW('k', 1, __u8), _IOW('k', 3, __u8), _IOW('k', 0, char[32])
SPI_IOC_WR_MODE: Final = 0x40016B01
SPI_IOC_WR_BITS_PER_WORD: Final = 0x40016B03
SPI_IOC_MESSAGE_1: Final = 0x40206B00
_HINT: Final = "on a Raspberry Pi: sudo raspi-config, Interface Options, SPI"


class Transfer(ctypes.Structure):
    """struct spi_ioc_transfer: 32 octets everywhere; pointers have 64 bits also where the machine has 32."""

    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    )


class Bus(Protocol):
    """Carries transfers to chips."""

    def transfer(self, select: int, mode: int, speed: int, data: bytes) -> bytes:
        """Write, and read as many octets meanwhile.

        select: the chip's line. mode: 0 to 3, of the clock. speed: bits a second. Raises OSError.
        """

    def close(self) -> None:
        """Idempotent; the next transfer opens what it needs."""


class Chip:
    """One line of a bus: what drivers speak through. speed, mode: as in Bus."""

    def __init__(self, bus: Bus, select: int, speed: int, mode: int = 0) -> None:
        self._bus = bus
        self._select = select
        self._speed = speed
        self._mode = mode

    def transfer(self, *octets: int) -> bytes:
        """Write, and read as many octets meanwhile."""
        return self._bus.transfer(self._select, self._mode, self._speed, bytes(octets))


class KernelBus:
    """A bus by its device files. path: /dev/spidev0. ioctl: fcntl.ioctl, or what stands for it."""

    def __init__(self, path: str, ioctl: Callable[..., Any] = fcntl.ioctl) -> None:
        self._path = path
        self._ioctl = ioctl
        self._fds: dict[int, int] = {}

    def transfer(self, select: int, mode: int, speed: int, data: bytes) -> bytes:
        """See Bus."""
        path = f"{self._path}.{select}"
        try:
            return self._carry(self._open(path, select, mode), speed, data)
        except OSError as error:
            self.close()
            raise OSError(error.errno, error.strerror, path) from None

    def close(self) -> None:
        """See Bus."""
        fds, self._fds = self._fds, {}
        for fd in fds.values():
            os.close(fd)

    def _open(self, path: str, select: int, mode: int) -> int:
        if select not in self._fds:
            try:
                fd = self._fds[select] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                raise BadValue(f"{path} is not there; {_HINT}") from None
            self._ioctl(fd, SPI_IOC_WR_MODE, bytes([mode]))
            self._ioctl(fd, SPI_IOC_WR_BITS_PER_WORD, bytes([8]))
        return self._fds[select]

    def _carry(self, fd: int, speed: int, data: bytes) -> bytes:
        out = ctypes.create_string_buffer(data, len(data))
        answer = ctypes.create_string_buffer(len(data))
        transfer = Transfer(
            tx_buf=ctypes.addressof(out), rx_buf=ctypes.addressof(answer), len=len(data), speed_hz=speed
        )
        self._ioctl(fd, SPI_IOC_MESSAGE_1, transfer)
        return answer.raw
