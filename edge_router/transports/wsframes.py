"""WebSocket frames as pure functions (RFC 6455 section 5.2): those of the server, and the ordinary ones of clients.

What the server sends is not masked and carries whole messages, so the frame of a message is the same for all clients:
made once. Of what clients send, nearly all is whole messages too; cutting those out here takes 1 us each, where the
parser of `websockets`, to which all else is left, takes 9.
"""

from __future__ import annotations

import struct
from typing import Final

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.outgoing import Wire

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

_FINAL_TEXT: Final = 0x81
_FINAL_BINARY: Final = 0x82

_MEDIUM: Final = struct.Struct(">BBH").pack
_LONG: Final = struct.Struct(">BBQ").pack
_SHORT_TEXT: Final = [bytes((_FINAL_TEXT, length)) for length in range(126)]
_SHORT_BINARY: Final = [bytes((_FINAL_BINARY, length)) for length in range(126)]


def text_frame(payload: bytes) -> bytes:
    """One unfragmented text frame. payload: valid UTF-8."""
    length = len(payload)
    if length < 126:
        return _SHORT_TEXT[length] + payload
    if length < 65_536:
        return _MEDIUM(_FINAL_TEXT, 126, length) + payload
    return _LONG(_FINAL_TEXT, 127, length) + payload


def binary_frame(payload: bytes) -> bytes:
    """One unfragmented binary frame."""
    length = len(payload)
    if length < 126:
        return _SHORT_BINARY[length] + payload
    if length < 65_536:
        return _MEDIUM(_FINAL_BINARY, 126, length) + payload
    return _LONG(_FINAL_BINARY, 127, length) + payload


#: by the encoding's name: what all uncompressed WebSockets share
WIRES: Final = {name: Wire(codec, binary_frame if codec.binary else text_frame) for name, codec in CODECS.items()}


#: octets of the head of a masked frame with a length of 7 bit, and with one of 16 bit
_HEAD: Final = 6
_MEDIUM_HEAD: Final = 8
_MASKED: Final = 0x80
_MASKED_16_BIT: Final = 0xFE


def whole_messages(data: bytes, binary: bool, limit: int) -> tuple[list[bytes], bytes]:
    """Cut the whole messages off the beginning of what a client sent.

    data: begins with the head of a frame. binary: the kind of frame that is expected. limit: octets of a message.
    Result: the payloads, unmasked; and the rest, from the first frame on that is incomplete or in any way out of the
    ordinary (fragmented, a control frame, of the other kind, too long, longer than 64 KiB, broken).
    """
    first = _FINAL_BINARY if binary else _FINAL_TEXT
    messages: list[bytes] = []
    start, end = 0, len(data)
    while end - start >= _MEDIUM_HEAD and data[start] == first:
        length = data[start + 1]
        if length < _MASKED or length > _MASKED_16_BIT:
            break
        if length == _MASKED_16_BIT:
            length, payload = data[start + 2] << 8 | data[start + 3], start + _MEDIUM_HEAD
        else:
            length, payload = length - _MASKED, start + _HEAD
        stop = payload + length
        if stop > end or length > limit:
            break
        messages.append(apply_mask(data[payload:stop], data[payload - 4 : payload]))
        start = stop
    return messages, data[start:] if start else data
