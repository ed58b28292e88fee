"""WebSocket frames from the server to the client, as pure functions (RFC 6455 section 5.2).

They are not masked and carry whole messages, so the frame of a message is the same for all clients: made once.
"""

from __future__ import annotations

import struct
from typing import Final

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.outgoing import Wire

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
