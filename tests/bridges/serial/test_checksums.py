"""Checksums, against the check values of the catalogue of CRC algorithms."""

from __future__ import annotations

import zlib
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.checksums import ALIASES, CRCS, NAMES, _reflected, checksum
from bridges.serial.framingconfig import ChecksumName, FrameChecksum
from bridges.serial.sealing import Seal
from bridges.values import BadValue

CHECK = b"123456789"


@pytest.mark.parametrize("name", CRCS)
def test_each_crc_has_its_check_value(name: str) -> None:
    """The catalogue's `check`: the checksum of the nine digits."""
    assert checksum(name).of(CHECK) == CRCS[name].check
    assert checksum(name).width * 8 == CRCS[name].bits


@pytest.mark.parametrize(
    ("name", "value", "width"),
    [
        ("xor", 0x31, 1), ("sum", 0xDD, 1), ("sum-16", 0x01DD, 2), ("sum-inverted", 0x22, 1), ("lrc", 0x23, 1),
    ],
)  # fmt: skip
def test_the_simple_ones(name: str, value: int, width: int) -> None:
    assert checksum(name).of(CHECK) == value
    assert checksum(name).width == width


def test_the_checksum_of_ubx() -> None:
    """A message that receivers are sent to poll their version: B5 62 0A 04 00 00 0E 34."""
    assert checksum("ubx").of(b"\x0a\x04\x00\x00") == 0x0E34


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_other_names_mean_the_same(alias: str, name: str) -> None:
    assert checksum(alias).of(CHECK) == CRCS[name].check


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        checksum("crc-16")


@given(st.binary())
def test_the_table_says_what_zlib_says(data: bytes) -> None:
    assert _reflected(CRCS["crc-32/iso-hdlc"])(data) == zlib.crc32(data)


@given(st.binary(min_size=1, max_size=64), st.integers(0, 511), st.sampled_from(NAMES))
def test_one_wrong_bit_is_noticed(data: bytes, bit: int, name: str) -> None:
    """Whichever checksum it is."""
    bit %= len(data) * 8
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    assert checksum(name).of(bytes(wrong)) != checksum(name).of(data)


# --- at the end of a line --------------------------------------------------------------------------------------------

NMEA = {"type": "xor", "mark": "*", "skip": "$"}


def seal(**options: Any) -> Seal:
    return Seal(msgspec.convert(options, FrameChecksum))


@pytest.mark.parametrize(
    ("options", "line", "body"),
    [
        (NMEA, b"$GPGLL,4916.45,N,12311.12,W,225444,A*31", b"$GPGLL,4916.45,N,12311.12,W,225444,A"),
        ({"type": "crc-16/modbus"}, b"1234567894B37", CHECK),
        ({"type": "crc-16/modbus", "order": "little"}, b"123456789374b", CHECK),
        ({"type": "sum", "mark": ";"}, b"123456789;dd", CHECK),
        ({"type": "crc-32"}, b"123456789CBF43926", CHECK),
    ],
)
def test_a_line_with_the_right_checksum(options: dict[str, Any], line: bytes, body: bytes) -> None:
    """Small or capital digits; put there, it is the same line."""
    assert seal(**options).open(line) == body
    assert seal(**options).close(body).upper() == line.upper()


@pytest.mark.parametrize(
    "line", [b"", b"*", b"31", b"*3", b"$GP*zz", b"$GP31", b"$GP*+1", b"$GP*1_", b"$GP* 1", b"$GP*00"]
)
def test_a_line_without_the_right_checksum(line: bytes) -> None:
    with pytest.raises(BadValue, match="checksum"):
        seal(**NMEA).open(line)


def test_a_configuration_may_name_what_there_is() -> None:
    assert get_args(ChecksumName) == NAMES
    with pytest.raises(msgspec.ValidationError, match="crc-16"):
        seal(type="crc-16")
