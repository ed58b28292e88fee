"""Binary frames: CBOR, MsgPack, struct. Values that JSON has, and bytes; all else is refused in plain words."""

from __future__ import annotations

import struct
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.config import SerialConfig
from bridges.serial.decoders import decoder
from bridges.values import BadValue, check
from tests.bridges.serial.framings import configured

CBOR = {"decode": "cbor", "framing": "cobs"}
PACK = {"decode": "msgpack", "framing": "slip"}
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
JSONLIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=12,
)  # fmt: skip


def decode(options: dict[str, Any], frame: bytes) -> Any:
    value = decoder(configured(**options))(frame)
    check(value)
    return value


@given(JSONLIKE)
def test_what_was_packed_is_unpacked(value: Any) -> None:
    assert decode(CBOR, cbor2.dumps(value)) == value
    assert decode(CBOR, b"\xd9\xd9\xf7" + cbor2.dumps(value)) == value
    assert decode(PACK, msgspec.msgpack.encode(value)) == value


@pytest.mark.parametrize("options", [CBOR, PACK])
def test_names_may_be_numbers(options: dict[str, Any]) -> None:
    """As in SenML (RFC 8428), where they save bytes."""
    pack = cbor2.dumps if options is CBOR else msgspec.msgpack.encode
    assert decode(options, pack({1: 21.5, -1: {2: b"x"}})) == {"1": 21.5, "-1": {"2": b"x"}}
    with pytest.raises(BadValue, match="is there twice"):
        decode(options, pack({1: 2, "1": 3}))


def test_undefined_is_null_and_strings_may_come_in_parts() -> None:
    """RFC 8949, appendix A."""
    assert decode(CBOR, b"\xf7") is None
    assert decode(CBOR, b"\x82\xf7\xa1\x61a\xf7") == [None, {"a": None}]
    assert decode(CBOR, bytes.fromhex("7f657374726561646d696e67ff")) == "streaming"
    assert decode(CBOR, bytes.fromhex("5f42010243030405ff")) == b"\1\2\3\4\5"
    assert decode(CBOR, bytes.fromhex("bf61610161629f0203ffff")) == {"a": 1, "b": [2, 3]}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "ends too early"),
        (b"\x82\x01", "ends too early"),
        (b"\x19\x01", "ends too early"),
        (b"\x9b" + b"\xff" * 8, "ends too early"),
        (b"\x5b" + b"\x7f" * 8, "ends too early"),
        (b"\x01\x02", "1 bytes after the value"),
        (b"\xc0\x61a", "tag 0"),
        (b"\xd8\x23\x63(a+", "tag 35"),
        (b"\xd8\x1c\x81\xd8\x1d\x00", "tag 28"),
        (b"\xc2\x4a" + b"\xff" * 10, "tag 2"),
        (b"\xe0", "simple value 0"),
        (b"\xf8\x20", "simple value 32"),
        (b"\xff", "0xff has no meaning"),
        (b"\x1c", "0x1c has no meaning"),
        (b"\x61\xff", "no UTF-8"),
        (b"\x7f\x41a\xff", "a part that is none"),
        (b"\x81" * 18 + b"\x01", "nested over 16"),
        (b"\x81" * 4_000, "nested over 16"),
        (b"\xf9\x7e\x00", "nan is no value"),
        (b"\xfa\x7f\x80\x00\x00", "inf is no value"),
        (b"\xa1\x81\x01\x02", "is no name"),
        (b"\xa1\xf5\x02", "is no name"),
        (b"\xa1\xa0\x02", "is no name|no CBOR"),
        (b"\x62\x00a", "begins with U"),
    ],
)
def test_no_cbor_for_us(frame: bytes, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        decode(CBOR, frame)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "no MsgPack"),
        (b"\x92\x01", "no MsgPack"),
        (b"\x01\x02", "no MsgPack.*trailing"),
        (b"\xc1", "no MsgPack"),
        (b"\xa1\xff", "no MsgPack"),
        (b"\xd4\x05a", "no value that JSON has"),
        (b"\xd6\xff\x00\x00\x00\x00", "no value that JSON has"),
        (b"\x91" * 17 + b"\x01", "nested over 16"),
        (b"\x91" * 4_000, "no MsgPack|nested over 16"),
        (b"\xdd\xff\xff\xff\xff", "no MsgPack"),
        (b"\x81\x91\x01\x02", "no MsgPack|no name"),
        (b"\x81\xc3\x02", "is no name"),
        (b"\xca\x7f\xc0\x00\x00", "nan is no value"),
    ],
)
def test_no_msgpack_for_us(frame: bytes, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        decode(PACK, frame)


# --- struct ----------------------------------------------------------------------------------------------------------


def laid_out(*items: dict[str, Any], frame: bytes, **layout: Any) -> Any:
    return decode({"decode": "struct", "framing": "cobs", "layout": {"items": list(items), **layout}}, frame)


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("uint8", "B", 200), ("uint16", "H", 60_000), ("uint32", "I", 2**31), ("uint64", "Q", 2**63),
        ("int8", "b", -100), ("int16", "h", -3000), ("int32", "i", -(2**31)), ("int64", "q", -(2**63)),
        ("float16", "e", 1.5), ("float32", "f", -21.5), ("float64", "d", 0.1),
    ],
)  # fmt: skip
def test_numbers_in_both_orders(kind: str, code: str, value: float) -> None:
    for order, mark in (("little", "<"), ("big", ">")):
        assert laid_out({"name": "x", "type": kind}, frame=struct.pack(mark + code, value), order=order) == {"x": value}


def test_all_the_others() -> None:
    """One frame: an order of its own, 24 bits, padding, truth, text, bytes, a list, bits, and what is left."""
    found = laid_out(
        {"name": "a", "type": "uint24"},
        {"name": "b", "type": "int24", "order": "big"},
        {"type": "pad", "size": 2},
        {"name": "on", "type": "bool"},
        {"name": "who", "type": "string", "size": 6},
        {"name": "mac", "type": "bytes", "size": 2, "count": 2},
        {"name": "t", "type": "int16", "count": 3},
        {"name": "state", "type": "uint16", "bits": {"door": 0, "alarm": 15, "mode": [4, 7]}},
        {"name": "rest", "type": "string"},
        frame=b"\1\2\3\xff\xff\xfe!!\1pump\0x\1\2\3\4\1\0\2\0\xff\xff\x51\x80hello",
    )
    assert found == {
        "a": 0x030201,
        "b": -2,
        "on": True,
        "who": "pump",
        "mac": [b"\1\2", b"\3\4"],
        "t": [1, 2, -1],
        "state": {"door": True, "alarm": True, "mode": 5},
        "rest": "hello",
    }


@pytest.mark.parametrize(
    ("items", "frame", "reason"),
    [
        ([{"name": "x", "type": "uint16"}], b"\1", "1 bytes instead of 2"),
        ([{"name": "x", "type": "uint16"}], b"\1\2\3", "3 bytes instead of 2"),
        ([{"name": "x", "type": "bool"}], b"\2", "neither true"),
        ([{"name": "x", "type": "float32"}], struct.pack("<f", float("nan")), "nan is no value"),
        ([{"name": "x", "type": "string", "size": 1}], b"\xff", "no utf-8 text"),
    ],
)
def test_a_frame_that_does_not_fit(items: list[dict[str, Any]], frame: bytes, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        laid_out(*items, frame=frame)


def test_a_longer_frame_if_it_may_be() -> None:
    assert laid_out({"name": "x", "type": "uint8"}, frame=b"\1\2\3", longer=True) == {"x": 1}
    assert laid_out({"name": "x", "type": "uint8"}, {"type": "pad"}, frame=b"\1\2\3") == {"x": 1}


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([{"type": "uint8"}], "uint8 needs a name"),
        ([{"type": "pad", "name": "x"}], "pad has neither name nor count"),
        ([{"type": "uint8", "name": "x", "size": 2}], "size is for string, bytes, pad"),
        ([{"type": "string", "name": "x", "count": 2}], "need a size each"),
        ([{"type": "string", "name": "x"}, {"type": "uint8", "name": "y"}], "string needs a size"),
        ([{"type": "uint8", "name": "x"}, {"type": "int8", "name": "x"}], "'x' is there twice"),
        ([{"type": "int8", "name": "x", "bits": {"a": 0}}], "bits are for one uint8"),
        ([{"type": "uint8", "name": "x", "bits": {"a": 8}}], "8 to 8 are none of the 8 bits"),
        ([{"type": "uint8", "name": "x", "bits": {"a": [3, 2]}}], "3 to 2 are none"),
    ],
)
def test_a_layout_that_contradicts_itself(items: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        laid_out(*items, frame=b"")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"framing": "cobs", "max_frame": 3}, "the layout has 4 bytes, which does not fit max_frame: 3"),
        ({"framing": "fixed", "fixed": {"size": 6, "sync": "#"}}, "4 bytes, which does not fit what sync, .* fixed: 5"),
        (
            {"framing": "fixed", "fixed": {"size": 6, "sync": "#"}, "checksum": {"type": "crc-16/modbus"}},
            "4 bytes, which does not fit what sync, .* fixed: 3",
        ),
    ],
)
def test_a_layout_has_to_fit_its_frames(options: dict[str, Any], reason: str) -> None:
    layout = {"items": [{"name": "x", "type": "float32"}]}
    with pytest.raises(msgspec.ValidationError, match=reason):
        configured(decode="struct", layout=layout, **options)
    fixed = {"size": 7, "sync": "#"}
    assert configured(decode="struct", layout=layout, framing="fixed", fixed=fixed, checksum={"type": "crc-16/usb"})
    assert configured(decode="struct", layout={**layout, "longer": True}, framing="fixed", fixed={"size": 9})


def test_fields_have_to_be_in_the_layout() -> None:
    items = [{"name": "s", "type": "uint8", "bits": {"door": 0}}]
    options = {"decode": "struct", "layout": {"items": items}}
    assert isinstance(configured(**options, fields={"s.door": {}}), SerialConfig)
    with pytest.raises(msgspec.ValidationError, match=r"'s\.window' is none of the names s, s\.door"):
        configured(**options, fields={"s.window": {}})
