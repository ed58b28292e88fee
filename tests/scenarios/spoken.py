"""What players speak: encoders and decoders that share nothing with the router's, over plain lists and dicts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
import msgspec


class Spoken(NamedTuple):
    """One encoding. serializer: its id in RawSocket."""

    name: str
    serializer: int
    binary: bool
    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return "\0" + base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("\0"):
        return base64.b64decode(value[1:])
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _from_json(item) for key, item in value.items()}
    return value


SPOKEN = {
    "json": Spoken(
        "json", 1, False, lambda value: json.dumps(_to_json(value)).encode(), lambda data: _from_json(json.loads(data))
    ),
    "msgpack": Spoken("msgpack", 2, True, msgspec.msgpack.encode, msgspec.msgpack.decode),
    "cbor": Spoken("cbor", 3, True, cbor2.dumps, cbor2.loads),
}
