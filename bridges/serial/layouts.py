"""Binary frames whose parts stand at fixed places, as a C struct is sent (Python's `struct` has the byte orders)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Literal

from bridges.serial.decoders import Decoder, text_of
from bridges.serial.decodingconfig import CODES, DecodingConfig, LayoutItem
from bridges.values import BadValue, shown

Read = Callable[[bytes], Any]
Order = Literal["little", "big"]


def layout(config: DecodingConfig) -> Decoder:
    """An object with the names of the layout."""
    assert config.layout is not None
    layout = config.layout
    text = text_of(config)
    parts: list[tuple[str, int, int | None, Read]] = []
    at = 0
    for item in layout.items:
        size = item.bytes * (item.count or 1)
        if item.name is not None:
            parts.append((item.name, at, at + size if size else None, _reader(item, item.order or layout.order, text)))
        at += size
    open_ended = layout.open_ended

    def decode(frame: bytes) -> Any:
        if len(frame) < at or (len(frame) > at and not open_ended):
            raise BadValue(f"{len(frame)} bytes instead of {at}: {shown(frame)}")
        return {name: read(frame[start:end]) for name, start, end, read in parts}

    return decode


def _reader(item: LayoutItem, order: Order, text: Callable[[bytes], str]) -> Read:
    one = _one(item, order, text)
    if item.bits is not None:
        return _bits(item.bits, one)
    if item.count is None:
        return one
    size = item.bytes
    return lambda data: [one(data[at : at + size]) for at in range(0, len(data), size)]


def _one(item: LayoutItem, order: Order, text: Callable[[bytes], str]) -> Read:
    if item.type in CODES:
        unpack = struct.Struct(("<" if order == "little" else ">") + CODES[item.type]).unpack
        return lambda data: unpack(data)[0]
    if item.type == "string":
        return lambda data: text(data.partition(b"\0")[0])
    if item.type in ("uint24", "int24"):
        signed = item.type == "int24"
        return lambda data: int.from_bytes(data, order, signed=signed)
    return _truth if item.type == "bool" else bytes


def _bits(bits: dict[str, int | list[int]], read: Read) -> Read:
    flags = [(name, place) for name, place in bits.items() if isinstance(place, int)]
    numbers = [
        (name, place[0], (1 << (place[1] - place[0] + 1)) - 1)
        for name, place in bits.items()
        if not isinstance(place, int)
    ]

    def split(data: bytes) -> Any:
        whole = read(data)
        found: dict[str, Any] = {name: bool(whole >> bit & 1) for name, bit in flags}
        found.update((name, whole >> low & mask) for name, low, mask in numbers)
        return found

    return split


def _truth(data: bytes) -> bool:
    if data[0] > 1:
        raise BadValue(f"{data[0]} is neither true (1) nor false (0)")
    return data == b"\1"
