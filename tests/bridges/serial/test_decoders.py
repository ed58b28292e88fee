"""Decoders: what is right is taken as it is meant, what is half right is refused in plain words."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.config import SerialConfig
from bridges.serial.decoders import DECODERS, decoder
from bridges.values import BadValue, check


def configured(**options: Any) -> SerialConfig:
    return msgspec.convert(
        {"type": "serial", "id": "kitchen", "realm": "realm1", "device": "/dev/ttyUSB0", **options}, SerialConfig
    )


#: what decoders need
NEEDED: dict[str, dict[str, Any]] = {
    "csv": {"columns": ["t", "h", "name"]},
    "regex": {"patterns": [r"(?P<a>\w+)=(?P<b>.*)"]},
    "struct": {"layout": {"items": [{"type": "float32", "name": "a"}, {"type": "string", "name": "b"}]}},
}
CSV = {"decode": "csv", "columns": ["t", "h", "name"]}
KEYS = {"decode": "keyvalue"}
RAW = {"decode": "raw"}

GOOD = [
    ({}, b'{"t": 21.5, "on": true, "h": null}', {"t": 21.5, "on": True, "h": None}),
    ({}, b"21.5", 21.5),
    ({}, b' [1, "\xc3\xa9"] ', [1, "é"]),
    (CSV, b"21.5, 40,kitchen", {"t": 21.5, "h": 40, "name": "kitchen"}),
    (CSV, b'-1e3,,"a, ""b"""', {"t": -1000.0, "h": None, "name": 'a, "b"'}),
    ({"decode": "csv", "columns": ["a", "", "b"], "separator": ";"}, b"1;2;3", {"a": 1, "b": 3}),
    ({"decode": "csv", "columns": ["a", "b"], "separator": "\t"}, b"1\t+2", {"a": 1, "b": 2}),
    ({"decode": "csv", "columns": ["a", "b"], "separator": " "}, b"1 2", {"a": 1, "b": 2}),
    ({"decode": "csv", "columns": ["id"], "fields": {"id": {"type": "str"}}}, b"007", {"id": "007"}),
    ({"decode": "csv", "columns": ["a"]}, b"0x1f", {"a": "0x1f"}),
    (KEYS, b"a=1 b=2", {"a": 1, "b": 2}),
    (KEYS, b"a:1,b:2", {"a": 1, "b": 2}),
    (KEYS, b" temp = 21.5; door=open, at=12:30:00 ", {"temp": 21.5, "door": "open", "at": "12:30:00"}),
    (KEYS, b'T: .5, name: "a, b=c" ok:1', {"T": 0.5, "name": "a, b=c", "ok": 1}),
    (KEYS | {"fields": {"id": {"type": "str"}}}, b"id=007", {"id": "007"}),
    (KEYS | {"encoding": "latin-1"}, b"t\xb0=1", {"t°": 1}),
    (RAW, "grüße ".encode(), "grüße "),
    (RAW | {"encoding": "latin-1"}, b"gr\xfc\xdfe", "grüße"),
    (RAW | {"encoding": "binary"}, b"\x00\xff", b"\x00\xff"),
]


@pytest.mark.parametrize(("options", "frame", "value"), GOOD)
def test_a_good_frame(options: dict[str, Any], frame: bytes, value: Any) -> None:
    decoded = decoder(configured(**options))(frame)
    assert decoded == value
    assert type(decoded) is type(value)
    check(decoded)


BAD = [
    ({}, b"", "no JSON"),
    ({}, b"-", "no JSON"),
    ({}, b"01", "no JSON"),
    ({}, b'{"t": NaN}', "no JSON: invalid character"),
    ({}, b'{"t": 21', "no JSON"),
    ({}, b'{"t": 21}x', "no JSON: trailing characters"),
    ({}, b'"\xff"', "no JSON"),
    ({}, b'"\\ud800"', "no JSON"),
    ({}, b"1e999", "no JSON"),
    ({}, b"[" * 4000, "no JSON"),
    ({}, b"[" * 17 + b"]" * 17, "nested over 16"),
    ({}, b"123456789012345678901234567890", "does not fit into 64 bits"),
    ({}, b'"\\u0000aGk="', "begins with U\\+0000"),
    ({}, b'{"\\u0000a": 1}', "begins with U\\+0000"),
    (CSV, b"21.5,40", "2 columns instead of 3"),
    (CSV, b"21.5,40,a,b", "4 columns instead of 3"),
    (CSV, b"", "0 columns instead of 3"),
    (CSV, b'1,2,"a', "no CSV"),
    (CSV, b'1,2,"a"b', "no CSV"),
    (CSV, b"nan,40,a", "nan is no value"),
    (CSV, b"21,-Infinity,a", "-inf is no value"),
    (CSV, b"1e999,1,a", "inf is no value"),
    (CSV, b"99999999999999999999,1,a", "64 bits"),
    (CSV, b"1,2,\xff", "no utf-8 text: invalid start byte at byte 5"),
    (KEYS, b"hello", "character 1 of 'hello'"),
    (KEYS, b"a=1 hello", "character 5"),
    (KEYS, b"a=1 a=2", "'a' is there twice"),
    (KEYS, b"a= b=2", "character 1"),
    (KEYS, b"=1", "character 1"),
    (KEYS, b"a==1", "character 1"),
    (KEYS, b"a=", "character 1"),
    (KEYS, b"a=nan", "nan is no value"),
    (KEYS, b"   ", "no `key=value`"),
    (RAW, b"\xff", "no utf-8 text"),
    (RAW | {"encoding": "ascii"}, b"\xc3\xa9", "no ascii text"),
    (RAW, b"\x00abc", "binary in JSON"),
]


@pytest.mark.parametrize(("options", "frame", "reason"), BAD)
def test_a_bad_frame(options: dict[str, Any], frame: bytes, reason: str) -> None:
    """The reason is short, whatever was in the frame."""
    with pytest.raises(BadValue, match=reason) as caught:
        check(decoder(configured(**options))(frame))
    assert len(str(caught.value)) < 160
    assert str(caught.value).isascii()


@given(st.sampled_from(sorted(DECODERS)), st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_give_a_value_that_can_be_sent_or_bad_value(name: str, frame: bytes) -> None:
    """Noise never raises anything else, and what gets through is finite and encodable."""
    options = {"decode": name, **NEEDED.get(name, {})}
    try:
        value = decoder(configured(**options))(frame)
        check(value)
    except BadValue:
        return
    msgspec.json.encode(value)
    msgspec.msgpack.encode(value)
    assert not (isinstance(value, float) and not math.isfinite(value))


@pytest.mark.parametrize("frame", [b"1" * 60_000 + b"x", b"a" * 60_000, b"a=1" + b" " * 60_000 + b"=", b"a=" * 20_000])
@pytest.mark.parametrize("options", [KEYS, {"decode": "csv", "columns": ["a"]}])
def test_a_long_frame_takes_no_quadratic_time(options: dict[str, Any], frame: bytes) -> None:
    """A regular expression that tries every split of 60,000 characters would take minutes."""
    with contextlib.suppress(BadValue):
        decoder(configured(**options))(frame)
