"""The kernel's interface: layout and numbers of linux/spi/spidev.h, with an ioctl that follows them."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bridges.polled.reasons import explain
from bridges.spi import bus
from bridges.spi.bus import Chip, KernelBus, Transfer
from bridges.values import BadValue


class FakeKernel:
    """Answers with what was sent, each octet one higher."""

    def __init__(self) -> None:
        self.settings: list[tuple[int, int]] = []
        self.transfers: list[tuple[bytes, int]] = []
        self.error: int | None = None

    def ioctl(self, fd: int, request: int, argument: Any) -> int:
        os.fstat(fd)
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        if request != bus.SPI_IOC_MESSAGE_1:
            self.settings.append((request, argument[0]))
            return 0
        sent = ctypes.string_at(argument.tx_buf, argument.len)
        ctypes.memmove(argument.rx_buf, bytes(octet + 1 & 0xFF for octet in sent), argument.len)
        self.transfers.append((sent, argument.speed_hz))
        return len(sent)


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "spidev0.0").touch()
    (tmp_path / "spidev0.1").touch()
    return str(tmp_path / "spidev0")


def iow(number: int, size: int) -> int:
    """_IOW('k', number, size) of asm-generic/ioctl.h."""
    return 1 << 30 | size << 16 | ord("k") << 8 | number


def test_layout() -> None:
    """As a compiler has it, on 32 and on 64 bits alike."""
    offsets = [getattr(Transfer, name).offset for name, _ in Transfer._fields_]
    assert offsets == [0, 8, 16, 20, 24, 26, 27, 28, 29, 30, 31]
    assert ctypes.sizeof(Transfer) == 32
    assert iow(1, 1) == bus.SPI_IOC_WR_MODE
    assert iow(3, 1) == bus.SPI_IOC_WR_BITS_PER_WORD
    assert iow(0, ctypes.sizeof(Transfer)) == bus.SPI_IOC_MESSAGE_1


def test_a_transfer(path: str) -> None:
    """Each line is set up once, and has its own file."""
    kernel = FakeKernel()
    wire = KernelBus(path, kernel.ioctl)
    first, second = Chip(wire, 0, 1_000_000), Chip(wire, 1, 5_000, mode=3)
    assert first.transfer(1, 2, 255) == b"\x02\x03\x00"
    assert first.transfer(7) == b"\x08"
    assert second.transfer(9) == b"\x0a"
    assert kernel.transfers == [(b"\x01\x02\xff", 1_000_000), (b"\x07", 1_000_000), (b"\x09", 5_000)]
    assert kernel.settings == [
        (bus.SPI_IOC_WR_MODE, 0), (bus.SPI_IOC_WR_BITS_PER_WORD, 8),
        (bus.SPI_IOC_WR_MODE, 3), (bus.SPI_IOC_WR_BITS_PER_WORD, 8),
    ]  # fmt: skip
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    wire.close()
    wire.close()
    assert len(os.listdir("/proc/self/fd")) == before - 2  # noqa: PTH208


def test_a_failure_names_the_file_and_opens_anew(path: str) -> None:
    kernel = FakeKernel()
    wire = KernelBus(path, kernel.ioctl)
    kernel.error = errno.EIO
    with pytest.raises(OSError, match=r"spidev0\.1") as caught:
        wire.transfer(1, 0, 1000, b"\x00")
    assert "the bus or the device failed" in explain(caught.value)
    kernel.error = None
    assert wire.transfer(1, 0, 1000, b"\x00") == b"\x01"
    wire.close()


def test_no_bus_says_what_to_do(path: str) -> None:
    with pytest.raises(BadValue, match=r"spidev0\.7 is not there; .*raspi-config"):
        KernelBus(path).transfer(7, 0, 1000, b"\x00")


def test_the_real_ioctl_refuses_what_is_no_bus(path: str) -> None:
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        KernelBus(path).transfer(0, 0, 1000, b"\x00")
