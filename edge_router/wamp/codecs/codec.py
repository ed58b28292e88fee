"""What an encoding is, and what all encodings share: one message's form on the wire, and how a bad frame is told.

A `Codec` turns one frame into one typed message and back. Args and kwargs are checked (they are a list and a dict,
well-formed, valid UTF-8, not nested too deeply) but kept as the bytes they came in: whoever forwards them splices them.
So a bad payload is its sender's protocol violation and never reaches a receiver.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, Union

from msgspec import Raw
from msgspec.structs import astuple

from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.ids import MAX_ID
from edge_router.wamp.messages import CODES, MESSAGES, WITH_PAYLOAD, Message, Unregistered, Unsubscribed

#: containers within containers in one message; receivers written in Python break at about a thousand
MAX_NESTING: Final = 128

#: answers whose details say why the router revoked something; an answer to a request (not 0) has none on the wire
MAY_REVOKE: Final = frozenset({Unsubscribed, Unregistered})

#: "one of the messages", for decoders that pick the class by the tag
ANY_MESSAGE: Final[Any] = Union[tuple(MESSAGES.values())]  # noqa: UP007 - made from a table


class Codec(Protocol):
    """One encoding.

    name: as in the config's `serializers`. id: the serializer of RawSocket. subprotocol: of WebSocket. binary: whether
    its WebSocket frames are binary.
    """

    name: str
    id: int
    subprotocol: str
    binary: bool

    def decode(self, frame: bytes) -> Message:
        """One message. Raises ProtocolViolation and nothing else, whatever the bytes."""

    def encode(self, message: Message) -> bytes:
        """One frame. The message's payload must be in this encoding already; absent args and kwargs are left out."""

    def loads(self, raw: Raw | bytes) -> Any:
        """Decode a payload that `decode` has let through. Raises TranscodeError if it has no form in Python."""

    def dumps(self, value: Any) -> Raw:
        """Encode a payload. Raises TranscodeError for a value that the encoding cannot express."""


def wire_form(message: Message, no_args: Raw) -> tuple[Any, ...]:
    """The message as the array that goes on the wire: its code, then its fields without absent args and kwargs.

    no_args: an empty list in the encoding, for a message that has kwargs and no args.
    """
    fields = astuple(message)
    if type(message) in MAY_REVOKE:
        if message.request:  # type: ignore[attr-defined]
            fields = fields[:1]
    elif type(message) in WITH_PAYLOAD:
        if not fields[-1]:
            fields = fields[:-1] if fields[-2] else fields[:-2]
        elif not fields[-2]:
            fields = (*fields[:-2], no_args, fields[-1])
    return (CODES[type(message)], *fields)


def payload_shape(message: Message) -> int:
    """Which of a message's last two fields are there, for encoders that splice: one of the constants below."""
    if type(message) not in WITH_PAYLOAD:
        return REARRANGED if type(message) in MAY_REVOKE else COMPLETE
    if message.kwargs:  # type: ignore[attr-defined]
        return COMPLETE if message.args else REARRANGED  # type: ignore[attr-defined]
    return ONLY_ARGS if message.args else NO_PAYLOAD  # type: ignore[attr-defined]


#: nothing is left out; only args; neither; anything that `wire_form` has to see to
COMPLETE, ONLY_ARGS, NO_PAYLOAD, REARRANGED = range(4)


def as_meant(attributes: dict[Any, Any], nothing: Collection[Any]) -> dict[Any, Any]:
    """Options or details as their sender meant them: without those that are `nothing` (null, undefined), ids whole.

    wampy.js sends as `undefined` what its user did not give, where the spec would have it left out; and libraries of
    JavaScript, whose numbers are floats, write session ids as such.
    """
    return {key: whole(value) for key, value in attributes.items() if value not in nothing}


def whole(value: Any) -> Any:
    """Floats without a fraction as integers, in lists too."""
    if type(value) is list:
        return [whole(item) for item in value]
    return int(value) if type(value) is float and value.is_integer() and abs(value) <= MAX_ID else value


class SecondReader:
    """Reads a frame that was refused once more, options and ids as they were meant.

    decode: frame -> message. split: frame -> its fields as they are. loads, dumps: of the encoding. nothing: its values
    for that.
    """

    def __init__(
        self,
        decode: Callable[[bytes], Message],
        split: Callable[[bytes], list[Raw]],
        loads: Callable[[Raw], Any],
        dumps: Callable[[Any], bytes],
        nothing: Collection[Any],
    ) -> None:
        self._decode = decode
        self._split = split
        self._loads = loads
        self._dumps = dumps
        self._nothing = nothing

    def read(self, frame: bytes) -> Message:
        """The message. Raises what the parts raise; a frame that has nothing of that kind is refused as before."""
        fields = self._split(frame)
        for at, field in enumerate(fields[1:4], 1):
            value = self._loads(field)
            if isinstance(value, dict):
                fields[at] = Raw(self._dumps(as_meant(value, self._nothing)))
                break
            fields[at] = Raw(self._dumps(whole(value)))
        return self._decode(self._dumps(fields))


def too_deep(value: Any) -> bool:
    """Whether containers are nested in a decoded message more than `MAX_NESTING` deep."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is list or type(inner) is dict
        ]
        if not level:
            return False
    return True


def refused(problem: Exception, encoding: str) -> ProtocolViolation:
    """What to tell a peer whose frame did not decode."""
    if isinstance(problem, RecursionError):
        return ProtocolViolation(f"this message is nested more than {MAX_NESTING} deep")
    return ProtocolViolation(f"this is no WAMP message in {encoding}: {problem}")


def cannot_say(value: Any) -> Any:
    """For encoders, about a value that has no form in them. Raises TypeError."""
    raise TypeError(f"a value of type {type(value).__name__}")
