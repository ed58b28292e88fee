"""What a field's options do to its values, in the order that is documented."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.config import Field, field_topics
from bridges.fields import Transform
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
]


@pytest.mark.parametrize(("options", "value", "reason"), BAD)
def test_a_bad_value(options: dict[str, Any], value: Any, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        transform(**options)(value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["number", "int", "float"]),
            "scale": st.floats(allow_nan=False, allow_infinity=False),
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
