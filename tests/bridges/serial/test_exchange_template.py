"""Commands with arguments: refused at load where they cannot be filled in, and nothing but the argument gets in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.exchange_config import Argument, Procedure
from bridges.serial.exchange_template import Template, WrongArgument


def template(send: str, **args: dict[str, Any]) -> Template:
    return Template(send, {name: msgspec.convert(arg, Argument) for name, arg in args.items()})


INT = {"type": "int", "min": 1, "max": 8}


@pytest.mark.parametrize(
    ("send", "args", "given_args", "given_kwargs", "line"),
    [
        ("*IDN?", {}, (), {}, "*IDN?"),
        ("MEAS? {channel}", {"channel": INT}, (3,), {}, "MEAS? 3"),
        ("MEAS? {channel}", {"channel": INT}, (), {"channel": 8}, "MEAS? 8"),
        ("{b},{a},{b}", {"a": INT, "b": INT}, (1, 2), {}, "1,2,1"),
        ("VOLT {v:.2f}", {"v": {"type": "float"}}, (5,), {}, "VOLT 5.00"),
        ("VOLT {v}", {"v": {"type": "float"}}, (0.5,), {}, "VOLT 0.5"),
        ("{a:02X}", {"a": {"type": "int"}}, (10,), {}, "0A"),
        ('{{"led": {on}}}', {"on": {"values": {"true": "1", "false": "0"}}}, (True,), {}, '{"led": 1}'),
        ("OUT {on}", {"on": {"values": {"on": "1", "off": "0"}}}, ("off",), {}, "OUT 0"),
        ("T {text}", {"text": {"pattern": "[^;]*"}}, ("a b",), {}, "T a b"),
        ("R {range}", {"range": {"default": "AUTO"}}, (), {}, "R AUTO"),
        ("R {n}", {"n": {**INT, "default": 2}}, (None,), {}, "R 2"),
    ],
)
def test_filled_in(
    send: str, args: dict[str, Any], given_args: tuple[Any, ...], given_kwargs: dict[str, Any], line: str
) -> None:
    """Positional arguments go by their places in the line: a mapping in a file has no order."""
    assert template(send, **args).fill(given_args, given_kwargs) == line


@pytest.mark.parametrize(
    ("args", "given_args", "given_kwargs", "reason"),
    [
        ({"a": INT}, (), {}, "a is missing; it takes a"),
        ({"a": INT}, (1, 2), {}, "2 arguments, but it takes 1: a"),
        ({"a": INT}, (1,), {"a": 1}, "a is given twice"),
        ({"a": INT}, (1,), {"b": 1}, "there is no argument 'b'; it takes a"),
        ({"a": INT}, (0,), {}, "a is a number from 1 up to 8"),
        ({"a": INT}, (9,), {}, "a is a number from 1 up to 8"),
        ({"a": INT}, (1.5,), {}, "a is a whole number"),
        ({"a": INT}, (True,), {}, "a is a whole number"),
        ({"a": INT}, ("1",), {}, "a is a whole number"),
        ({"a": {"type": "float"}}, (float("nan"),), {}, "a is a number"),
        ({"a": {"type": "float"}}, (float("inf"),), {}, "a is a number"),
        ({"a": {"type": "float"}}, (10**400,), {}, "a is a number"),
        ({"a": {"type": "float"}}, (False,), {}, "a is a number"),
        ({"a": {}}, ("x;y",), {}, "a is letters, digits"),
        ({"a": {}}, ("x\n",), {}, "a is letters, digits"),
        ({"a": {}}, ("",), {}, "a is letters, digits"),
        ({"a": {}}, (7,), {}, "a is a text"),
        ({"a": {"max": 3}}, ("abcd",), {}, "a has from 0 to 3 characters, not 4"),
        ({"a": {}}, ("x" * 256,), {}, "a has from 0 to 255 characters"),
        ({"a": {"pattern": "(?s).*"}}, ("x\r\nOUT 1",), {}, "a: a line end or another control character"),
        ({"a": {"pattern": "(?s).*"}}, ("x\u2028",), {}, "a: a line end or another control character"),
        ({"a": {"pattern": "ab"}}, ("abc",), {}, "a is what fits ab"),
        ({"a": {"values": {"on": "1"}}}, ("of",), {}, "a is one of on"),
        ({"a": {"values": {"on": "1"}}}, (["on"],), {}, "a is one of on"),
    ],
)
def test_what_does_not_fit_is_refused(
    args: dict[str, Any], given_args: tuple[Any, ...], given_kwargs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WrongArgument, match=reason.replace("(", r"\(")):
        template("X {a}", **args).fill(given_args, given_kwargs)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()))
def test_whatever_is_given_there_is_one_line_with_one_argument(value: Any) -> None:
    """It fits, or is refused; nothing ends the line, begins another command, or is another exception."""
    for kind in ("int", "float", "str"):
        try:
            line = template("SET {a};NEXT", a={"type": kind}).fill((value,), {})
        except WrongArgument:
            continue
        assert line.startswith("SET ")
        assert line.endswith(";NEXT")
        inside = line[4:-5]
        assert inside.isascii()
        assert inside.isprintable()
        assert not set(inside) & set("; ,:?*\"'{}")


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"send": "X {a}"}, "has a place for 'a', which is none of args (none)"),
        ({"send": "X", "args": {"a": {}}}, "the argument 'a' has no place {a}"),
        ({"send": "X {"}, "is no template"),
        ({"send": "X {a.b}", "args": {"a": {}}}, "has a place for 'a.b'"),
        ({"send": "X {0}"}, "has a place for '0'"),
        ({"send": "X {}"}, "has a place for ''"),
        ({"send": "X {a!r}", "args": {"a": {}}}, "is not one of numbers"),
        ({"send": "X {a:999999d}", "args": {"a": {"type": "int"}}}, "is not one of numbers"),
        ({"send": "X {a:{a}}", "args": {"a": {"type": "int"}}}, "is not one of numbers"),
        ({"send": "X {a:d}", "args": {"a": {"type": "float"}}}, "does not fit"),
        ({"send": "X {a:d}", "args": {"a": {}}}, "does not fit"),
        ({"send": "X {a}", "args": {"a": {"type": "int", "default": "x"}}}, "a is a whole number"),
        ({"send": "X {a}", "args": {"a": {"type": "int", "max": 3, "default": 4}}}, "a is a number up to 3"),
        ({"send": "X {a}", "args": {"a": {"pattern": "("}}}, "is no regular expression"),
        ({"send": "X {a}", "args": {"a": {"pattern": "(a*)*b"}}}, "could take for ever"),
        ({"send": "X {a}", "args": {"a": {"pattern": ".", "type": "int"}}}, "a pattern is for type: str"),
        ({"send": "X {a}", "args": {"a": {"min": 3, "max": 2}}}, "min 3 is above max 2"),
        ({"send": "X", "answer": "none", "field": "v"}, "field is about an answer, and answer is none"),
        ({"send": "X", "answer": "none", "retries": 1}, "retries is about an answer"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_at_load(section: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(section, Procedure)
    assert reason in str(caught.value)
