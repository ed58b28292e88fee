"""JSON, the encoding of browsers (spec, "Serializations: JSON" and "Binary conversion of JSON strings").

Binary has no form in JSON: WAMP writes it as a string that begins with U+0000, followed by base64. That convention is
kept both ways, here and nowhere else, when a payload is decoded or made.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from edge_router.wamp.codecs.codec import (
    ANY_MESSAGE,
    COMPLETE,
    MAX_NESTING,
    ONLY_ARGS,
    REARRANGED,
    SecondReader,
    cannot_say,
    payload_shape,
    refused,
    too_deep,
    wire_form,
)
from edge_router.wamp.errors import ProtocolViolation, TranscodeError
from edge_router.wamp.messages import WITH_PAYLOAD, Message

_LIST: Final = ord("[")
_DICT: Final = ord("{")
_ESCAPED_ZERO: Final = b"\\u0000"
_NO_ARGS: Final = Raw(b"[]")


class JsonCodec:
    """JSON in text frames. What is not valid UTF-8 ends its sender's session, not the receivers'."""

    name = "json"
    id = 1
    subprotocol = "wamp.2.json"
    binary = False

    def __init__(self) -> None:
        self._decode: Callable[[bytes], Message] = msgspec.json.Decoder(ANY_MESSAGE).decode
        self._encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=cannot_say).encode
        self._loads: Callable[[Any], Any] = msgspec.json.Decoder().decode
        split: Callable[[bytes], list[Raw]] = msgspec.json.Decoder(list[Raw]).decode
        self._decode_again = SecondReader(self._decode, split, self._loads, self._encode, (None,)).read

    def decode(self, frame: bytes) -> Message:
        try:
            if not frame.isascii():  # the decoder passes over what it keeps raw without a look at its UTF-8
                str(frame, "utf-8")
            may_be_deep = len(frame) > 2 * MAX_NESTING and frame.count(b"[") + frame.count(b"{") > MAX_NESTING
            if may_be_deep and too_deep(self._loads(frame)):
                raise RecursionError
            try:
                message = self._decode(frame)
            except msgspec.ValidationError:
                message = self._decode_again(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as problem:
            raise refused(problem, "JSON") from None
        if type(message) in WITH_PAYLOAD:
            if message.args and bytes(message.args)[0] != _LIST:  # type: ignore[attr-defined]
                raise ProtocolViolation("the arguments of a message must be a list")
            if message.kwargs and bytes(message.kwargs)[0] != _DICT:  # type: ignore[attr-defined]
                raise ProtocolViolation("the keyword arguments of a message must be a dict")
        return message

    def encode(self, message: Message) -> bytes:
        shape = payload_shape(message)
        if shape == REARRANGED:
            return self._encode(wire_form(message, _NO_ARGS))
        data = self._encode(message)
        # an absent payload was written as nothing between two commas; each goes with its comma
        return data if shape == COMPLETE else data[:-2] + b"]" if shape == ONLY_ARGS else data[:-3] + b"]"

    def loads(self, raw: Raw | bytes) -> Any:
        try:
            value = self._loads(raw)
        except msgspec.DecodeError as problem:
            raise TranscodeError(f"no JSON: {problem}") from None
        return _to_binary(value) if _ESCAPED_ZERO in bytes(raw) else value

    def dumps(self, value: Any) -> Raw:
        try:
            return Raw(self._encode(_to_text(value)))
        except (TypeError, ValueError, OverflowError, RecursionError) as problem:
            raise TranscodeError(f"no form in JSON: {problem}") from None


def _to_binary(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        if not value.startswith("\0"):
            return value
        try:
            return base64.b64decode(value[1:], validate=True)
        except (binascii.Error, ValueError):
            return value  # a string that happens to begin with U+0000
    if kind is list:
        return [_to_binary(item) for item in value]
    if kind is dict:
        return {key: _to_binary(item) for key, item in value.items()}
    return value


def _to_text(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return "\0" + base64.b64encode(value).decode("ascii")
    if isinstance(value, list | tuple):
        return [_to_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_text(item) for key, item in value.items()}
    return value
