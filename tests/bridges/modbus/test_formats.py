"""What registers mean: every format in every order, there and back."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from bridges.modbus.formats import Format, Order, decode, encode, registers_of
from bridges.values import BadValue

ORDERS: list[Order] = ["ABCD", "BADC", "CDAB", "DCBA"]


@pytest.mark.parametrize(
    ("order", "data"), [("ABCD", "12345678"), ("BADC", "34127856"), ("CDAB", "56781234"), ("DCBA", "78563412")]
)
def test_orders_of_32_bits(order: Order, data: str) -> None:
    assert decode("uint32", order, bytes.fromhex(data)) == 0x12345678
    assert encode("uint32", order, 1, 0x12345678) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("order", "data"),
    [
        ("ABCD", "0123456789abcdef"),
        ("BADC", "23016745ab89efcd"),
        ("CDAB", "cdef89ab45670123"),
        ("DCBA", "efcdab8967452301"),
    ],
)
def test_orders_of_64_bits(order: Order, data: str) -> None:
    """The words change their places, or the bytes in them, or both."""
    assert decode("uint64", order, bytes.fromhex(data)) == 0x0123456789ABCDEF


@pytest.mark.parametrize(("order", "data"), [("ABCD", "ff38"), ("BADC", "38ff"), ("CDAB", "ff38"), ("DCBA", "38ff")])
def test_orders_of_16_bits(order: Order, data: str) -> None:
    assert decode("int16", order, bytes.fromhex(data)) == -200


@pytest.mark.parametrize(
    ("form", "data", "value"),
    [
        ("int8", "12fe", -2),
        ("uint8", "12fe", 254),
        ("int8_high", "fe12", -2),
        ("uint8_high", "fe12", 254),
        ("uint16", "ffff", 65535),
        ("int32", "fffffffe", -2),
        ("int64", "fffffffffffffffe", -2),
        ("float16", "3c00", 1.0),
        ("float32", "43660000", 230.0),
        ("float64", "406cc00000000000", 230.0),
        ("bool", "0000", False),
        ("bool", "0100", True),
        ("string", "50756d7020310000", "Pump 1"),
        ("string", "5075", "Pu"),
        ("string", "50202020", "P"),
    ],
)
def test_formats(form: Format, data: str, value: Any) -> None:
    assert decode(form, "ABCD", bytes.fromhex(data)) == value


def test_bits_are_register_by_register_the_lowest_first() -> None:
    bits = decode("bits", "ABCD", bytes.fromhex("00018000"))
    assert [place for place, bit in enumerate(bits) if bit] == [0, 31]
    assert decode("bits", "BADC", bytes.fromhex("01000080")) == bits


def test_text_keeps_its_registers_in_place() -> None:
    assert decode("string", "DCBA", b"uPpm") == "Pump"


def test_text_that_is_none() -> None:
    with pytest.raises(BadValue, match="no text in UTF-8"):
        decode("string", "ABCD", b"\xff\xfe")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("int16", -200), ("uint16", 65535), ("int32", -(2**31)), ("uint32", 2**32 - 1), ("int64", -(2**63)),
        ("uint64", 2**64 - 1), ("float16", -1.5), ("float32", 0.5), ("float64", 0.1), ("bool", True),
        ("string", "Pump"),
    ],
)  # fmt: skip
def test_there_and_back(form: Format, value: Any, order: Order) -> None:
    data = encode(form, order, 4, value)
    assert decode(form, order, data) == value
    assert len(data) == registers_of(form, 4) * 2


@pytest.mark.parametrize(
    ("form", "value", "why"),
    [
        ("int16", 32768, "does not fit"),
        ("uint16", -1, "does not fit"),
        ("uint16", 1.5, "no whole number"),
        ("uint16", True, "no whole number"),
        ("uint16", "1", "no whole number"),
        ("float32", "warm", "no finite number"),
        ("float32", math.nan, "no finite number"),
        ("float32", 1e39, "does not fit"),
        ("float16", 1e6, "does not fit"),
        ("bool", 2, "neither true nor false"),
        ("string", 5, "no text"),
        ("string", "Pump number one", "does not fit into 8 bytes"),
        ("string", "a\0b", "does not fit"),
        ("int8", 1, "shares its register"),
    ],
)
def test_what_registers_cannot_say(form: Format, value: Any, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        encode(form, "ABCD", 4, value)


def test_every_pair_of_bytes_is_some_value() -> None:
    """No registers make the decoder fail, whatever they hold; what is not finite is refused by the pipeline."""
    for number in range(0, 65536, 7):
        data = struct.pack(">H", number)
        for form in ("int16", "uint16", "int8", "uint8", "float16", "bits", "bool"):
            decode(form, "ABCD", data)  # type: ignore[arg-type]
