"""JSON text -> plain values. Keys given twice are refused; line numbers are looked up only when something is wrong."""

from __future__ import annotations

import json
from math import isfinite
from typing import NoReturn

from edge_router import registry
from edge_router.config.problems import FindLine, Path, Unreadable


def read(text: str) -> tuple[object, FindLine]:
    """The value of a JSON text.

    Result: the value, and what finds lines in it. Raises Unreadable.
    """
    twice: list[str] = []

    def to_dict(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(key for key in made if keys.count(key) > 1)
        return made

    try:
        value = json.loads(text, object_pairs_hook=to_dict, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise Unreadable([(error.lineno, f"not valid JSON: {error.msg} (column {error.colno})")]) from None
    except RecursionError:
        raise Unreadable([(None, "nested too deep")]) from None
    except UnicodeEncodeError:
        raise Unreadable([(None, "a \\u escape is half of a character (a surrogate), which is no text")]) from None
    except ValueError as error:
        raise Unreadable([(None, f"a value cannot be read: {error}")]) from None
    if twice:
        registry.load("edge_router.config.yaml_file:read")(text.replace("\t", " "))  # knows the lines
        raise Unreadable([(None, f"key {key!r} given twice in one object") for key in twice])
    return value, _lazy_finder(text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse(f"the number {text[:40]}")


def _lazy_finder(text: str) -> FindLine:
    """Lines come from YAML's parser, which is loaded only now."""
    finder: list[FindLine] = []

    def find(path: Path) -> int | None:
        if not finder:
            finder.append(registry.load("edge_router.config.yaml_file:find_lines")(text))
        return finder[0](path)

    return find
