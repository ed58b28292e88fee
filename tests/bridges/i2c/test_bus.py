"""The kernel's interface: layouts and numbers of linux/i2c.h and i2c-dev.h, with an ioctl that follows them."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridges.i2c import bus
from bridges.i2c.bus import Chip, KernelBus, Message, Messages
from bridges.polled.reasons import explain
from bridges.values import BadValue


class FakeKernel:
    """Follows the pointers of a transfer. answer: what a chip says to what was written to it."""

    def __init__(self, answer: Callable[[int, bytes, int], bytes]) -> None:
        self._answer = answer
        self.claimed: set[int] = set()
        self.asked: list[int] = []
        self.transfers: list[list[tuple[int, int, int]]] = []
        self.error: int | None = None

    def ioctl(self, fd: int, request: int, argument: Any) -> int:
        os.fstat(fd)
        if request == bus.I2C_SLAVE:
            self.asked.append(argument)
            if argument in self.claimed:
                raise OSError(errno.EBUSY, "Device or resource busy")
            return 0
        assert request == bus.I2C_RDWR
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        written = b""
        self.transfers.append([])
        for place in range(argument.nmsgs):
            message = argument.msgs[place]
            self.transfers[-1].append((message.addr, message.flags, message.len))
            if message.flags & bus.I2C_M_RD:
                said = self._answer(message.addr, written, message.len)
                ctypes.memmove(message.buf, said, message.len)
            else:
                written = ctypes.string_at(message.buf, message.len)
        self.written = written
        return argument.nmsgs


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "i2c-1"
    path.touch()
    return str(path)


def test_layouts() -> None:
    """As a compiler has them: three shorts and a pointer; a pointer and an int."""
    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(Message) == {8: 16, 4: 12}[pointer]
    assert ctypes.sizeof(Messages) == {8: 16, 4: 8}[pointer]
    assert [Message.addr.offset, Message.flags.offset, Message.len.offset, Message.buf.offset] == [0, 2, 4, 8]
    assert (Messages.msgs.offset, Messages.nmsgs.offset) == (0, pointer)
    assert (bus.I2C_SLAVE, bus.I2C_RDWR, bus.I2C_M_RD) == (0x703, 0x707, 1)


def test_write_and_read_in_one_transfer(device: str) -> None:
    """With a repeated start: between two transfers another master could come in."""
    kernel = FakeKernel(lambda address, written, count: bytes([address, *written])[:count])
    chip = Chip(KernelBus(device, kernel.ioctl), 0x76)
    assert chip.ask(0xD0, 2) == b"\x76\xd0"
    assert kernel.transfers == [[(0x76, 0, 1), (0x76, 1, 2)]]


def test_write_alone_and_read_alone(device: str) -> None:
    kernel = FakeKernel(lambda address, written, count: b"\x01\x02\x03"[:count])
    chip = Chip(KernelBus(device, kernel.ioctl), 0x44)
    chip.write(0x24, 0x00)
    assert kernel.written == b"\x24\x00"
    assert chip.read(3) == b"\x01\x02\x03"
    assert kernel.transfers == [[(0x44, 0, 2)], [(0x44, 1, 3)]]
    assert kernel.asked == [0x44], "once"


def test_a_chip_that_the_kernel_has_is_left_alone(device: str) -> None:
    """A clock at 0x68, say: two drivers on one chip harm both."""
    kernel = FakeKernel(lambda *_: b"")
    kernel.claimed.add(0x68)
    with pytest.raises(OSError, match="busy") as caught:
        Chip(KernelBus(device, kernel.ioctl), 0x68).write(0)
    assert "a driver of the kernel or another program has it" in explain(caught.value)
    assert not kernel.transfers


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EREMOTEIO, "at 0x23: no answer"),
        (errno.ETIMEDOUT, "a wire may hold the bus"),
        (errno.EOPNOTSUPP, "it knows SMBus alone"),
    ],
)
def test_a_failure_names_bus_and_address_and_opens_anew(device: str, number: int, words: str) -> None:
    """An adapter on USB that was pulled out and came back has another file behind the same name."""
    kernel = FakeKernel(lambda *_: b"\x07")
    wire = KernelBus(device, kernel.ioctl)
    kernel.error = number
    with pytest.raises(OSError, match=r"i2c-1 at 0x23") as caught:
        wire.transfer(0x23, b"", 1)
    assert words in explain(caught.value)
    kernel.error = None
    assert wire.transfer(0x23, b"", 1) == b"\x07"
    assert kernel.asked == [0x23, 0x23]
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    wire.close()
    wire.close()
    assert len(set(os.listdir("/proc/self/fd"))) == len(before) - 1  # noqa: PTH208


def test_no_bus_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="raspi-config"):
        KernelBus(str(tmp_path / "i2c-1")).transfer(0x23, b"", 1)


def test_the_real_ioctl_refuses_what_is_no_bus(device: str) -> None:
    """The structures get through to the kernel."""
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        KernelBus(device).transfer(0x23, b"\x00", 1)
