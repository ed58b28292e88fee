"""What is wrong with a section is said when the file is loaded, with what would be right."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridges.modbus.config import value_topics
from tests.bridges.modbus.plant import configured


def value(**options: Any) -> dict[str, Any]:
    return {"units": {"pump": {"unit": 1, "values": {"v": options}}}}


WRITE = {"register": "40001", "write": {}}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"host": None}, "either device: .* or host"),
        ({"device": "/dev/ttyUSB0"}, "either device: .* or host"),
        ({"host": None, "device": "/dev/ttyUSB0", "framing": "tcp"}, "framing: tcp is for host"),
        ({"host": None, "device": "/dev/ttyUSB0", "bytesize": 7}, "bytesize 8, not 7"),
        ({"host": None, "device": "/dev/ttyUSB0", "units": {"a": {"unit": 0}}}, "1 to 247, not 0"),
        ({"framing": "rtu", "units": {"a": {"unit": 248}}}, "1 to 247, not 248"),
        ({"units": {"a": {"unit": 1}, "b": {"unit": 1}}}, "a and b have the same address 1"),
        ({"units": {"read": {"unit": 1}}}, "cannot be called read"),
        ({"units": {"a.b": {"unit": 1}}}, "Expected `str` matching"),
        ({"units": {"a": {"unit": 256}}}, "<= 255"),
        (value(), "needs its place"),
        (value(table="coil"), "needs its place"),
        (value(address=1), "needs its place"),
        (value(register="40001", address=0), "needs its place"),
        (value(register="40001", table="coil"), "needs its place"),
        (value(register="40000"), "register 40000 is none"),
        (value(register="465537"), "register 465537 is none"),
        (value(register="20001"), "matching"),
        (value(register=40001), "Expected `str"),
        (value(register="00001", format="int16"), "format int16 is of registers; a coil is a bool"),
        (value(register="00001", bit=1), "bit is of a register"),
        (value(register="40001", format="int16", bit=1), "bit is of a register"),
        (value(register="40001", length=2), "length is of string"),
        (value(register="40001", format="string", length=126), "one request reads 125"),
        (value(register="465536", format="uint32"), "up to 65535"),
        (value(register="40001", scale="a"), "Expected `float"),
        (value(register="30001", write={}), "input cannot be written"),
        (value(register="10001", write={}), "discrete cannot be written"),
        (value(**WRITE, polynomial=[1, 2]), "polynomial cannot be undone"),
        (value(**WRITE, mask=1, shift=1), "mask, shift cannot be undone"),
        (value(**WRITE, steps=[{"scale": 2}]), "steps cannot be undone"),
        (value(**WRITE, bit=1), "a part of a register cannot be undone"),
        (value(**WRITE, format="int8"), "a part of a register cannot be undone"),
        (value(**WRITE, scale=0), "0 cannot be undone"),
        (value(register="40001", format="uint32", write={"function": "single"}), "take multiple"),
        (value(register="40001", format="string", length=124, write={}), "one request writes 123"),
        (value(register="40001", write={"min": 2, "max": 1}), "min 2 is above max 1"),
        (value(register="40001", min=2, max=1), "min 2 is above max 1"),
    ],
)
def test_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        configured(**options)


@pytest.mark.parametrize(
    ("register", "table", "address"),
    [
        ("00001", "coil", 0),
        ("10017", "discrete", 16),
        ("30001", "input", 0),
        ("49999", "holding", 9998),
        ("465536", "holding", 65535),
        ("300001", "input", 0),
    ],
)
def test_registers_as_manuals_count_them(register: str, table: str, address: int) -> None:
    """From 1, with the table in front, five or six digits."""
    found = configured(**value(register=register)).units["pump"].values["v"]
    assert (found.where, found.start) == (table, address)


def test_topics_of_two_values_must_differ() -> None:
    units = {
        "a": {"unit": 1, "values": {"v": {"register": "40001", "topic": "x.y"}}},
        "b": {"unit": 2, "values": {"v": {"register": "40001", "topic": "x.y"}}},
    }
    with pytest.raises(msgspec.ValidationError, match=r"b.v has the topic x.y of a.v"):
        configured(units=units)


def test_topics() -> None:
    values = {"v": {"register": "40001"}, "w": {"register": "40002", "topic": "com.example.w"}}
    config = configured(topic="com.plant", units={"pump": {"unit": 1, "values": values}})
    assert value_topics(config) == {"pump": {"v": "com.plant.pump.v", "w": "com.example.w"}}
    assert configured().base_topic == "plant"
