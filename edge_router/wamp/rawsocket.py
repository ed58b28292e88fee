"""WAMP RawSocket: the handshake and the framing, as pure functions over bytes (spec, "RawSocket Transport").

Handshake: four octets each way, `7F LS 00 00`, L the length limit (2**(9+L) octets), S the serializer. A router that
refuses answers `7F E0 00 00` with an error code E. Frames: one octet of type, three octets of length, the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Final

from edge_router.wamp.errors import ProtocolViolation

MAGIC: Final = 0x7F
HANDSHAKE_LENGTH: Final = 4
HEADER_LENGTH: Final = 4

REGULAR: Final = 0
PING: Final = 1
PONG: Final = 2

SERIALIZER_UNSUPPORTED: Final = 1
LENGTH_UNACCEPTABLE: Final = 2
RESERVED_BITS_USED: Final = 3
TOO_MANY_CONNECTIONS: Final = 4

_HEADER: Final = struct.Struct(">I").unpack_from
_LENGTH: Final = struct.Struct(">I").pack

MIN_LENGTH: Final = 512
MAX_LENGTH: Final = 2**24


class HandshakeRefused(Exception):
    """The handshake cannot be accepted.

    reply: the octets to answer before the connection is closed (none if the peer does not speak RawSocket at all).
    """

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.reply = b"" if code is None else bytes((MAGIC, code << 4, 0, 0))


def length_exponent(limit: int) -> int:
    """The handshake's L for a limit in octets, rounded down to a power of two: 512 -> 0, 16 MiB -> 15."""
    if not MIN_LENGTH <= limit <= MAX_LENGTH:
        raise ValueError(f"a RawSocket length limit of {limit} octets; {MIN_LENGTH} to {MAX_LENGTH} would be right")
    return limit.bit_length() - 10


def announced_limit(limit: int) -> int:
    """The limit in octets as the handshake can say it. 16 MiB itself does not fit a frame's three octets of length."""
    return _limit(length_exponent(limit))


def _limit(exponent: int) -> int:
    return min(1 << (9 + exponent), MAX_LENGTH - 1)


def read_hello(octets: bytes, serializers: Collection[int]) -> tuple[int, int]:
    """Read a client's handshake. `octets`: four. `serializers`: the ids the router speaks.

    Result: (serializer id, the longest message in octets that the client takes). Raises HandshakeRefused.
    """
    if octets[0] != MAGIC:
        raise HandshakeRefused(f"the first octet is {octets[0]:#04x}; 0x7f would be RawSocket", None)
    if octets[2] or octets[3]:
        raise HandshakeRefused("octets 3 and 4 of the handshake are reserved and must be zero", RESERVED_BITS_USED)
    serializer = octets[1] & 0x0F
    if serializer not in serializers:
        raise HandshakeRefused(f"serializer {serializer} is not offered here", SERIALIZER_UNSUPPORTED)
    return serializer, _limit(octets[1] >> 4)


def hello(serializer: int, limit: int) -> bytes:
    """The handshake's four octets, of either side: the serializer's id and the longest message taken, in octets."""
    return bytes((MAGIC, length_exponent(limit) << 4 | serializer, 0, 0))


def read_reply(octets: bytes, serializer: int) -> int:
    """Read a router's answer to `hello` (client's side). Result: the longest message in octets that the router takes.

    Raises HandshakeRefused (without a reply) with the router's reason.
    """
    if octets[0] != MAGIC:
        raise HandshakeRefused(f"the first octet is {octets[0]:#04x}; 0x7f would be RawSocket", None)
    if octets[1] & 0x0F == 0:
        reason = _REASONS.get(octets[1] >> 4, "for a reason it does not name")
        raise HandshakeRefused(f"the router refused the handshake: {reason}", None)
    if octets[1] & 0x0F != serializer:
        raise HandshakeRefused("the router answered with another serializer", None)
    return _limit(octets[1] >> 4)


_REASONS: Final = {
    SERIALIZER_UNSUPPORTED: "serializer unsupported",
    LENGTH_UNACCEPTABLE: "maximum message length unacceptable",
    RESERVED_BITS_USED: "use of reserved bits",
    TOO_MANY_CONNECTIONS: "maximum connection count reached",
}


def frame(payload: bytes) -> bytes:
    """One regular frame. The payload is one encoded message, shorter than 16 MiB."""
    return _LENGTH(len(payload)) + payload


def control(kind: int, payload: bytes) -> bytes:
    """A PING or PONG frame."""
    return (kind << 24 | len(payload)).to_bytes(HEADER_LENGTH, "big") + payload


class Deframer:
    """Bytes in, messages out, whatever pieces they come in.

    limit: octets of the longest message that is taken. A frame that announces more is a violation at once, before its
    payload is collected, so no more than `limit` and one read are ever held.

    After `feed`, `controls` holds the PINGs and PONGs that came, as (type, payload), until the caller clears it, and
    `violation` says what broke the framing, if anything did; nothing more is read then.
    """

    __slots__ = ("_held", "_missing", "controls", "limit", "violation")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.controls: list[tuple[int, bytes]] = []
        self.violation: ProtocolViolation | None = None
        self._held = bytearray()  # no list of pieces: two octets at a time would take twenty times their size
        self._missing = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads of the regular frames that are complete now."""
        held = self._held
        if held:
            self._missing -= len(data)
            if self._missing > 0:
                held += data
                return []
            data = b"".join((held, data))
            held.clear()
        frames: list[bytes] = []
        start, end, limit = 0, len(data), self.limit
        # One comparison tells the ordinary frame: type 0 and a length within the limit are both "head <= limit".
        while end - start >= HEADER_LENGTH:
            (head,) = _HEADER(data, start)
            stop = start + HEADER_LENGTH + (head & 0xFFFFFF)
            if head > limit and not self._accept(head):
                return frames
            if stop > end:
                break
            if head <= limit:
                frames.append(data[start + HEADER_LENGTH : stop])
            else:
                self.controls.append((head >> 24, data[start + HEADER_LENGTH : stop]))
            start = stop
        if start < end:
            held += data[start:] if start else data
            wanted = stop - start if end - start >= HEADER_LENGTH else HEADER_LENGTH
            self._missing = wanted - (end - start)
        return frames

    def _accept(self, head: int) -> bool:
        kind, length = head >> 24, head & 0xFFFFFF
        if kind > PONG:
            found = f"a frame of type {kind}; 0 (message), 1 (PING) and 2 (PONG) are known"
            self.violation = ProtocolViolation(found)
        elif length > self.limit:
            self.violation = ProtocolViolation(f"a frame of {length} octets; at most {self.limit} are taken here")
        return self.violation is None
