"""CBOR (spec, "Serializations: CBOR"; RFC 8949).

The head of a message (code, ids, URI, options) is read here; its payload is walked, not decoded: `cborwalk` tells where
an item ends and that it is well-formed. `cbor2` decodes only what has to be looked into, since it takes 5 to 17 us a
message where the walk takes under one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from struct import pack, unpack_from
from typing import Any, Final, get_type_hints

import cbor2
import msgspec
from msgspec import Raw
from msgspec.structs import astuple

from edge_router.wamp.codecs.cborusual import Reader, reader
from edge_router.wamp.codecs.cborwalk import BREAK, INDEFINITE, Malformed, head, skip, skip_items, tags
from edge_router.wamp.codecs.codec import as_meant, refused, whole, wire_form
from edge_router.wamp.errors import TranscodeError
from edge_router.wamp.ids import MAX_ID
from edge_router.wamp.messages import (
    MESSAGES,
    WITH_PAYLOAD,
    Attributes,
    Event,
    EventDetails,
    Id,
    Invocation,
    InvocationDetails,
    Message,
    Result,
    ResultDetails,
)

_TEXT: Final = 3
_ARRAY: Final = 4
_MAP: Final = 5
_EMPTY_MAP: Final = 0xA0
_FLOAT64: Final = 0xFB
_NO_ARGS: Final = Raw(b"\x80")
#: the tag of octets as a typed array (RFC 8746, section 2), which is how JavaScript's libraries write a Uint8Array
_UINT8_ARRAY: Final = 64
#: dates, big numbers, UUIDs, octets, sets and "this is CBOR". Not: references, by which a few octets become gigabytes,
#: decimal fractions, whose digits take minutes, regular expressions, e-mails, and whatever comes later
_DECODED_TAGS: Final = frozenset({0, 1, 2, 3, 37, _UINT8_ARRAY, 100, 258, 1004, 55799})
_MAYBE_TAG: Final = re.compile(rb"[\xc0-\xdb]")
#: octets without which a payload has neither that tag nor undefined
_UNUSUAL: Final = (b"\xd8\x40", b"\xf7")

#: options of publications and calls that are kept decoded: how many, and how long (octets)
MOST_REMEMBERED: Final = 256
LONGEST_REMEMBERED: Final = 256


def _read_id(frame: bytes, at: int) -> tuple[int, int]:
    octet = frame[at]
    if octet == 0x19:  # nearly all request ids are numbers of two octets or of four
        value, after = frame[at + 1] << 8 | frame[at + 2], at + 3
    elif octet == 0x1A:
        value, after = int.from_bytes(frame[at + 1 : at + 5], "big"), at + 5
    else:
        major, value, after = head(frame, at)
        if octet == _FLOAT64:  # from JavaScript, where large numbers are floats
            value = whole(unpack_from(">d", frame, at + 1)[0])
        if major != 0 and (octet != _FLOAT64 or type(value) is float):
            raise Malformed("an id must be an unsigned integer")
    if not 1 <= value <= MAX_ID:
        raise Malformed("an id must be an integer from 1 to 2**53")
    return value, after


def _read_text(frame: bytes, at: int) -> tuple[str, int]:
    octet = frame[at]
    if 0x60 <= octet < 0x78:
        start, length = at + 1, octet - 0x60
    else:
        major, length, start = head(frame, at)
        if major != 3 or length < 0:
            raise Malformed("a URI, method or signature must be a text string of definite length")
    after = start + length
    if after > len(frame):
        raise IndexError
    return frame[start:after].decode(), after


def _read_args(frame: bytes, at: int) -> tuple[Raw, int]:
    octet = frame[at]
    if 0x80 <= octet < 0x98:
        after = skip_items(frame, at + 1, 2, octet - 0x80)
    elif octet >> 5 == _ARRAY:
        after = skip(frame, at, 1)
    else:
        raise Malformed("arguments must be a list")
    return Raw(frame[at:after]), after


def _read_kwargs(frame: bytes, at: int) -> tuple[Raw, int]:
    major, count, after = head(frame, at)
    if major != _MAP:
        raise Malformed("keyword arguments must be a dict")
    while count and (count != INDEFINITE or frame[after] != BREAK):
        if frame[after] >> 5 != _TEXT:
            raise Malformed("the keys of keyword arguments must be text strings")
        after = skip_items(frame, after, 2, 2)
        count -= count != INDEFINITE
    if count == INDEFINITE:
        after += 1
    return Raw(frame[at:after]), after


def _attributes(kind: type[Attributes], remembers: bool) -> Reader:
    """Reads options or details. What is on the hot path says the same over and over: it is remembered."""
    default = kind()
    remembered: dict[bytes, Attributes] = {}

    def read(frame: bytes, at: int) -> tuple[Attributes, int]:
        if frame[at] == _EMPTY_MAP:
            return default, at + 1
        after = skip(frame, at, 1)
        octets = frame[at:after]
        found = remembered.get(octets)
        if found is None:
            found = _convert(loads(octets), kind)
            if remembers and len(octets) <= LONGEST_REMEMBERED:
                if len(remembered) >= MOST_REMEMBERED:
                    remembered.clear()
                remembered[octets] = found
        return found, after

    return read


def _convert(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        if not isinstance(value, dict):
            raise
        return msgspec.convert(as_meant(value, (None,)), kind)


def _converted(kind: Any) -> Reader:
    """Reads a field of any other type by way of Python objects."""

    def read(frame: bytes, at: int) -> tuple[Any, int]:
        after = skip(frame, at, 1)
        return _convert(loads(frame[at:after]), kind), after

    return read


def _reader(message: type[Message], name: str, kind: Any) -> Reader:
    if kind is Raw:
        return _read_args if name == "args" else _read_kwargs
    if kind == Id:
        return _read_id
    if kind is str:
        return _read_text
    if isinstance(kind, type) and issubclass(kind, Attributes):
        return _attributes(kind, message in WITH_PAYLOAD)
    return _converted(kind)


def _readers(kind: type[Message]) -> tuple[type[Message], tuple[Reader, ...], int]:
    hints = get_type_hints(kind, include_extras=True)
    fields = kind.__struct_fields__
    required = len(fields) - len(kind.__struct_defaults__)
    return kind, tuple(_reader(kind, name, hints[name]) for name in fields), required


#: what a router sends most, ids and then args alone: how it begins (array of so many, code), and its plain details.
#: Worth a way of its own: 0.5 us instead of 1.8 for an EVENT
_PLAIN: Final[dict[type[Message], tuple[bytes, Attributes]]] = {
    Event: (b"\x85\x18\x24", EventDetails()),
    Invocation: (b"\x85\x18\x44", InvocationDetails()),
    Result: (b"\x84\x18\x32", ResultDetails()),
}


class CborCodec:
    """CBOR in binary frames."""

    name = "cbor"
    id = 3
    subprotocol = "wamp.2.cbor"
    binary = True

    def __init__(self) -> None:
        self._kinds = {code: _readers(kind) for code, kind in MESSAGES.items()}
        self._usual = reader(lambda code: self._kinds[code][1][1])

    def decode(self, frame: bytes) -> Message:
        try:
            # all WAMP messages are short arrays, and codes numbers of one octet, or two from 24 on
            code, at = (frame[1], 2) if frame[1] != 0x18 else (frame[2], 3)
            usual = self._usual(frame, code, at)
            if usual is not None:
                return usual
            count = frame[0] - 0x80
            if not 1 <= count < 24:
                raise Malformed("a message is an array of definite length")
            found = self._kinds.get(code)
            if found is None:
                raise Malformed(f"there is no message with the code {code}")
            kind, readers, required = found
            if count <= required:
                raise Malformed(f"{kind.__name__} has {required + 1} elements or more, this one {count}")
            values = []
            for read in readers[: count - 1]:
                value, at = read(frame, at)
                values.append(value)
            while len(values) < count - 1:  # elements of a later version of the protocol
                at = skip(frame, at, 1)
                count -= 1
            if at != len(frame):
                raise Malformed("it does not end where its array ends")
            return kind(*values)
        except (Malformed, IndexError, ValueError, msgspec.MsgspecError, TranscodeError, RecursionError) as problem:
            text = "it ends too early" if isinstance(problem, IndexError) else str(problem)
            raise refused(problem if isinstance(problem, RecursionError) else Malformed(text), "CBOR") from None

    def encode(self, message: Message) -> bytes:
        plain = _PLAIN.get(type(message))
        if plain is not None and message.args and not message.kwargs:  # type: ignore[attr-defined]
            *ids, details, args, _ = astuple(message)
            if details == plain[1]:
                return b"".join((plain[0], *map(_encode_uint, ids), b"\xa0", args))
        form = wire_form(message, _NO_ARGS)
        return b"".join([bytes((0x80 | len(form),)), *map(_encode_field, form)])

    def loads(self, raw: Raw | bytes) -> Any:
        return loads(bytes(raw))

    def dumps(self, value: Any) -> Raw:
        try:
            return Raw(cbor2.dumps(value))
        except (cbor2.CBOREncodeError, TypeError, ValueError, OverflowError, RecursionError) as problem:
            raise TranscodeError(f"no form in CBOR: {problem}") from None


#: what cbor2 and the look for tags raise besides cbor2's own error, whatever the bytes
_NOT_DECODED: Final = (ValueError, TypeError, LookupError, RecursionError, ArithmeticError)


def loads(octets: bytes) -> Any:
    """Decode one item that `skip` has found well-formed. Raises TranscodeError for what Python cannot hold.

    A typed array of octets becomes octets, and undefined null, so that they have a form in the other encodings.
    """
    try:
        unknown = tags(octets) - _DECODED_TAGS if _MAYBE_TAG.search(octets) is not None else set()
        if unknown:
            raise ValueError(f"the tags {', '.join(map(str, sorted(unknown)[:5]))} are not decoded here")
        value = cbor2.loads(octets)
    except (cbor2.CBORDecodeError, *_NOT_DECODED) as problem:  # cbor2 is loaded at its first use, see `node.lean`
        raise TranscodeError(f"no CBOR: {problem}") from None
    return _to_usual(value) if any(mark in octets for mark in _UNUSUAL) else value


def _to_usual(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_to_usual(item) for item in value]
    if kind is dict:
        return {key: _to_usual(item) for key, item in value.items()}
    if kind is cbor2.CBORTag and value.tag == _UINT8_ARRAY and type(value.value) is bytes:
        return value.value
    return None if value is cbor2.undefined else value


def _encode_uint(value: int) -> bytes:
    if value < 24:
        return bytes((value,))
    if value < 0x100:
        return bytes((0x18, value))
    if value < 0x10000:
        return pack(">BH", 0x19, value)
    if value < 0x100000000:
        return pack(">BI", 0x1A, value)
    return pack(">BQ", 0x1B, value)


def _encode_text(value: str) -> bytes:
    octets = value.encode()
    length = _encode_uint(len(octets))
    return bytes((length[0] | 0x60,)) + length[1:] + octets


def _encode_attributes(value: Attributes) -> bytes:
    # the MsgPack encoder leaves out what is as by default, in C; mostly nothing is left
    if _without_defaults(value) == b"\x80":
        return b"\xa0"
    return cbor2.dumps(msgspec.to_builtins(value))


_without_defaults: Final = msgspec.msgpack.Encoder(enc_hook=str).encode

_FIELD_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    int: _encode_uint,
    str: _encode_text,
    Raw: lambda raw: raw,  # it joins like bytes
}


def _encode_field(value: Any) -> bytes:
    encode = _FIELD_ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    return _encode_attributes(value) if isinstance(value, Attributes) else cbor2.dumps(value)
