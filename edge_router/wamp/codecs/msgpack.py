"""MsgPack, the fastest encoding here (spec, "Serializations: MessagePack").

msgspec does the work. What it passes over when it keeps a payload raw is checked by a second look at the payload
alone (0.08 us for a small one), because other clients fail on text that is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from edge_router.wamp.codecs.codec import (
    ANY_MESSAGE,
    COMPLETE,
    MAX_NESTING,
    NO_PAYLOAD,
    ONLY_ARGS,
    REARRANGED,
    SecondReader,
    cannot_say,
    payload_shape,
    refused,
    too_deep,
    wire_form,
)
from edge_router.wamp.errors import TranscodeError
from edge_router.wamp.messages import WITH_PAYLOAD, Message

_NO_ARGS: Final = Raw(b"\x90")
#: undefined, as JavaScript's libraries write it
_UNDEFINED: Final = msgspec.msgpack.Ext(0, b"\0")
_UNDEFINED_OCTETS: Final = b"\xd4\x00\x00"
#: all octets but those that begin a map or an array; what is left of a frame without these bounds its nesting
_NO_CONTAINER: Final = bytes(sorted(set(range(256)) - set(range(0x80, 0xA0)) - {0xDC, 0xDD, 0xDE, 0xDF}))
#: the first octet of a short array -> that of one shorter by what is absent
_SHORTER: Final = {
    ONLY_ARGS: {octet: bytes((octet - 1,)) for octet in range(0x91, 0xA0)},
    NO_PAYLOAD: {octet: bytes((octet - 2,)) for octet in range(0x92, 0xA0)},
}


class MsgPackCodec:
    """MsgPack in binary frames."""

    name = "msgpack"
    id = 2
    subprotocol = "wamp.2.msgpack"
    binary = True

    def __init__(self) -> None:
        self._decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(ANY_MESSAGE).decode
        self._encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder(enc_hook=cannot_say).encode
        self._loads: Callable[[Any], Any] = msgspec.msgpack.Decoder().decode
        split: Callable[[bytes], list[Raw]] = msgspec.msgpack.Decoder(list[Raw]).decode
        self._decode_again = SecondReader(self._decode, split, self._loads, self._encode, (None, _UNDEFINED)).read
        self._check_args: Callable[[Any], Any] = msgspec.msgpack.Decoder(list[Any]).decode
        self._check_kwargs: Callable[[Any], Any] = msgspec.msgpack.Decoder(dict[str, Any]).decode

    def decode(self, frame: bytes) -> Message:
        try:
            try:
                message = self._decode(frame)
            except msgspec.ValidationError:
                message = self._decode_again(frame)
            if type(message) in WITH_PAYLOAD:
                if message.args:  # type: ignore[attr-defined]
                    self._check_args(message.args)  # type: ignore[attr-defined]
                if message.kwargs:  # type: ignore[attr-defined]
                    self._check_kwargs(message.kwargs)  # type: ignore[attr-defined]
            may_be_deep = len(frame) > MAX_NESTING and len(frame.translate(None, _NO_CONTAINER)) > MAX_NESTING
            if may_be_deep and too_deep(self._loads(frame)):
                raise RecursionError
        except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as problem:
            raise refused(problem, "MsgPack") from None
        return message

    def encode(self, message: Message) -> bytes:
        shape = payload_shape(message)
        if shape == REARRANGED:
            return self._encode(wire_form(message, _NO_ARGS))
        data = self._encode(message)
        # an absent payload was written as nothing; only the array's length, in the first octet, still counts it
        return data if shape == COMPLETE else _SHORTER[shape][data[0]] + data[1:]

    def loads(self, raw: Raw | bytes) -> Any:
        try:
            value = self._loads(raw)
        except (msgspec.DecodeError, ValueError, TypeError) as problem:
            raise TranscodeError(f"no MsgPack: {problem}") from None
        return _undefined_to_null(value) if _UNDEFINED_OCTETS in bytes(raw) else value

    def dumps(self, value: Any) -> Raw:
        try:
            return Raw(self._encode(value))
        except (TypeError, ValueError, OverflowError, RecursionError) as problem:
            raise TranscodeError(f"no form in MsgPack: {problem}") from None


def _undefined_to_null(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_undefined_to_null(item) for item in value]
    if kind is dict:
        return {key: _undefined_to_null(item) for key, item in value.items()}
    return None if kind is msgspec.msgpack.Ext and value == _UNDEFINED else value
