"""From a field's raw value to the one that is published: type, scale, offset, round, min and max, enum.

Shared by all bridges. A field's options are made into a row of steps once; `Transform` then runs them in the order
in which `bridges.config.Field` lists them. What is done with time (deadband, intervals) is in `bridges.reporting`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bridges.config import Field
from bridges.values import BadValue, check, number, shown, truth

Step = Callable[[Any], Any]


class Transform:
    """What a field's options do to its values.

    field: the options.
    """

    __slots__ = ("_steps",)

    def __init__(self, field: Field) -> None:
        made = (make(field) for make in _MAKERS)
        self._steps: tuple[Step, ...] = tuple(step for step in made if step is not None)

    def __call__(self, value: Any) -> Any:
        """The value to publish. Raises BadValue if it has the wrong type, is out of range, not finite or not listed."""
        for step in self._steps:
            value = step(value)
        check(value)
        return value


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


def _type(field: Field) -> Step | None:
    """What calculates needs a number, so it is `type: number` where no type was given."""
    numeric = any(x is not None for x in (field.scale, field.offset, field.round, field.min, field.max))
    name = field.type or ("number" if numeric else None)
    return _TYPES[name] if name else None


def _scale(field: Field) -> Step | None:
    scale = field.scale
    return None if scale is None else lambda value: value * scale


def _offset(field: Field) -> Step | None:
    offset = field.offset
    return None if offset is None else lambda value: value + offset


def _round(field: Field) -> Step | None:
    places = field.round
    return None if places is None else lambda value: round(value, places) + 0  # + 0 makes -0.0 a plain 0.0


def _range(field: Field) -> Step | None:
    if field.min is None and field.max is None:
        return None
    low = float("-inf") if field.min is None else _plain(field.min)
    high = float("inf") if field.max is None else _plain(field.max)

    def clamp(value: Any) -> Any:
        check(value)
        return min(max(value, low), high)

    def reject(value: Any) -> Any:
        if value < low:
            raise BadValue(f"{shown(value)} is below min {low}")
        if value > high:
            raise BadValue(f"{shown(value)} is above max {high}")
        return value

    return clamp if field.out_of_range == "clamp" else reject


def _enum(field: Field) -> Step | None:
    if field.enum is None:
        return None
    names = {_enum_key(key): name for key, name in field.enum.items()}

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


#: the order is the one that Field documents
_MAKERS: Final = (_type, _scale, _offset, _round, _range, _enum)
