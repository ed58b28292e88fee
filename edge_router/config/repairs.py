"""Sections of Crossbar's that are read as something else here, each with a notice: one function a kind of section.

Only what stays in its section; forms from before version 2 are in `older`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_router.config import endpoint_text, schema
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.connecting import ClientWebSocketOptions

Notices = list[Problem]
"""Where a repair says what it did."""

Repair = Callable[[dict[Any, Any], Path, Notices], dict[Any, Any]]


def repaired(cls: type, value: dict[Any, Any], path: Path, notices: Notices) -> dict[Any, Any]:
    """A section as it is read here. `value` itself is left as it is."""
    repair = REPAIRS.get(cls)
    return repair(value, path, notices) if repair else value


def with_other_type(path: Path, value: dict[Any, Any], notices: Notices) -> dict[Any, Any]:
    """A section that has another `type` here: endpoints of `type: twisted` that are plain ones."""
    if path[-1:] != ("endpoint",) or value.get("type") != "twisted":
        return value
    for key, read in (("server_string", endpoint_text.listening), ("client_string", endpoint_text.connecting)):
        text = value.get(key)
        section = read(text) if isinstance(text, str) else None
        if section is not None:
            words = ", ".join(f"{name}: {item}" for name, item in section.items())
            notices.append(Problem(path, f"read as {{{words}}}"))
            return {**section, **{name: item for name, item in value.items() if name not in ("type", key)}}
    return value


def _role(value: dict[Any, Any], path: Path, notices: Notices) -> dict[Any, Any]:
    """Crossbar's one key of a role with hyphens, as everybody expects it."""
    if "allow_by_default" not in value or "allow-by-default" in value:
        return value
    notices.append(Problem((*path, "allow_by_default"), "read as `allow-by-default`"))
    return {"allow-by-default" if key == "allow_by_default" else key: item for key, item in value.items()}


def _serializers(value: dict[Any, Any], path: Path, notices: Notices) -> dict[Any, Any]:
    """Encodings of Crossbar that few clients have are left out as long as others are offered."""
    offered = value.get("serializers")
    if not isinstance(offered, list):
        return value
    rest = [name for name in offered if name not in ("ubjson", "flatbuffers")]
    if not rest or len(rest) == len(offered):
        return value
    notices.append(Problem((*path, "serializers"), "ubjson and flatbuffers are not offered; clients take another"))
    return {**value, "serializers": rest}


_BOUNDS: tuple[tuple[str, Callable[[int], bool], str, int], ...] = (
    ("max_message_size", lambda size: size == 0, "0 is read as 67108864: there is no way without a bound", 67_108_864),
    ("max_message_size", lambda size: 0 < size < 512, "read as 512, the least a message may need", 512),
    ("auto_ping_timeout", lambda time: time == 0, "0 is read as 5000: a ping without answer ends a connection", 5_000),
)


def _bounds(value: dict[Any, Any], path: Path, notices: Notices) -> dict[Any, Any]:
    """Crossbar's 0 for no limit at all, and limits too small for any WAMP message."""
    result = dict(value)
    for key, given, text, taken in _BOUNDS:
        number = value.get(key)
        if isinstance(number, int) and not isinstance(number, bool) and given(number):
            notices.append(Problem((*path, key), text))
            result[key] = taken
    return result


REPAIRS: dict[type, Repair] = {
    schema.WebSocketOptions: _bounds,
    ClientWebSocketOptions: _bounds,
    schema.Role: _role,
    schema.RawSocket: _serializers,
    schema.UniversalRawSocket: _serializers,
    schema.WebSocket: _serializers,
    schema.WebSocketPath: _serializers,
}
