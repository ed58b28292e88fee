"""The kernel's words about GPIO lines, version 2 of the character device, packed and unpacked; no system call is here.

Layouts, numbers and meanings are facts of linux/gpio.h (since Linux 5.10) and of the kernel's
Documentation/userspace-api/gpio. All structs are laid out alike on 32 and 64 bits: 64-bit members stand at multiples
of 8. Numbers are in the machine's byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

#: bytes of a name, a label or a consumer, with the zero at its end
NAME_SIZE: Final = 32
#: lines of one request, and bits of a mask
MOST_LINES: Final = 64
MOST_ATTRIBUTES: Final = 10

USED: Final = 1 << 0
ACTIVE_LOW: Final = 1 << 1
INPUT: Final = 1 << 2
OUTPUT: Final = 1 << 3
EDGE_RISING: Final = 1 << 4
EDGE_FALLING: Final = 1 << 5
OPEN_DRAIN: Final = 1 << 6
OPEN_SOURCE: Final = 1 << 7
PULL_UP: Final = 1 << 8
PULL_DOWN: Final = 1 << 9
BIAS_DISABLED: Final = 1 << 10

RISING_EVENT: Final = 1
FALLING_EVENT: Final = 2

FLAGS: Final = 1
OUTPUT_VALUES: Final = 2
DEBOUNCE: Final = 3

CHIP_INFO: Final = struct.Struct("=32s32sI")
VALUES: Final = struct.Struct("=QQ")
ATTRIBUTE: Final = struct.Struct("=I4xQ")
CONFIG_ATTRIBUTE: Final = struct.Struct("=I4xQQ")
CONFIG_HEAD: Final = struct.Struct("=QI20x")
CONFIG_SIZE: Final = CONFIG_HEAD.size + MOST_ATTRIBUTES * CONFIG_ATTRIBUTE.size
REQUEST: Final = struct.Struct(f"={MOST_LINES}I{NAME_SIZE}s{CONFIG_SIZE}sII20xi")
LINE_INFO: Final = struct.Struct(f"={NAME_SIZE}s{NAME_SIZE}sIIQ{MOST_ATTRIBUTES * ATTRIBUTE.size}s16x")
EVENT: Final = struct.Struct("=QIIII24x")


def _number(direction: int, number: int, size: int) -> int:
    """As _IOR (2) and _IOWR (3) of asm-generic/ioctl.h make it; type 0xB4 is GPIO's."""
    return direction << 30 | size << 16 | 0xB4 << 8 | number


GET_CHIP_INFO: Final = _number(2, 0x01, CHIP_INFO.size)
GET_LINE_INFO: Final = _number(3, 0x05, LINE_INFO.size)
GET_LINE: Final = _number(3, 0x07, REQUEST.size)
SET_CONFIG: Final = _number(3, 0x0D, CONFIG_SIZE)
GET_VALUES: Final = _number(3, 0x0E, VALUES.size)
SET_VALUES: Final = _number(3, 0x0F, VALUES.size)


class LineConfig(Struct, frozen=True):
    """What is asked of the lines of a request.

    flags: of all lines but those of `other_flags`: (flags, mask) pairs. values: (bits, mask) of outputs. debounce:
    microseconds, of all lines; 0: none. Bit n of a mask is the n-th line of the request.
    """

    flags: int
    other_flags: tuple[tuple[int, int], ...] = ()
    values: tuple[int, int] | None = None
    debounce: int = 0
    lines: int = MOST_LINES


def pack_config(config: LineConfig) -> bytes:
    """struct gpio_v2_line_config. Raises ValueError for more attributes than fit."""
    attributes = [(FLAGS, flags, mask) for flags, mask in config.other_flags]
    if config.values is not None:
        attributes.append((OUTPUT_VALUES, *config.values))
    if config.debounce:
        attributes.append((DEBOUNCE, _low_half(config.debounce), (1 << config.lines) - 1))
    if len(attributes) > MOST_ATTRIBUTES:
        raise ValueError(f"{len(attributes)} attributes for lines of one request; the kernel takes {MOST_ATTRIBUTES}")
    packed = CONFIG_HEAD.pack(config.flags, len(attributes))
    return (packed + b"".join(CONFIG_ATTRIBUTE.pack(*each) for each in attributes)).ljust(CONFIG_SIZE, b"\0")


def unpack_config(data: bytes | bytearray, lines: int) -> LineConfig:
    """The other way. lines: of the request."""
    flags, count = CONFIG_HEAD.unpack_from(data)
    other: list[tuple[int, int]] = []
    values, debounce = None, 0
    for number in range(count):
        kind, value, mask = CONFIG_ATTRIBUTE.unpack_from(data, CONFIG_HEAD.size + number * CONFIG_ATTRIBUTE.size)
        if kind == FLAGS:
            other.append((value, mask))
        elif kind == OUTPUT_VALUES:
            values = (value, mask)
        elif kind == DEBOUNCE:
            debounce = struct.unpack("=I", struct.pack("=Q", value)[:4])[0]
    return LineConfig(flags, tuple(other), values, debounce, lines)


def pack_request(offsets: Sequence[int], consumer: str, config: LineConfig, buffer: int = 0) -> bytearray:
    """struct gpio_v2_line_request.

    offsets: lines of the chip, up to MOST_LINES. consumer: who asks, for others to see. buffer: events the kernel
    should keep; 0: 16 a line.
    """
    filled = [*offsets, *[0] * (MOST_LINES - len(offsets))]
    name = consumer.encode()[: NAME_SIZE - 1]
    return bytearray(REQUEST.pack(*filled, name, pack_config(config), len(offsets), buffer, 0))


def request_descriptor(data: bytes | bytearray) -> int:
    """The file descriptor in the kernel's answer."""
    return int(REQUEST.unpack(data)[-1])


class Request(Struct, frozen=True):
    """A request as the kernel gets it."""

    offsets: tuple[int, ...]
    consumer: str
    config: LineConfig
    buffer: int


def unpack_request(data: bytes | bytearray) -> Request:
    """struct gpio_v2_line_request, read."""
    *offsets, consumer, config, count, buffer, _ = REQUEST.unpack(data)
    return Request(tuple(offsets[:count]), text(consumer), unpack_config(config, count), buffer)


class ChipInfo(Struct, frozen=True):
    """name: the kernel's, `gpiochip0`. label: the driver's or the board's, `pinctrl-bcm2711`. lines: how many."""

    name: str
    label: str
    lines: int


def unpack_chip_info(data: bytes | bytearray) -> ChipInfo:
    """struct gpiochip_info."""
    name, label, lines = CHIP_INFO.unpack(data)
    return ChipInfo(text(name), text(label), lines)


class LineInfo(Struct, frozen=True):
    """name: of the board, often empty. consumer: who uses it, as far as told. flags: of the kernel."""

    name: str
    consumer: str
    offset: int
    flags: int


def unpack_line_info(data: bytes | bytearray) -> LineInfo:
    """struct gpio_v2_line_info."""
    name, consumer, offset, _, flags, _ = LINE_INFO.unpack(data)
    return LineInfo(text(name), text(consumer), offset, flags)


def unpack_events(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """struct gpio_v2_line_event: (nanoseconds, kind, offset, seqno, line_seqno) of each; kind: RISING_EVENT or the
    other, of the logical level. What is left over at the end is passed over.
    """
    whole = len(data) - len(data) % EVENT.size
    return EVENT.iter_unpack(memoryview(data)[:whole])


def mask_of(indices: Mapping[int, int], offsets: Sequence[int]) -> int:
    """The mask of some lines. indices: offset -> place in the request."""
    mask = 0
    for offset in offsets:
        mask |= 1 << indices[offset]
    return mask


def text(data: bytes) -> str:
    """A name as the kernel stores it, up to its first zero."""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")


def _low_half(value: int) -> int:
    """The 64 bits of the union whose first 32 are a number: on big-endian machines that is the upper half."""
    return int(struct.unpack("=Q", struct.pack("=I4x", value))[0])
