"""Payloads on a command line: JSON where it is JSON, text where it is not; and the other way round."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, ValidationError, convert

from edge_router.wamp.codecs import JSON
from edge_router.wamp.errors import TranscodeError


class BadValue(ValueError):
    """An argument cannot be taken. The text says which and why."""


def add_payload(parser: argparse.ArgumentParser) -> None:
    """Add ARG..., --kwargs, -k and --text."""
    parser.add_argument("args", nargs="*", metavar="ARG", help="a JSON value; what is no JSON is taken as text")
    parser.add_argument("--kwargs", metavar="JSON", help="keyword arguments, as one JSON object")
    parser.add_argument("-k", dest="keywords", action="append", default=[], metavar="NAME=VALUE", help="one of them")
    parser.add_argument("-t", "--text", action="store_true", help="take every value as text")


def payload_of(args: argparse.Namespace) -> tuple[list[Any], dict[str, Any]]:
    """What the options give. Raises BadValue."""
    kwargs = {} if args.kwargs is None else object_of(args.kwargs, "--kwargs")
    for word in args.keywords:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise BadValue(f"-k {word}: NAME=VALUE would be right")
        kwargs[name] = value_of(text, args.text)
    return [value_of(text, args.text) for text in args.args], kwargs


def value_of(text: str, as_text: bool = False) -> Any:
    """One value. as_text: whatever it looks like."""
    if as_text:
        return text
    try:
        return JSON.loads(text.encode("utf-8", "surrogateescape"))
    except TranscodeError:
        return text


def object_of(text: str, option: str) -> dict[str, Any]:
    """A JSON object. Raises BadValue."""
    value = value_of(text)
    if not isinstance(value, dict):
        raise BadValue(f"{option} {text}: a JSON object would be right, as {{\"unit\": \"°C\"}}")
    return value


def add_option(parser: argparse.ArgumentParser, message: str) -> None:
    """Add --option, for a request of this kind."""
    text = f"an option of {message}, as the spec names it; the value is JSON, or text"
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help=text)


def options_of(words: Sequence[str], kind: type[Struct], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a request, from NAME=VALUE words.

    kind: the struct of such options. given: those that other arguments of the command say. Raises BadValue.
    """
    options: dict[str, Any] = dict(given)
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BadValue(f"--option {word}: NAME=VALUE would be right, as eligible_authrole='[\"frontend\"]'")
        known = sorted(each for each in kind.__struct_encode_fields__ if not each.startswith("_"))
        if name not in known:
            raise BadValue(f"--option {name}: there are {', '.join(known)}")
        options[name] = value_of(text)
    try:
        convert(options, kind)
    except ValidationError as problem:
        raise BadValue(f"--option: {problem}") from None
    return options


def as_json(value: Any) -> str:
    """A value in one line. Octets are a string of U+0000 and Base64, as WAMP has it."""
    return bytes(JSON.dumps(value)).decode()


def as_result(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """What a call gave, for people: one text as it is, one value as JSON, more of it as an object of both."""
    if kwargs or len(args) > 1:
        return as_json({"args": list(args), "kwargs": dict(kwargs)})
    if not args:
        return ""
    return args[0] if isinstance(args[0], str) else as_json(args[0])


def table(rows: Sequence[Sequence[object]], heads: Sequence[str]) -> list[str]:
    """Lines of columns, for people."""
    texts = [[str(head) for head in heads], *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
