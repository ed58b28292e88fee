"""The system calls of GPIO, as an object, so that a simulator can stand in their place.

Everything above packs and unpacks the same structs whether the kernel or the simulator answers.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final, Protocol

CHIP_NAME: Final = re.compile(r"gpiochip[0-9]+")


class Kernel(Protocol):
    """open(2), ioctl(2), read(2), close(2) for chips and requests; each raises OSError as the kernel does."""

    def chips(self) -> list[str]: ...

    def open(self, path: str) -> int: ...

    def ioctl(self, fd: int, number: int, data: bytearray) -> None:
        """The answer is written over `data`."""

    def read(self, fd: int, size: int) -> bytes: ...

    def close(self, fd: int) -> None: ...


class LinuxKernel:
    """The real one. devices: where the nodes of the chips are."""

    def __init__(self, devices: Path = Path("/dev")) -> None:
        self._devices = devices

    def chips(self) -> list[str]:
        """Links that udev made to a chip are left out: `gpiochip4` of some boards is one, to `gpiochip0`."""
        found = [
            entry for entry in self._devices.iterdir() if CHIP_NAME.fullmatch(entry.name) and not entry.is_symlink()
        ]
        return [str(entry) for entry in sorted(found, key=lambda entry: int(entry.name[len("gpiochip") :]))]

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, fd: int, number: int, data: bytearray) -> None:
        fcntl.ioctl(fd, number, data)

    def read(self, fd: int, size: int) -> bytes:
        return os.read(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)
