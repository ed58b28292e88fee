"""Regular expressions for frames: whether one can take for ever.

Python's `re` tries every way in which a text can be shared out among the repetitions of a pattern, and nothing stops it
(https://docs.python.org/3/howto/regex.html; Friedl, "Mastering Regular Expressions", chapter 4). So a pattern is looked
at when the configuration is loaded. A repetition whose characters cannot begin what comes after it has one way to fit;
any other has as many as it may have characters. These numbers multiplied, and a frame's length, bound the steps.

The tree is that of `re`'s own parser, which has no public name.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

#: steps that the worst of frames may cost, each some 2 to 20 ns: those of one repetition that takes what follows it, in
#: 4096 characters
MOST_STEPS: Final = 17_000_000
#: characters that sets are made of, the last four instead of all digits, spaces, letters and others that are not there
_KNOWN: Final = 0x250
_CHARACTERS: Final = [*map(chr, range(_KNOWN)), "\u0663", "\u2003", "\u4e00", "\u2603"]
_ALL: Final = (1 << len(_CHARACTERS)) - 1
_OTHERS: Final = _ALL & ~((1 << _KNOWN) - 1)

_parser: Any = importlib.import_module("re._parser")
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
#: `.*` and `.*?` in the tree
_EVERYTHING: Final = {str(_parser.parse(text)[0]) for text in (".*", ".*?")}


class PatternError(ValueError):
    """A pattern that is none, or could take too long. The text says what would be right."""


class Part(NamedTuple):
    """What is known of a part of a pattern.

    ways: in how many a text can fit it. first: the characters it may begin with, as bits. empty: whether it fits the
    empty text. plain: whether it has no choice inside.
    """

    ways: int
    first: int
    empty: bool
    plain: bool


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as frames are matched with it: a frame may have line ends inside, and `.` takes them, too."""
    return re.compile(pattern, re.DOTALL)


def names_of(pattern: str, max_frame: int) -> list[str]:
    """The names of a pattern's groups. max_frame: characters of the longest text. Raises PatternError."""
    names = look_at(pattern, max_frame)
    if not names:
        raise PatternError(f"`{pattern}` has no named group, such as (?P<temperature>[0-9.]+)")
    return names


def look_at(pattern: str, max_frame: int) -> list[str]:
    """Whether a pattern is one, and cannot take too long. The result: the names of its groups, if it has any.

    max_frame: characters of the longest text. Raises PatternError.
    """
    try:
        names = list(compiled(pattern).groupindex)
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"`{pattern}` is no regular expression: {error}") from None
    ways = _Look(pattern, max_frame, bool(tree.state.flags & re.IGNORECASE)).whole(list(tree)).ways
    if ways * max_frame > MOST_STEPS:
        raise PatternError(
            f"`{pattern}` could take too long: a text fits it in up to {_short(ways)} ways, for repetitions in it "
            f"can take what comes after them, too. Say what they stop at, as [^,]* for .*, or lower max_frame, "
            f"{max_frame} now"
        )
    return names


class _Look:
    """Looks at the parts of one pattern. longest: characters of a text. caseless: whether case counts for nothing."""

    def __init__(self, pattern: str, longest: int, caseless: bool) -> None:
        self._pattern = pattern
        self._longest = longest
        self._caseless = caseless

    def whole(self, items: Sequence[Any]) -> Part:
        """A pattern. What comes before a `.*` at its end need not be tried in another way: the end always fits."""
        if items and str(items[-1]) in _EVERYTHING:
            return self.sequence(items[:-1], 0)
        return self.sequence(items, 0)

    def sequence(self, items: Sequence[Any], after: int) -> Part:
        """Items one after the other. after: the characters that may come after them, and may not fit."""
        ways, first, empty, plain = 1, 0, True, True
        for operator, argument in reversed(items):
            part = self._item(str(operator), argument, first | (after if empty else 0))
            ways *= part.ways
            first = part.first | (first if part.empty else 0)
            empty = empty and part.empty
            plain = plain and part.plain
        return Part(ways, first, empty, plain)

    def _item(self, operator: str, argument: Any, after: int) -> Part:
        match operator:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return Part(1, self._set(operator, argument), False, True)
            case "AT":
                return Part(1, 0, True, True)
            case "SUBPATTERN":
                _number, flags, without, inside = argument
                return self._group(flags, without, inside, after)
            case "BRANCH":
                return self._branch(argument[1], after)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, items = argument
                return self._repeat(least, most, items, after)
            case "POSSESSIVE_REPEAT":
                least, most, items = argument
                return self._repeat(least, most, items, 0)._replace(plain=False)
            case "ATOMIC_GROUP":
                return self.sequence(argument, 0)._replace(plain=False)
            case "ASSERT" | "ASSERT_NOT":
                return Part(self.sequence(argument[1], 0).ways, 0, True, False)
            case "GROUPREF":
                return Part(1, _ALL, True, False)
            case _:
                raise PatternError(f"`{self._pattern}` has a conditional group; write two patterns instead")

    def _group(self, flags: int, without: int, items: Sequence[Any], after: int) -> Part:
        """flags: those that hold inside. without: those that do not."""
        outside = self._caseless
        self._caseless = (outside or bool(flags & re.IGNORECASE)) and not without & re.IGNORECASE
        part = self.sequence(items, after)
        self._caseless = outside
        return part

    def _branch(self, branches: list[Any], after: int) -> Part:
        parts = [self.sequence(branch, after) for branch in branches]
        apart = not any(part.empty for part in parts)
        seen = 0
        for part in parts:
            apart = apart and not seen & part.first
            seen |= part.first
        ways = max(part.ways for part in parts) if apart else sum(part.ways for part in parts)
        return Part(ways, seen, any(part.empty for part in parts), False)

    def _repeat(self, least: int, most: Any, items: Sequence[Any], after: int) -> Part:
        most = min(int(most), self._longest)
        least = min(int(least), most)
        body = self.sequence(items, after)
        if most > 1 and (not body.plain or body.empty):
            raise PatternError(
                f"`{self._pattern}` has a repetition or a choice within a repetition, as (a+)* has: it could take for "
                "ever. Repeat single characters or words of a fixed length, or take csv or keyvalue for lists"
            )
        if most == least:
            return Part(body.ways, body.first, least == 0 or body.empty, body.plain)
        choices = most - least + 1 if body.first & after or body.empty else 1
        return Part(body.ways * choices, body.first, least == 0 or body.empty, False)

    def _set(self, operator: str, argument: Any) -> int:
        """The characters that fit, as bits."""
        if operator == "ANY":
            return _ALL
        bits = 0
        for kind, value in argument if operator == "IN" else [("LITERAL", argument)]:
            bits |= _bits(str(kind), value)
        if self._caseless:
            bits |= _other_case(bits)
        negated = operator == "NOT_LITERAL" or (operator == "IN" and str(argument[0][0]) == "NEGATE")
        return (_ALL & ~bits) | _OTHERS if negated else bits


def _bits(kind: str, value: Any) -> int:
    if kind == "NEGATE":
        return 0
    if kind == "CATEGORY":
        return _category(str(value))
    low, high = value if kind == "RANGE" else (value, value)
    inside = (1 << min(high + 1, _KNOWN)) - (1 << low) if low < _KNOWN else 0
    return inside | (_OTHERS if high >= _KNOWN else 0)


@cache
def _category(name: str) -> int:
    fits = re.compile(_CATEGORIES[name]).match
    return sum(1 << code for code, character in enumerate(_CHARACTERS) if fits(character))


def _other_case(bits: int) -> int:
    found = 0
    for code, character in enumerate(_CHARACTERS):
        if bits >> code & 1:
            for other in (character.lower(), character.upper()):
                found |= _bits("LITERAL", ord(other[0]))
    return found


def _short(number: int) -> str:
    return str(number) if number < 10_000_000 else f"{number:.0e}"
