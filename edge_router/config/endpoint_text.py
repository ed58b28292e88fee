"""Endpoints that are written as one text, `tcp:8080:interface=127.0.0.1`, as sections of the configuration.

Sources: Twisted's documentation of endpoint strings (`serverFromString`, `clientFromString`); only what has a section
of its own here is understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_COLON = re.compile(r"(?<!\\):")
_EQUALS = re.compile(r"(?<!\\)=")


def listening(text: str) -> dict[str, Any] | None:
    """The section for an endpoint to listen on, or None for one that has none here."""
    return _read(text, {"tcp": _tcp_server, "unix": _unix_server})


def connecting(text: str) -> dict[str, Any] | None:
    """The section for an endpoint to connect to, or None for one that has none here."""
    return _read(text, {"tcp": _tcp_client, "unix": _unix_client})


_Read = Callable[[list[str], dict[str, str]], dict[str, Any]]


def _read(text: str, kinds: dict[str, _Read]) -> dict[str, Any] | None:
    kind, *words = _COLON.split(text)
    pairs = [_EQUALS.split(word, maxsplit=1) for word in words]
    named = {pair[0]: _plain(pair[1]) for pair in pairs if len(pair) == 2}
    try:
        section = kinds[kind]([_plain(pair[0]) for pair in pairs if len(pair) == 1], named)
    except (LookupError, ValueError):
        return None
    return None if named else {"type": kind, **section}


def _plain(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word)


def _take(words: list[str], named: dict[str, str], name: str) -> str:
    """An argument that may be given by place or by name. Raises LookupError."""
    return named.pop(name) if name in named else words.pop(0)


def _options(words: list[str], named: dict[str, str], known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """What may follow, by name only. Raises ValueError."""
    if words:
        raise ValueError(words)
    return {name: read(named.pop(name)) for name, read in known.items() if name in named}


def _tcp_server(words: list[str], named: dict[str, str]) -> dict[str, Any]:
    port = int(_take(words, named, "port"))
    return {"port": port, **_options(words, named, {"interface": str, "backlog": int})}


def _unix_server(words: list[str], named: dict[str, str]) -> dict[str, Any]:
    path = _take(words, named, "address")
    named.pop("lockfile", None)
    return {"path": path, **_options(words, named, {"mode": str, "backlog": int})}


def _tcp_client(words: list[str], named: dict[str, str]) -> dict[str, Any]:
    host = _take(words, named, "host")
    port = int(_take(words, named, "port"))
    return {"host": host, "port": port, **_options(words, named, {"timeout": int})}


def _unix_client(words: list[str], named: dict[str, str]) -> dict[str, Any]:
    path = _take(words, named, "path")
    named.pop("lockfile", None)
    return {"path": path, **_options(words, named, {"timeout": int})}
