"""What a field's options do to its values, in the order that is documented."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.config import Field, field_topics
from bridges.fields import NoReading, Transform
from bridges.values import BadValue

NAN, INF = float("nan"), float("inf")


def transform(**options: Any) -> Transform:
    return Transform(msgspec.convert(options, Field))


GOOD = [
    ({}, "as it is", "as it is"),
    ({}, [1, {"a": None}], [1, {"a": None}]),
    ({"type": "number"}, "21", 21),
    ({"type": "number"}, " 21.5 ", 21.5),
    ({"type": "number"}, 21, 21),
    ({"type": "float"}, 21, 21.0),
    ({"type": "float"}, "-.5e1", -5.0),
    ({"type": "int"}, 21.0, 21),
    ({"type": "int"}, "+21", 21),
    ({"type": "bool"}, 1, True),
    ({"type": "bool"}, "Off", False),
    ({"type": "bool"}, True, True),
    ({"type": "str"}, 21.5, "21.5"),
    ({"type": "str"}, "007", "007"),
    ({"scale": 0.1, "round": 1}, 215, 21.5),
    ({"scale": 0.5, "offset": 32}, "10", 37.0),
    ({"round": 0}, 21.5, 22.0),
    ({"round": 1}, -0.01, 0.0),
    ({"min": 0, "max": 100}, 100, 100),
    ({"round": 1, "max": 100}, 100.04, 100.0),
    ({"min": 0, "out_of_range": "clamp"}, -3, 0),
    ({"max": 9.5, "out_of_range": "clamp"}, 10, 9.5),
    ({"type": "int", "max": 9, "out_of_range": "clamp"}, 10, 9),
    ({"enum": {0: "closed", 1: "open"}}, 1, "open"),
    ({"enum": {0: "closed", 1: "open"}}, 1.0, "open"),
    ({"enum": {"0": "closed", "1": "open"}}, 0, "closed"),
    ({"enum": {"true": "open", "false": "closed"}}, True, "open"),
    ({"enum": {"A": 1, "B": 2}}, "B", 2),
    ({"scale": 2, "enum": {4: "two"}}, 2, "two"),
    ({"unit": "°C", "deadband": 1}, 21, 21),
    ({"mask": 0x0F}, 0xA5, 5),
    ({"mask": 0xFF}, -1, 255),
    ({"mask": 0xF0, "shift": 4}, "165", 10),
    ({"shift": -4}, 5, 80),
    ({"type": "float", "mask": 6}, 7.0, 6),
    ({"mask": 0x7, "scale": 0.5}, 0xF, 3.5),
    ({"calibrate": [[0, 0], [10, 100]]}, 5, 50.0),
    ({"calibrate": [[10, 100], [0, 0], [20, 110]]}, 15, 105.0),
    ({"calibrate": [[0, 0], [10, 100], [20, 110]]}, 30, 120.0),
    ({"calibrate": [[0, 5], [10, 100]]}, -10, -90.0),
    ({"calibrate": [[0, 5], [10, 100]]}, 0, 5.0),
    ({"polynomial": [1, 2, 3]}, 2, 17.0),
    ({"polynomial": [7]}, "2", 7.0),
    ({"offset": 1, "scale": 2}, 3, 7.0),
    ({"steps": [{"offset": 1}, {"scale": 2}]}, 3, 8.0),
    ({"steps": [{"scale": 2}, {"offset": 1}]}, 3, 7.0),
    ({"steps": [{"scale": 2}, {"scale": 2}, {"round": 0}]}, "1.2", 5.0),
    ({"steps": [{"enum": {"low": 1, "high": 9}}, {"scale": 2}]}, "high", 18.0),
    ({"steps": [{"min": 0, "max": 5, "out_of_range": "clamp"}, {"scale": 10}]}, 7, 50.0),
    ({"steps": [{"max": 5}, {"scale": 10}, {"min": 20}]}, 3, 30.0),
    ({"steps": [{"type": "int"}, {"shift": 1}, {"enum": {2: "two"}}]}, "5", "two"),
    ({"reject": [85]}, 84.9, 84.9),
    ({"reject": [1]}, True, True),
    ({"window": {"count": 2, "of": "mean"}}, "3", 3),
]


@pytest.mark.parametrize(("options", "value", "published"), GOOD)
def test_a_good_value(options: dict[str, Any], value: Any, published: Any) -> None:
    found = transform(**options)(value)
    assert found == published
    assert type(found) is type(published)
    assert str(found) == str(published), "0.0, not -0.0"


BAD = [
    ({"type": "number"}, "warm", "'warm' is no number"),
    ({"type": "number"}, "", "is no number"),
    ({"type": "number"}, "1_000", "is no number"),
    ({"type": "number"}, True, "True is no number"),
    ({"type": "number"}, [1], "is no number"),
    ({"type": "int"}, 21.5, "is no whole number"),
    ({"type": "int"}, INF, "inf is no value"),
    ({"type": "float"}, "nan", "nan is no value"),
    ({"type": "bool"}, "maybe", "neither true nor false"),
    ({"type": "bool"}, 2, "neither true nor false"),
    ({"type": "str"}, {"a": 1}, "is no text"),
    ({"scale": 2}, "warm", "is no number"),
    ({"round": 1}, None, "is no number"),
    ({"scale": 1e308}, 1e308, "inf is no value"),
    ({"scale": 1e308, "max": 9, "out_of_range": "clamp"}, 1e308, "inf is no value"),
    ({}, NAN, "nan is no value"),
    ({}, [INF], "inf is no value"),
    ({"min": 0}, -0.1, "-0.1 is below min 0"),
    ({"max": 100, "round": 1}, 100.06, "100.1 is above max 100"),
    ({"enum": {0: "closed", 1: "open"}}, 2, "2 is none of 0, 1"),
    ({"enum": {0: "closed"}}, False, "False is none of 0"),
    ({"mask": 1}, 1.5, "1.5 is no whole number"),
    ({"shift": -63}, 2**40, "does not fit into 64 bits"),
    ({"polynomial": [0, 0, 1e300]}, 1e200, "inf is no value"),
    ({"calibrate": [[0, 0], [1e-300, 1e300]]}, 5, "is no value"),
    ({"calibrate": [[0, 0], [1, 1]]}, "warm", "'warm' is no number"),
    ({"steps": [{"max": 5}, {"scale": 10}]}, 6, "6 is above max 5"),
    ({"window": {"count": 2, "of": "max"}}, "warm", "'warm' is no number"),
]


@pytest.mark.parametrize(("options", "value", "reason"), BAD)
def test_a_bad_value(options: dict[str, Any], value: Any, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        transform(**options)(value)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"reject": [85, -127]}, 85.0),
        ({"reject": [85, -127], "type": "float"}, " -127.0 "),
        ({"reject": ["ERR"], "scale": 2}, "ERR "),
        ({"steps": [{"scale": 0.5}, {"reject": [85]}]}, 170),
    ],
)
def test_a_value_to_reject_is_no_reading(options: dict[str, Any], value: Any) -> None:
    """What the device says when it has none; not a bad frame, for its neighbours are right. As text or as number."""
    with pytest.raises(NoReading, match="is no reading"):
        transform(**options)(value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["number", "int", "float"]),
            "mask": st.integers(1, 2**63 - 1),
            "shift": st.integers(-63, 63),
            "scale": st.floats(allow_nan=False, allow_infinity=False),
            "polynomial": st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
            "calibrate": st.lists(
                st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)),
                min_size=2,
                max_size=4,
                unique_by=lambda point: point[0],
            ),
            "offset": st.floats(allow_nan=False, allow_infinity=False),
            "round": st.integers(0, 15),
            "min": st.floats(-1e3, 0),
            "max": st.floats(0, 1e3),
            "out_of_range": st.sampled_from(["clamp", "reject"]),
        },
    ),
    st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers())),
)
def test_any_value_is_published_or_refused(options: dict[str, Any], value: Any) -> None:
    """Nothing but BadValue is raised, and what is published is within the limits and can be encoded."""
    try:
        found = transform(**options)(value)
    except BadValue:
        return
    msgspec.msgpack.encode(found)
    if "min" in options:
        assert found >= options["min"]
    if "max" in options:
        assert found <= options["max"]


CONTRADICTIONS = [
    ({"min": 2, "max": 1}, "min 2 is above max 1"),
    ({"min_interval": 5, "max_interval": 5}, "min_interval 5 is not below max_interval 5"),
    ({"type": "str", "scale": 2}, "scale needs a number; type str is none"),
    ({"type": "bool", "round": 2, "min": 0}, "round, min needs a number"),
    ({"scale": INF}, "scale has to be a finite number"),
    ({"max": NAN}, "max has to be a finite number"),
    ({"typ": "str"}, "unknown field `typ`"),
    ({"polynomial": [1, NAN]}, "polynomial has to be a finite number"),
    ({"calibrate": [[0, 1]]}, "length >= 2"),
    ({"calibrate": [[0, 1], [0, 2]]}, "calibrate has the raw value 0 twice"),
    ({"steps": [{"scale": 2}], "offset": 1}, "offset has no place in the order of steps"),
    ({"steps": [{"scale": 2, "offset": 1}]}, "one option, not scale and offset"),
    ({"steps": [{"out_of_range": "clamp"}]}, "a step needs one of"),
    ({"steps": [{"type": "str"}, {"scale": 2}]}, "scale needs a number; type str is none"),
    ({"window": {"of": "mean"}}, "a window needs its length"),
    ({"type": "bool", "window": {"count": 3, "of": "mean"}}, "a window of mean needs numbers"),
    ({"enum": {1: "on"}, "window": {"count": 3, "of": "max"}}, "a window of max needs numbers"),
    ({"deadband": -1}, "`float` >= 0"),
    ({"topic": "com.example..t"}, "regex"),
]


@pytest.mark.parametrize(("options", "reason"), CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused_at_load(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(options, Field)


def test_a_field_without_a_topic_gets_the_bridges_and_its_name() -> None:
    fields = {"t": Field(), "h": Field(topic="com.example.humidity")}
    assert field_topics("kitchen", fields) == {"t": "kitchen.t", "h": "com.example.humidity"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": Field()}, "of the bridge itself"),
        ({"t": Field(topic="kitchen")}, "of the bridge itself"),
        ({"a": Field(topic="x"), "b": Field(topic="x")}, "of field 'a'"),
        ({"outside temperature": Field()}, "cannot be a part of a topic"),
    ],
)
def test_topics_that_cannot_be_are_refused(fields: dict[str, Field], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        field_topics("kitchen", fields)
