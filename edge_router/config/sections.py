"""Sections of a loaded configuration, by their kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")


def all_of(kind: type[T], value: Any) -> Iterator[T]:
    """Every section of a kind in a value of the configuration, however deep, but none within another."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from all_of(kind, getattr(value, name))
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from all_of(kind, item)
