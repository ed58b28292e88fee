"""From a field's raw value to the one that is published: reject, type, mask, shift, scale, calibrate, round, enum ...

Shared by all bridges. A field's options are made into a row of calls once; `Transform` then runs them in the order of
`bridges.config.Field`, or of its `steps`. What is done with time (windows, deadband, intervals) is in
`bridges.reporting`.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final

from bridges.config import NUMERIC, NUMERIC_WINDOWS, VALUE_OPTIONS, Field, ValueOptions
from bridges.values import BadValue, check, number, shown, truth

Step = Callable[[Any], Any]


class NoReading(Exception):
    """A value that the device sends when it has none. The text says which."""


class Transform:
    """What a field's options do to its values.

    field: the options.
    """

    __slots__ = ("_steps",)

    def __init__(self, field: Field) -> None:
        self._steps = tuple(_steps(field))

    def __call__(self, value: Any) -> Any:
        """The value to publish.

        Raises BadValue if it has the wrong type, is out of range, not finite or not listed; NoReading if it is one to
        reject.
        """
        for step in self._steps:
            value = step(value)
        check(value)
        return value


def _steps(field: Field) -> Iterator[Step]:
    """The calls for a field. What calculates needs a number: the conversion comes first where none is known."""
    kind: str | None = None
    for row in field.rows():
        for name in VALUE_OPTIONS:
            if getattr(row, name) is None or (name == "max" and row.min is not None):
                continue  # min has both limits
            needed = _needed(name)
            if needed is not None and kind not in _ENOUGH[needed]:
                yield _TYPES[needed]
            yield _MAKERS[name](row)
            kind = _kind_after(name, row, kind)
    if field.window is not None and field.window.of in NUMERIC_WINDOWS and kind not in _ENOUGH["number"]:
        yield _to_number


def _needed(name: str) -> str | None:
    """The type that an option works on; None for those that take any."""
    if name in ("mask", "shift"):
        return "int"
    return "number" if name in NUMERIC else None


def _kind_after(name: str, row: ValueOptions, kind: str | None) -> str | None:
    """What is known of a value after an option, in the words of `type`."""
    if name == "type":
        return row.type
    if name == "enum":
        return None
    return _needed(name) or kind


def _to_number(value: Any) -> int | float:
    found = number(value.strip()) if type(value) is str else value
    if type(found) is not int and type(found) is not float:
        raise BadValue(f"{shown(value)} is no number")
    check(found)
    return found


def _to_int(value: Any) -> int:
    found = _to_number(value)
    if found != int(found):
        raise BadValue(f"{shown(value)} is no whole number")
    return int(found)


def _to_float(value: Any) -> float:
    return float(_to_number(value))


def _to_bool(value: Any) -> bool:
    found = truth(value.strip()) if type(value) is str else value
    if type(found) in (int, float) and found in (0, 1):
        return bool(found)
    if type(found) is not bool:
        raise BadValue(f"{shown(value)} is neither true nor false")
    return found


def _to_str(value: Any) -> str:
    if type(value) not in (str, int, float):
        raise BadValue(f"{shown(value)} is no text")
    return str(value)


_TYPES: Final[dict[str, Step]] = {
    "number": _to_number,
    "int": _to_int,
    "float": _to_float,
    "bool": _to_bool,
    "str": _to_str,
}


#: type -> what a value may be known to be so that no conversion is needed
_ENOUGH: Final = {"int": frozenset({"int"}), "number": frozenset({"int", "number", "float"})}


def _reject(row: ValueOptions) -> Step:
    numbers = {float(x) for x in row.reject or () if type(x) is not str}
    texts = {x for x in row.reject or () if type(x) is str}

    def reject(value: Any) -> Any:
        plain = value.strip() if type(value) is str else value
        found = number(plain) if type(plain) is str else plain
        if (type(plain) is str and plain in texts) or (type(found) in (int, float) and found in numbers):
            raise NoReading(f"{shown(value)} is no reading")
        return value

    return reject


def _type(row: ValueOptions) -> Step:
    return _TYPES[str(row.type)]


def _mask(row: ValueOptions) -> Step:
    mask = row.mask
    return lambda value: value & mask


def _shift(row: ValueOptions) -> Step:
    places = row.shift or 0
    return (lambda value: value >> places) if places >= 0 else (lambda value: value << -places)


def _scale(row: ValueOptions) -> Step:
    scale = row.scale
    return lambda value: value * scale


def _offset(row: ValueOptions) -> Step:
    offset = row.offset
    return lambda value: value + offset


def _calibrate(row: ValueOptions) -> Step:
    """Straight lines through the points."""
    points = sorted(row.calibrate or ())
    lines = [(x, y, (y2 - y) / (x2 - x)) for (x, y), (x2, y2) in itertools.pairwise(points)]
    inner = [x for x, _, _ in lines[1:]]

    def calibrate(value: Any) -> Any:
        x, y, slope = lines[bisect_right(inner, value)]
        return y + (value - x) * slope

    return calibrate


def _polynomial(row: ValueOptions) -> Step:
    """Horner's scheme."""
    highest_first = (row.polynomial or [])[::-1]

    def polynomial(value: Any) -> Any:
        result = 0.0
        for coefficient in highest_first:
            result = result * value + coefficient
        return result

    return polynomial


def _round(row: ValueOptions) -> Step:
    places = row.round
    return lambda value: round(value, places) + 0  # + 0 makes -0.0 a plain 0.0


def _range(row: ValueOptions) -> Step:
    low = float("-inf") if row.min is None else _plain(row.min)
    high = float("inf") if row.max is None else _plain(row.max)

    def clamp(value: Any) -> Any:
        check(value)
        return min(max(value, low), high)

    def reject(value: Any) -> Any:
        if value < low:
            raise BadValue(f"{shown(value)} is below min {low}")
        if value > high:
            raise BadValue(f"{shown(value)} is above max {high}")
        return value

    return clamp if row.out_of_range == "clamp" else reject


def _enum(row: ValueOptions) -> Step:
    names = {_enum_key(key): name for key, name in (row.enum or {}).items()}

    def look_up(value: Any) -> Any:
        try:
            return names[_enum_key(value)]
        except KeyError:
            raise BadValue(f"{shown(value)} is none of {', '.join(names)}") from None

    return look_up


def _enum_key(value: Any) -> str:
    """How a value stands in a file: JSON's keys are text, and a scaled 1.0 is the same as 1."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(limit: float) -> int | float:
    """A limit as it was written, so that integers stay integers when they are clamped."""
    return int(limit) if limit.is_integer() else limit


_MAKERS: Final[dict[str, Callable[[ValueOptions], Step]]] = {
    "reject": _reject,
    "type": _type,
    "mask": _mask,
    "shift": _shift,
    "scale": _scale,
    "offset": _offset,
    "calibrate": _calibrate,
    "polynomial": _polynomial,
    "round": _round,
    "min": _range,
    "max": _range,
    "enum": _enum,
}
