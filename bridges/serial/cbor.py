"""CBOR (RFC 8949): one value a frame, and no tags but the one that says that it is CBOR.

cbor2 makes of tags whatever they ask for (dates, regular expressions, references), and what it does with bytes after
the value differs between its versions. So a frame is walked through first.
"""

from __future__ import annotations

from typing import Any, Final

import cbor2

from bridges.serial.decoders import Decoder
from bridges.serial.decodingconfig import DecodingConfig
from bridges.serial.packed import jsonlike
from bridges.values import MAX_DEPTH, BadValue, shown

#: "self-described CBOR" (RFC 8949, section 3.4.6)
_SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"
_BREAK: Final = 0xFF
_INDEFINITE: Final = -1
_BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = 2, 3, 4, 5, 6, 7
#: false, true, null, undefined, and floats of 16, 32 and 64 bits
_SIMPLE_KNOWN: Final = frozenset({20, 21, 22, 23, 25, 26, 27})


def cbor(_config: DecodingConfig) -> Decoder:
    """`undefined` becomes null."""

    def decode(frame: bytes) -> Any:
        data = frame.removeprefix(_SELF_DESCRIBED)
        try:
            end = _skip(data, 0, 0)
            if end != len(data):
                raise BadValue(f"no CBOR: {len(data) - end} bytes after the value, in {shown(frame)}")
            value = cbor2.loads(data)
        except IndexError:
            raise BadValue(f"no CBOR: it ends too early, in {shown(frame)}") from None
        except (cbor2.CBORDecodeError, TypeError) as error:  # TypeError: a key that cannot be one
            raise BadValue(f"no CBOR: {shown(str(error))}, in {shown(frame)}") from None
        return jsonlike(_defined(value))

    return decode


def _defined(value: Any) -> Any:
    if value is cbor2.undefined:
        return None
    if type(value) is list:
        return [_defined(item) for item in value]
    if type(value) is dict:
        return {key: _defined(item) for key, item in value.items()}
    return value


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument or _INDEFINITE, and where what follows begins. Raises IndexError and BadValue."""
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    if info < 28:
        after = at + 1 + (1 << (info - 24))
        if after > len(data):
            raise IndexError
        return major, int.from_bytes(data[at + 1 : after], "big"), after
    if info == 31 and _BYTES <= major <= _MAP:
        return major, _INDEFINITE, at + 1
    raise BadValue(f"no CBOR: the byte 0x{data[at]:02x} has no meaning where it is")


def _skip(data: bytes, at: int, depth: int) -> int:
    """Where the item that begins there ends. Raises IndexError if it is too long, and BadValue if it is not taken."""
    if depth > MAX_DEPTH:
        raise BadValue(f"nested over {MAX_DEPTH} levels deep")
    major, argument, after = _head(data, at)
    if major in (_BYTES, _TEXT):
        return _skip_string(data, major, argument, after)
    if major in (_LIST, _MAP):
        return _skip_items(data, argument, 1 if major == _LIST else 2, after, depth)
    if major == _TAG:
        raise BadValue(f"no CBOR for us: tag {argument}; values without tags are taken")
    if major == _SIMPLE and data[at] & 31 not in _SIMPLE_KNOWN:
        raise BadValue(f"no CBOR for us: the simple value {argument}")
    return after


def _skip_string(data: bytes, major: int, argument: int, at: int) -> int:
    if argument != _INDEFINITE:
        if at + argument > len(data):
            raise IndexError
        if major == _TEXT:
            _check_text(data[at : at + argument])
        return at + argument
    while data[at] != _BREAK:
        kind, argument, at = _head(data, at)
        if kind != major or argument == _INDEFINITE:
            raise BadValue("no CBOR: a string has a part that is none")
        at = _skip_string(data, major, argument, at)
    return at + 1


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise BadValue(f"no CBOR: text that is no UTF-8, {shown(text)}") from None


def _skip_items(data: bytes, count: int, each: int, at: int, depth: int) -> int:
    """each: items of one, 2 in a map."""
    if count == _INDEFINITE:
        while data[at] != _BREAK:
            for _ in range(each):
                at = _skip(data, at, depth + 1)
        return at + 1
    for _ in range(count * each):
        at = _skip(data, at, depth + 1)
    return at
