"""Chips and requests by the kernel's character device, without a library: the backend that is always there.

(Linux 5.10 or later; Documentation/userspace-api/gpio/chardev.rst)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from typing import Final

from bridges.gpio import uapi
from bridges.gpio.kernel import Kernel
from bridges.gpio.lines import Chip, ChipGone, Edge, Line, LineError, Settings
from bridges.gpio.permission import not_permitted

#: events taken by one read(2)
BATCH: Final = 64
#: the kernel's own "not supported", which drivers let through (linux/errno.h)
ENOTSUPP: Final = 524

_DIRECTIONS: Final = {"as-is": 0, "input": uapi.INPUT, "output": uapi.OUTPUT}
_BIASES: Final = {
    "as-is": 0, "none": uapi.BIAS_DISABLED, "pull-up": uapi.PULL_UP, "pull-down": uapi.PULL_DOWN,
}  # fmt: skip
_DRIVES: Final = {"push-pull": 0, "open-drain": uapi.OPEN_DRAIN, "open-source": uapi.OPEN_SOURCE}
_EDGES: Final = {
    "none": 0,
    "rising": uapi.EDGE_RISING,
    "falling": uapi.EDGE_FALLING,
    "both": uapi.EDGE_RISING | uapi.EDGE_FALLING,
}
_EDGE_FLAGS: Final = uapi.EDGE_RISING | uapi.EDGE_FALLING


def flags_of(settings: Settings) -> int:
    """The kernel's flags for settings. Without a direction it takes no others but active_low."""
    flags = uapi.ACTIVE_LOW if settings.active_low else 0
    if settings.direction != "as-is":
        flags |= _DIRECTIONS[settings.direction] | _BIASES[settings.bias]
    if settings.direction == "output":
        flags |= _DRIVES[settings.drive]
    if settings.direction == "input":
        flags |= _EDGES[settings.edges]
    return flags


class CharacterDevices:
    """The chips of this machine. kernel: who answers the system calls."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def chips(self) -> list[str]:
        """See `lines.Backend`."""
        try:
            return self._kernel.chips()
        except OSError:
            return []

    def open(self, path: str) -> CharacterDevice:
        """See `lines.Backend`."""
        try:
            fd = self._kernel.open(path)
        except OSError as error:
            raise chip_error(error, path) from None
        data = bytearray(uapi.CHIP_INFO.size)
        try:
            self._kernel.ioctl(fd, uapi.GET_CHIP_INFO, data)
        except OSError as error:
            self._kernel.close(fd)
            raise chip_error(error, path) from None
        return CharacterDevice(self._kernel, fd, path, uapi.unpack_chip_info(data))


class CharacterDevice:
    """One open chip. See `lines.Chip`."""

    def __init__(self, kernel: Kernel, fd: int, path: str, info: uapi.ChipInfo) -> None:
        self._kernel = kernel
        self._fd = fd
        self.path = path
        self.name = info.name
        self.label = info.label
        self.count = info.lines

    def line(self, offset: int) -> Line:
        data = bytearray(uapi.LINE_INFO.pack(b"", b"", offset, 0, 0, b""))
        try:
            self._kernel.ioctl(self._fd, uapi.GET_LINE_INFO, data)
        except OSError as error:
            raise chip_error(error, self.path) from None
        info = uapi.unpack_line_info(data)
        used, output = bool(info.flags & uapi.USED), bool(info.flags & uapi.OUTPUT)
        return Line(offset, info.name, info.consumer, used, output)

    def request(
        self, offsets: Sequence[int], settings: Settings, values: Mapping[int, bool], consumer: str, buffer: int = 0
    ) -> LineRequest:
        config = _config(offsets, settings, values)
        data = uapi.pack_request(offsets, consumer, config, buffer)
        try:
            self._kernel.ioctl(self._fd, uapi.GET_LINE, data)
        except OSError as error:
            raise refused(self, error, offsets, settings) from None
        fd = uapi.request_descriptor(data)
        os.set_blocking(fd, False)
        return LineRequest(self._kernel, fd, offsets, settings)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._kernel.close(fd)


def refused(chip: Chip, error: Exception, offsets: Sequence[int], settings: Settings) -> LineError:
    """Why lines cannot be had."""
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        return LineError(in_use([chip.line(offset) for offset in offsets]))
    if number in (errno.EINVAL, ENOTSUPP, errno.EOPNOTSUPP, errno.ENXIO):
        wanted = f"direction {settings.direction}, bias {settings.bias}, edges {settings.edges}"
        numbers = ", ".join(map(str, offsets))
        return LineError(f"{chip.label} cannot do this with line {numbers}: {wanted} ({os.strerror(number)})")
    return chip_error(error, chip.path)


def in_use(lines: Sequence[Line]) -> str:
    """Who holds lines that cannot be had."""
    held = [
        f"line {line.offset}{f' ({line.name})' if line.name else ''} is in use by {line.consumer or 'the kernel'}"
        for line in lines
        if line.used
    ]
    return "; ".join(held) or "a line is in use"


class LineRequest:
    """Lines that are ours. See `lines.Request`."""

    def __init__(self, kernel: Kernel, fd: int, offsets: Sequence[int], settings: Settings) -> None:
        self._kernel = kernel
        self._fd = fd
        self.offsets = tuple(offsets)
        self._settings = settings
        self._places = {offset: place for place, offset in enumerate(offsets)}

    def fileno(self) -> int:
        return self._fd

    def read(self) -> list[Edge]:
        if self._fd < 0:
            return []
        try:
            data = self._kernel.read(self._fd, BATCH * uapi.EVENT.size)
        except BlockingIOError:
            return []
        except OSError as error:
            raise gone(error) from None
        return [
            Edge(at, kind == uapi.RISING_EVENT, offset, line_seqno)
            for at, kind, offset, _, line_seqno in uapi.unpack_events(data)
        ]

    def get(self) -> dict[int, bool]:
        data = bytearray(uapi.VALUES.pack(0, (1 << len(self.offsets)) - 1))
        self._ioctl(uapi.GET_VALUES, data)
        bits, _ = uapi.VALUES.unpack(data)
        return {offset: bool(bits >> place & 1) for place, offset in enumerate(self.offsets)}

    def set(self, values: Mapping[int, bool]) -> None:
        bits = uapi.mask_of(self._places, [offset for offset, value in values.items() if value])
        self._ioctl(uapi.SET_VALUES, bytearray(uapi.VALUES.pack(bits, uapi.mask_of(self._places, list(values)))))

    def drive(self, settings: Settings, values: Mapping[int, bool]) -> None:
        self._ioctl(uapi.SET_CONFIG, bytearray(uapi.pack_config(_config(self.offsets, settings, values))))
        self._settings = settings

    def quiet(self, offsets: frozenset[int]) -> None:
        config = _config(self.offsets, self._settings, {})
        if offsets:
            mask = uapi.mask_of(self._places, list(offsets))
            config = uapi.LineConfig(
                config.flags, ((config.flags & ~_EDGE_FLAGS, mask),), None, config.debounce, config.lines
            )
        self._ioctl(uapi.SET_CONFIG, bytearray(uapi.pack_config(config)))

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._kernel.close(fd)

    def _ioctl(self, number: int, data: bytearray) -> None:
        try:
            self._kernel.ioctl(self._fd, number, data)
        except OSError as error:
            raise gone(error) from None


def _config(offsets: Sequence[int], settings: Settings, values: Mapping[int, bool]) -> uapi.LineConfig:
    places = {offset: place for place, offset in enumerate(offsets)}
    bits = None
    if settings.direction == "output":
        on = [offset for offset, value in values.items() if value]
        bits = (uapi.mask_of(places, on), uapi.mask_of(places, list(values)))
    debounce = settings.debounce if settings.direction == "input" else 0
    return uapi.LineConfig(flags_of(settings), (), bits, debounce, len(offsets))


def gone(error: OSError) -> LineError:
    """An error of a request that was there."""
    if error.errno in (errno.ENODEV, errno.EIO, errno.ENXIO):
        return ChipGone("the chip is gone")
    return LineError(os.strerror(error.errno or 0))


def chip_error(error: Exception, path: str) -> LineError:
    """Why a chip cannot be used. path: of it."""
    if not isinstance(error, OSError):
        return LineError(f"{path}: {error}")
    if error.errno in (errno.ENODEV, errno.ENOENT, errno.ENXIO):
        return ChipGone(f"{path} is not there")
    if error.errno in (errno.EACCES, errno.EPERM):
        return LineError(f"{path}: {not_permitted(path, 'gpio')}")
    if error.errno in (errno.ENOTTY, errno.EINVAL, errno.EISDIR):
        return LineError(f"{path} is no GPIO chip, or the kernel is older than 5.10")
    return LineError(f"{path}: {os.strerror(error.errno or 0)}")
