"""Checksums of frames, by the names of the catalogue of parametrised CRC algorithms (Greg Cook), and simple ones.

A CRC is a row of the table: width, polynomial, initial value, whether bits are reflected, and what is xored at the end.
Each is calculated from a table of 256 remainders, made when a configuration names it.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable
from functools import cache, reduce
from itertools import accumulate
from operator import xor
from typing import Final, NamedTuple


class Checksum(NamedTuple):
    """width: bytes. of: the checksum of some bytes, as an unsigned integer."""

    width: int
    of: Callable[[bytes], int]


class Crc(NamedTuple):
    """A row of the catalogue; refin and refout are the same in all that are here."""

    bits: int
    poly: int
    init: int
    reflected: bool
    xorout: int
    #: of the bytes "123456789", as the catalogue has it
    check: int


CRCS: Final[dict[str, Crc]] = {
    "crc-8/smbus": Crc(8, 0x07, 0x00, False, 0x00, 0xF4),
    "crc-8/maxim-dow": Crc(8, 0x31, 0x00, True, 0x00, 0xA1),
    "crc-8/sae-j1850": Crc(8, 0x1D, 0xFF, False, 0xFF, 0x4B),
    "crc-8/nrsc-5": Crc(8, 0x31, 0xFF, False, 0x00, 0xF7),
    "crc-16/arc": Crc(16, 0x8005, 0x0000, True, 0x0000, 0xBB3D),
    "crc-16/modbus": Crc(16, 0x8005, 0xFFFF, True, 0x0000, 0x4B37),
    "crc-16/usb": Crc(16, 0x8005, 0xFFFF, True, 0xFFFF, 0xB4C8),
    "crc-16/ibm-3740": Crc(16, 0x1021, 0xFFFF, False, 0x0000, 0x29B1),
    "crc-16/xmodem": Crc(16, 0x1021, 0x0000, False, 0x0000, 0x31C3),
    "crc-16/kermit": Crc(16, 0x1021, 0x0000, True, 0x0000, 0x2189),
    "crc-16/ibm-sdlc": Crc(16, 0x1021, 0xFFFF, True, 0xFFFF, 0x906E),
    "crc-16/dnp": Crc(16, 0x3D65, 0x0000, True, 0xFFFF, 0xEA82),
    "crc-32/iso-hdlc": Crc(32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF, 0xCBF43926),
    "crc-32/mpeg-2": Crc(32, 0x04C11DB7, 0xFFFFFFFF, False, 0x00000000, 0x0376E6E7),
    "crc-32/iscsi": Crc(32, 0x1EDC6F41, 0xFFFFFFFF, True, 0xFFFFFFFF, 0xE3069283),
}

#: what devices' manuals call them
ALIASES: Final[dict[str, str]] = {
    "crc-8": "crc-8/smbus",
    "crc-16/ccitt-false": "crc-16/ibm-3740",
    "crc-16/x-25": "crc-16/ibm-sdlc",
    "crc-32": "crc-32/iso-hdlc",
}


@cache
def checksum(name: str) -> Checksum:
    """A checksum by its name: one of CRCS, ALIASES, or one of the simple ones: `xor`; `sum`, the lowest byte of the
    bytes' sum, and what is made of it; `ubx` (u-blox's interface description, "UBX checksum").

    Raises KeyError for another name.
    """
    if name in _SIMPLE:
        return _SIMPLE[name]
    crc = CRCS[ALIASES.get(name, name)]
    return Checksum(crc.bits // 8, _reflected(crc) if crc.reflected else _plain(crc))


def _xor(data: bytes) -> int:
    return reduce(xor, data, 0)


def _ubx(data: bytes) -> int:
    """Two sums modulo 256: of the bytes, and of the sums so far."""
    return (sum(data) & 0xFF) << 8 | (sum(accumulate(data)) & 0xFF)


#: what needs no table of ours, or is faster without
_SIMPLE: Final[dict[str, Checksum]] = {
    "xor": Checksum(1, _xor),
    "sum": Checksum(1, lambda data: sum(data) & 0xFF),
    "sum-16": Checksum(2, lambda data: sum(data) & 0xFFFF),
    "sum-inverted": Checksum(1, lambda data: ~sum(data) & 0xFF),
    "lrc": Checksum(1, lambda data: -sum(data) & 0xFF),
    "ubx": Checksum(2, _ubx),
    "crc-32": Checksum(4, zlib.crc32),
    "crc-32/iso-hdlc": Checksum(4, zlib.crc32),
    "crc-16/xmodem": Checksum(2, lambda data: binascii.crc_hqx(data, 0)),
    "crc-16/ibm-3740": Checksum(2, lambda data: binascii.crc_hqx(data, 0xFFFF)),
    "crc-16/ccitt-false": Checksum(2, lambda data: binascii.crc_hqx(data, 0xFFFF)),
}
NAMES: Final = (*CRCS, *ALIASES, "xor", "sum", "sum-16", "sum-inverted", "lrc", "ubx")


def _plain(crc: Crc) -> Callable[[bytes], int]:
    """The highest bit first."""
    top, mask, high = 1 << (crc.bits - 1), (1 << crc.bits) - 1, crc.bits - 8

    def step(value: int) -> int:
        return ((value << 1) ^ (crc.poly if value & top else 0)) & mask

    table = [_eight(step, byte << high) for byte in range(256)]

    def calculate(data: bytes) -> int:
        value = crc.init
        for byte in data:
            value = ((value << 8) & mask) ^ table[(value >> high) ^ byte]
        return value ^ crc.xorout

    return calculate


def _reflected(crc: Crc) -> Callable[[bytes], int]:
    """The lowest bit first, with the polynomial's bits the other way round."""
    poly = int(f"{crc.poly:0{crc.bits}b}"[::-1], 2)

    def step(value: int) -> int:
        return (value >> 1) ^ (poly if value & 1 else 0)

    table = [_eight(step, byte) for byte in range(256)]

    def calculate(data: bytes) -> int:
        value = crc.init  # all ones or all zeros: the same reflected
        for byte in data:
            value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
        return value ^ crc.xorout

    return calculate


def _eight(step: Callable[[int], int], value: int) -> int:
    for _ in range(8):
        value = step(value)
    return value
