"""What may be published as a value, and numbers and truth out of text.

A bridge's values come from devices and from noise. Whatever gets through here can be said in JSON, MsgPack and CBOR
alike, so that no receiver is harmed by what a line picked up.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

#: nesting of a frame; deeper is noise or malice
MAX_DEPTH: Final = 16
#: the integers that MsgPack and CBOR have without extensions
MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**64 - 1

_NUMBER: Final = re.compile(r"[+-]?(?:(?P<int>[0-9]{1,20})|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)")
_NOT_FINITE: Final = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_TRUTH: Final = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(("false", "off", "no", "0"), False)


class BadValue(ValueError):
    """A frame or a field that is not what it should be. The text says what was found and what would be right."""


class NoFrame(BadValue):
    """A line that has not what makes it a frame, a checksum say. line: what it is."""

    def __init__(self, text: str, line: bytes) -> None:
        super().__init__(text)
        self.line = line


class Unwanted(BadValue):
    """A good frame that the configuration does not ask for."""


def number(text: str) -> int | float | None:
    """The number that a text says, or None if it says none.

    text: decimal, without white space. `nan` and `inf` count as numbers, for `check` to refuse them.
    """
    found = _NUMBER.fullmatch(text)
    if found:
        return int(text) if found["int"] else float(text)
    return float(text) if _NOT_FINITE.fullmatch(text) else None


def truth(text: str) -> bool | None:
    """What true, on, yes, 1 and their opposites mean, in any case; None for another text."""
    return _TRUTH.get(text.lower())


def shown(value: object) -> str:
    """A value for an error message: short, whatever a device sent."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check(value: Any, depth: int = 0) -> None:
    """Let pass what every encoding can say.

    value: a decoded frame or a part of it. Raises BadValue for NaN and infinity, integers over 64 bits, text that is
    no UTF-8 or begins with U+0000 (which means binary in WAMP's JSON), and nesting over MAX_DEPTH.
    """
    _CHECKS[type(value)](value, depth)


def _check_nothing(_value: Any, _depth: int) -> None:
    """None, booleans and bytes are fine as they are."""


def _check_float(value: float, _depth: int) -> None:
    if not math.isfinite(value):
        raise BadValue(f"{value} is no value; a number has to be finite")


def _check_int(value: int, _depth: int) -> None:
    if not MIN_INT <= value <= MAX_INT:
        raise BadValue(f"{shown(value)} does not fit into 64 bits")


def _check_text(value: str, _depth: int) -> None:
    if value.startswith("\0"):
        raise BadValue(f"the text {shown(value)} begins with U+0000, which is binary in JSON")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValue(f"the text {shown(value)} has a half of a surrogate pair; it is no UTF-8") from None


def _check_list(value: list[Any], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise BadValue(f"nested over {MAX_DEPTH} levels deep")
    for item in value:
        check(item, depth + 1)


def _check_dict(value: dict[str, Any], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise BadValue(f"nested over {MAX_DEPTH} levels deep")
    for key, item in value.items():
        _check_text(key, depth)
        check(item, depth + 1)


_CHECKS: Final[dict[type, Any]] = {
    type(None): _check_nothing,
    bool: _check_nothing,
    bytes: _check_nothing,
    float: _check_float,
    int: _check_int,
    str: _check_text,
    list: _check_list,
    dict: _check_dict,
}
