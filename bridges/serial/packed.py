"""MessagePack, and what binary formats have in common: only values that JSON has, and bytes, get through.

https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder as MsgpackDecoder

from bridges.serial.decoders import Decoder
from bridges.serial.decodingconfig import DecodingConfig
from bridges.values import MAX_DEPTH, BadValue, shown

_PLAIN: Final = (type(None), bool, int, float, str, bytes)


def msgpack(_config: DecodingConfig) -> Decoder:
    """One value a frame. Extensions, timestamps among them, are refused."""
    parse = MsgpackDecoder().decode

    def decode(frame: bytes) -> Any:
        try:
            value = parse(frame)
        except RecursionError:
            raise BadValue("no MsgPack for us: nested too deeply") from None
        except (MsgspecError, ValueError, TypeError) as error:  # TypeError: a list as a key
            raise BadValue(f"no MsgPack: {error}, in {shown(frame)}") from None
        return jsonlike(value)

    return decode


def jsonlike(value: Any, depth: int = 0) -> Any:
    """A decoded value with names that are text: numbers as names, as in SenML, become text.

    Raises BadValue for what JSON does not have (bytes are fine), and for nesting over MAX_DEPTH.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth >= MAX_DEPTH:
        raise BadValue(f"nested over {MAX_DEPTH} levels deep")
    if kind is list:
        return [jsonlike(item, depth + 1) for item in value]
    if kind is not dict:
        raise BadValue(f"{shown(value)} is no value that JSON has, nor bytes")
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = str(key) if type(key) is int else key
        if type(name) is not str or name in found:
            raise BadValue(f"{shown(key)} is no name, or is there twice; names are text or whole numbers")
        found[name] = jsonlike(item, depth + 1)
    return found
