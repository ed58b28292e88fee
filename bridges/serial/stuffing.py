"""How frames hold any bytes although some bytes end them: those are written as others.

SLIP (RFC 1055), byte stuffing with an escape (RFC 1662, section 4.2), COBS (Cheshire & Baker, "Consistent Overhead Byte
Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999).
"""

from __future__ import annotations

import re
from typing import Final

from bridges.values import BadValue, shown

SLIP_END: Final = b"\xc0"
_SLIP_ESCAPE: Final = b"\xdb"
_SLIP_ESCAPED_END: Final = b"\xdb\xdc"
_SLIP_ESCAPED_ESCAPE: Final = b"\xdb\xdd"
_SLIP_MEANINGLESS: Final = re.compile(b"\xdb(?![\xdc\xdd])")

COBS_END: Final = b"\0"
#: the code of a block of 254 bytes that no zero follows
_COBS_FULL: Final = 0xFF


def slip(body: bytes) -> bytes:
    """What a frame holds, in SLIP, without the bytes that end it."""
    return body.replace(_SLIP_ESCAPE, _SLIP_ESCAPED_ESCAPE).replace(SLIP_END, _SLIP_ESCAPED_END)


def unslip(frame: bytes) -> bytes:
    """What is between two END bytes, decoded. Raises BadValue for an escape without meaning.

    RFC 1055 leaves such a byte alone ("protocol violation"); here it is noise.
    """
    if _SLIP_MEANINGLESS.search(frame):
        raise BadValue(f"no SLIP: an escape without meaning, in {shown(frame)}")
    return frame.replace(_SLIP_ESCAPED_END, SLIP_END).replace(_SLIP_ESCAPED_ESCAPE, _SLIP_ESCAPE)


def cobs(body: bytes) -> bytes:
    """What a frame holds, in COBS, without the zero that ends it."""
    encoded = bytearray()
    for block in body.split(COBS_END):
        full, rest = divmod(len(block), _COBS_FULL - 1)
        for number in range(full):
            encoded.append(_COBS_FULL)
            encoded += block[number * (_COBS_FULL - 1) : (number + 1) * (_COBS_FULL - 1)]
        encoded.append(rest + 1)
        encoded += block[len(block) - rest :]
    return bytes(encoded)


def uncobs(frame: bytes) -> bytes:
    """What is between two zeros, decoded. Raises BadValue for a block that is longer than the frame."""
    decoded = bytearray()
    at, size = 0, len(frame)
    while at < size:
        code = frame[at]
        after = at + code
        if code == 0 or after > size:
            raise BadValue(f"no COBS: a block of {code - 1} bytes is longer than the frame, in {shown(frame)}")
        decoded += frame[at + 1 : after]
        if code != _COBS_FULL and after < size:
            decoded.append(0)
        at = after
    return bytes(decoded)


class Escape:
    """Byte stuffing.

    escape: the byte before one that is contents. flip: what that one is combined with by exclusive or. special: the
    bytes that are escaped besides the escape itself.
    """

    __slots__ = ("_escape", "_flip", "_stuffed", "_to_stuff")

    def __init__(self, escape: bytes, flip: int, special: bytes) -> None:
        self._escape = escape
        self._flip = flip
        self._to_stuff = re.compile(b"[" + re.escape(escape + special) + b"]")
        self._stuffed = re.compile(re.escape(escape) + b"(.?)", re.DOTALL)

    def stuff(self, body: bytes) -> bytes:
        """What a frame holds, as it is sent."""
        return self._to_stuff.sub(lambda found: self._escape + bytes([found[0][0] ^ self._flip]), body)

    def unstuff(self, frame: bytes) -> bytes:
        """What was sent, decoded. Raises BadValue for an escape at the very end."""

        def plain(found: re.Match[bytes]) -> bytes:
            if not found[1]:
                raise BadValue(f"an escape without a byte after it, in {shown(frame)}")
            return bytes([found[1][0] ^ self._flip])

        return self._stuffed.sub(plain, frame)
