"""Where a CBOR item ends, and that it is well-formed, without decoding it (RFC 8949, sections 3 and 5.3.1, appendix C).

Only the walk lives here. Text must be valid UTF-8; containers and tags may be nested `MAX_NESTING` deep. The walk is on
the way of every CBOR message, so what occurs in nearly all of them (numbers, short strings) takes no call.
"""

from __future__ import annotations

from typing import Final

from edge_router.wamp.codecs.codec import MAX_NESTING

INDEFINITE: Final = -1
BREAK: Final = 0xFF
_SHORT_TEXT: Final = 0x60
_TEXT_OF_ONE_OCTET_LENGTH: Final = 0x78


class Malformed(ValueError):
    """The bytes are not well-formed CBOR, or not what stands at this place of a WAMP message."""


def _fixed_size(octet: int) -> int:
    """Octets of an item that needs no more than its size to be passed over; 0 if it needs a closer look."""
    major, info = octet >> 5, octet & 31
    if major in (0, 1):
        return {24: 2, 25: 3, 26: 5, 27: 9}.get(info, 1 if info < 24 else 0)
    if major == 2 and info < 24:
        return 1 + info
    if major == 7:
        return {25: 3, 26: 5, 27: 9}.get(info, 1 if info < 24 else 0)
    return 0


_SIZES: Final = bytes(_fixed_size(octet) for octet in range(256))


def head(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the head of an item. Result: (major type, argument or INDEFINITE, where what follows begins).

    Raises Malformed, or IndexError where the data ends too early.
    """
    octet = data[at]
    major, info = octet >> 5, octet & 31
    if info < 24:
        return major, info, at + 1
    if info < 28:
        size = 1 << (info - 24)
        after = at + 1 + size
        if after > len(data):
            raise IndexError
        return major, int.from_bytes(data[at + 1 : after], "big"), after
    if info == 31 and 2 <= major <= 5:
        return major, INDEFINITE, at + 1
    raise Malformed(f"octet {octet:#04x} at {at} has no meaning there")


def skip(data: bytes, at: int, depth: int) -> int:
    """Pass over one item. `depth`: how many containers it is in. Result: where the next item begins.

    Raises Malformed, RecursionError (nested too deeply), or IndexError where the data ends too early; only the caller
    sees whether the last item ends beyond the data.
    """
    return skip_items(data, at, depth, 1)


def skip_items(data: bytes, at: int, depth: int, count: int) -> int:
    """Pass over `count` items, as `skip` does over one."""
    sizes = _SIZES
    for _ in range(count):
        octet = data[at]
        size = sizes[octet]
        if size:
            at += size
            continue
        if _SHORT_TEXT <= octet <= _TEXT_OF_ONE_OCTET_LENGTH:
            if octet < _TEXT_OF_ONE_OCTET_LENGTH:
                start, length = at + 1, octet - _SHORT_TEXT
            else:
                start, length = at + 2, data[at + 1]
            at = start + length
            text = data[start:at]
            if not text.isascii():
                str(text, "utf-8")
        else:
            at = _skip_one(data, at, depth)
    return at


def _skip_one(data: bytes, at: int, depth: int) -> int:
    """Pass over an item that is none of the simple ones."""
    major, count, after = head(data, at)
    if major == 2 or major == 3:
        return _skip_string(data, after, count, major)
    if major == 7:
        if count < 32:
            raise Malformed(f"simple value {count} in two octets")
        return after
    if depth >= MAX_NESTING:
        raise RecursionError
    if count == INDEFINITE:
        return _skip_indefinite(data, after, depth + 1, 2 if major == 5 else 1)
    if major == 6:
        return skip_items(data, after, depth + 1, 1)
    if major == 5:
        count *= 2
    if count > len(data) - after:
        raise IndexError
    return skip_items(data, after, depth + 1, count)


def _skip_string(data: bytes, at: int, length: int, major: int) -> int:
    if length == INDEFINITE:
        while data[at] != BREAK:
            chunk, length, at = head(data, at)
            if chunk != major or length == INDEFINITE:
                raise Malformed("a string in pieces has a piece of another kind")
            at = _skip_string(data, at, length, major)
        return at + 1
    after = at + length
    if after > len(data):
        raise IndexError
    if major == 3:
        text = data[at:after]
        if not text.isascii():
            str(text, "utf-8")
    return after


def _skip_indefinite(data: bytes, at: int, depth: int, step: int) -> int:
    while data[at] != BREAK:
        at = skip_items(data, at, depth, step)
    return at + 1


def tags(data: bytes) -> set[int]:
    """The numbers of all tags in well-formed data."""
    found: set[int] = set()
    at = 0
    while at < len(data):
        if data[at] == BREAK:
            at += 1
            continue
        major, value, at = head(data, at)
        if major == 6:
            found.add(value)
        elif major in (2, 3) and value != INDEFINITE:
            at += value
    return found
