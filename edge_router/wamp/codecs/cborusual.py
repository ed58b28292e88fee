"""The messages that clients send most, if they look as they nearly always do: read in one piece, a third faster.

That is: a URI of less than 256 octets, a short list of arguments, and nothing else. What looks otherwise is left to the
reader of all messages in `cbor`; where both can read a message, both give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec import Raw

from edge_router.wamp.codecs.cborwalk import skip_items
from edge_router.wamp.messages import Call, Message, Publish

#: reads one field at an offset: (its value, where the next one begins)
Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

#: message code -> kind; of five elements, the last but one a URI
_KINDS: Final = {16: Publish, 48: Call}
_HEAD: Final = 0x85
_EMPTY_MAP: Final = 0xA0


def reader(read_options: Callable[[int], Reader]) -> Callable[[bytes, int, int], Message | None]:
    """Make the reader. read_options: message code -> what reads its options.

    What it takes: a frame, the message's code, and where its request id begins. Result: None if it is none of the usual
    ones. It raises IndexError if it ends too early, UnicodeDecodeError, and what `skip_items` and the reader of options
    do.
    """
    forms: dict[int, tuple[Any, Any, Reader]] = {}
    for number, each in _KINDS.items():
        forms[number] = each, read_options(number)(bytes((_EMPTY_MAP,)), 0)[0], read_options(number)

    def read(frame: bytes, code: int, at: int) -> Message | None:
        form = forms.get(code)
        if form is None or frame[0] != _HEAD:
            return None
        kind, options, other_options = form
        octet = frame[at]
        if octet == 0x19:
            request, at = frame[at + 1] << 8 | frame[at + 2], at + 3
        elif octet < 0x18:
            request, at = octet, at + 1
        else:
            request, at = int.from_bytes(frame[at + 1 : at + 5], "big") if octet == 0x1A else 0, at + 5
        if not request:
            return None
        if frame[at] == _EMPTY_MAP:
            at += 1
        else:
            options, at = other_options(frame, at)
        octet = frame[at]
        if 0x60 <= octet < 0x78:
            at, after = at + 1, at + octet - 0x5F
        elif octet == 0x78:
            at, after = at + 2, at + 2 + frame[at + 1]
        else:
            return None
        octet = frame[after]
        if not 0x80 <= octet < 0x98 or skip_items(frame, after + 1, 2, octet - 0x80) != len(frame):
            return None
        message: Message = kind(request, options, frame[at:after].decode(), Raw(frame[after:]))
        return message

    return read
