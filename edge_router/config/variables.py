"""`${NAME}` in a configuration: what a variable of the environment stands for, where one may stand.

Which values take one is said beside their declaration (`Meta(extra={"variable": ...})`, and every secret); everywhere
else a dollar is a dollar.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}\Z")
_BARE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\Z")
_WITHIN = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class Unset(Exception):
    """A variable that is not there, or holds nothing usable. The text says which, and what would be right."""


def any_in(value: object) -> bool:
    """Whether plain values have a text with a dollar in it."""
    if isinstance(value, str):
        return "$" in value
    if isinstance(value, dict):
        return any(any_in(item) for item in value.values())
    return isinstance(value, list) and any(any_in(item) for item in value)


def resolved(kind: str, text: str, environment: Mapping[str, str] = os.environ) -> Any:
    """What a text with a dollar means.

    kind: `port`, `flag`, `path` or `secret`, as the declaration says. environment: the process's, by name. Result: the
    value in its place; the text itself if it names no variable. A secret stays where it is: `{"env": name}`. Raises
    Unset.
    """
    if kind == "path":
        return _WITHIN.sub(lambda match: _text(match[1] or match[2], "a path", environment), text)
    match = _WHOLE.match(text) or (_BARE.match(text) if kind == "port" else None)
    if match is None:
        return text
    if kind == "secret":
        return {"env": match[1]}
    return {"port": _port, "flag": _flag}[kind](match[1], environment)


def _text(name: str, expected: str, environment: Mapping[str, str]) -> str:
    text = environment.get(name, "")
    if not text:
        raise Unset(f"the environment variable {name} is not set; expected {expected}")
    return text


def _port(name: str, environment: Mapping[str, str]) -> int:
    text = _text(name, "0 to 65535", environment)
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
        return int(text)
    raise Unset(f"the environment variable {name} is {text[:20]!r}, which is no port; expected 0 to 65535")


def _flag(name: str, environment: Mapping[str, str]) -> bool:
    text = _text(name, "true or false", environment)
    if text.lower() not in _FLAGS:
        raise Unset(f"the environment variable {name} is {text[:20]!r}; expected true or false")
    return _FLAGS[text.lower()]
