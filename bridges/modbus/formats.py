"""What the bits and registers of a value mean: numbers of 8 to 64 bits, floats, bits, text, in four orders of bytes.

A register has 16 bits and travels with its high byte first; in which order a device puts longer numbers into several
registers, the specification leaves open. ABCD names the bytes of a 32-bit number from the highest to the lowest.
"""

from __future__ import annotations

import struct
from typing import Any, Final, Literal

from bridges.values import BadValue, shown

Format = Literal[
    "bool", "int8", "uint8", "int8_high", "uint8_high", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64", "bits", "string",
]  # fmt: skip
Order = Literal["ABCD", "BADC", "CDAB", "DCBA"]

#: bytes of a register
WORD: Final = 2

#: those that fill registers: as struct has them
_STRUCTS: Final[dict[str, struct.Struct]] = {
    "int16": struct.Struct(">h"),
    "uint16": struct.Struct(">H"),
    "int32": struct.Struct(">i"),
    "uint32": struct.Struct(">I"),
    "int64": struct.Struct(">q"),
    "uint64": struct.Struct(">Q"),
    "float16": struct.Struct(">e"),
    "float32": struct.Struct(">f"),
    "float64": struct.Struct(">d"),
}
#: those that are half of a register: where, and whether with a sign
_BYTES: Final[dict[str, tuple[int, bool]]] = {
    "int8": (1, True),
    "uint8": (1, False),
    "int8_high": (0, True),
    "uint8_high": (0, False),
}
FLOATS: Final = frozenset({"float16", "float32", "float64"})
#: those that may be several beside each other: `length`
WITH_LENGTH: Final = frozenset({"bits", "string"})
_SWAPPED_BYTES: Final = frozenset({"BADC", "DCBA"})
_SWAPPED_WORDS: Final = frozenset({"CDAB", "DCBA"})


def registers_of(form: Format, length: int) -> int:
    """How many registers a value fills. length: of bits and text, in registers."""
    if form in WITH_LENGTH:
        return length
    return _STRUCTS[form].size // WORD if form in _STRUCTS else 1


def ordered(data: bytes, order: Order, words: bool = True) -> bytes:
    """Bytes in the order of a device, from or to the highest first; it is its own opposite.

    words: whether registers change their places too; in text they never do.
    """
    pairs = [data[place : place + WORD] for place in range(0, len(data), WORD)]
    if order in _SWAPPED_BYTES:
        pairs = [pair[::-1] for pair in pairs]
    if words and order in _SWAPPED_WORDS:
        pairs.reverse()
    return b"".join(pairs)


def decode(form: Format, order: Order, data: bytes) -> Any:
    """The value in some registers.

    data: the registers as they came. Result: a number, a bool, a list of bools for `bits`, text. Raises BadValue for
    text that is no UTF-8.
    """
    if form in WITH_LENGTH:
        found = ordered(data, order, words=False)
        return _text(found) if form == "string" else _bits(found)
    plain = ordered(data, order)
    if form in _STRUCTS:
        return _STRUCTS[form].unpack(plain)[0]
    if form in _BYTES:
        place, signed = _BYTES[form]
        return int.from_bytes(plain[place : place + 1], signed=signed)
    return any(plain)


def _bits(data: bytes) -> list[bool]:
    """Register by register, the lowest bit of each first."""
    words = [int.from_bytes(data[place : place + WORD]) for place in range(0, len(data), WORD)]
    return [bool(word >> bit & 1) for word in words for bit in range(WORD * 8)]


def _text(data: bytes) -> str:
    """What fills the registers up is left out: zeros and blanks."""
    try:
        return data.partition(b"\0")[0].decode().rstrip()
    except UnicodeDecodeError:
        raise BadValue(f"{shown(data)} is no text in UTF-8") from None


def encode(form: Format, order: Order, length: int, value: Any) -> bytes:
    """The registers that say a value.

    value: as `decode` gives it. length: of text, in registers. Raises BadValue for a value that they cannot say.
    """
    if form == "string":
        return ordered(_text_bytes(value, length * WORD), order, words=False)
    if form == "bool":
        value, form = int(_truth(value)), "uint16"
    if form in FLOATS:
        return ordered(_float_bytes(form, value), order)
    if form not in _STRUCTS:
        raise BadValue(f"a value of {form} cannot be written; it shares its register with others")
    try:
        return ordered(_STRUCTS[form].pack(_whole(value)), order)
    except struct.error:
        raise BadValue(f"{shown(value)} does not fit into {form}") from None


def _float_bytes(form: str, value: Any) -> bytes:
    if type(value) not in (int, float) or value - value != 0:  # exact for whole numbers of any size
        raise BadValue(f"{shown(value)} is no finite number")
    try:
        return _STRUCTS[form].pack(value)
    except (OverflowError, struct.error):
        raise BadValue(f"{shown(value)} does not fit into {form}") from None


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise BadValue(f"{shown(value)} is no whole number")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise BadValue(f"{shown(value)} is neither true nor false")
    return value


def _text_bytes(value: Any, size: int) -> bytes:
    if type(value) is not str:
        raise BadValue(f"{shown(value)} is no text")
    data = value.encode("utf-8", "replace")
    if len(data) > size or b"\0" in data:
        raise BadValue(f"{shown(value)} does not fit into {size} bytes of text without zeros")
    return data.ljust(size, b"\0")
