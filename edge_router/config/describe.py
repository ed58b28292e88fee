"""Declarations and values in words, for problems and for the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a mapping"),
)

_SHOWN = 40


def found(value: object) -> str:
    """A value from the file in words: `'abc' (text)`, `nothing`, `a list`."""
    if value is None:
        return "nothing (null)"
    kind = next((words for type_, words in _KINDS if isinstance(value, type_)), type(value).__name__)
    if isinstance(value, list | dict):
        return kind if value else kind.replace("a ", "an empty ")
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = repr(value)
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "..."
    return f"{shown} ({kind})"


def closest(wrong: object, known: Iterable[str]) -> str:
    """The known name that a misspelt one stands for, or an empty text."""
    close = get_close_matches(str(wrong)[:200], list(known), 1, 0.7)
    return close[0] if close else ""


def suggestion(wrong: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a misspelt name, or an empty text."""
    meant = closest(wrong, known)
    return f"; did you mean {meant!r}?" if meant else ""


def wanted(info: Any) -> str:
    """What a declared type takes, in words: `a whole number from 0 to 65535`.

    info: a type of `msgspec.inspect`.
    """
    words = _WORDS.get(type(info))
    return words(info) if words else type(info).__name__.removesuffix("Type").lower()


def _number(kind: str) -> Callable[[Any], str]:
    def words(info: Any) -> str:
        low, high = info.ge, info.le
        text = kind
        if low is not None and high is not None:
            text += f" from {low} to {high}"
        elif low is not None:
            text += f", {low} or more"
        elif high is not None:
            text += f", {high} or less"
        if info.gt is not None:
            text += f", over {info.gt}"
        if info.lt is not None:
            text += f", under {info.lt}"
        return text if info.multiple_of is None else f"{text}, a multiple of {info.multiple_of}"

    return words


def _length(kind: str, info: Any) -> str:
    low, high = info.min_length, info.max_length
    if low and high:
        return f"{kind} ({low} to {high} long)"
    if low:
        return f"{kind} ({low} long or more)" if low > 1 else f"{kind}, not empty"
    return f"{kind} (at most {high} long)" if high else kind


def _literal(info: Any) -> str:
    values = [str(value) for value in info.values]
    return values[0] if len(values) == 1 else f"one of {', '.join(values)}"


def _text(info: Any) -> str:
    words = _length("text", info)
    return f"{words} like {info.pattern}" if info.pattern else words


def _union(info: Any) -> str:
    members = [member for member in info.types if not isinstance(member, inspect.NoneType)]
    tags = [str(member.tag) for member in members if isinstance(member, inspect.StructType)]
    if len(tags) > 1:
        return f"a mapping with a `type`, one of {', '.join(tags)}"
    words = list(dict.fromkeys(wanted(member) for member in members))
    if len(members) < len(info.types):
        words.append("null")
    return " or ".join(words)


def _struct(info: Any) -> str:
    return "a mapping" if info.tag is None else f"a mapping with {info.tag_field}: {info.tag}"


_WORDS: dict[type, Callable[[Any], str]] = {
    inspect.AnyType: lambda _: "anything",
    inspect.NoneType: lambda _: "null",
    inspect.BoolType: lambda _: "true or false",
    inspect.IntType: _number("a whole number"),
    inspect.FloatType: _number("a number"),
    inspect.StrType: _text,
    inspect.LiteralType: _literal,
    inspect.ListType: lambda info: f"{_length('a list', info)}, each {wanted(info.item_type)}",
    inspect.DictType: lambda info: f"a mapping of names to {wanted(info.value_type)}",
    inspect.UnionType: _union,
    inspect.StructType: _struct,
    inspect.CustomType: lambda _: "a mapping with a `type`",
    inspect.Metadata: lambda info: (info.extra or {}).get("words") or wanted(info.type),
}
