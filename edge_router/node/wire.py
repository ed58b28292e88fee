"""autobahn's messages as octets and back, by our codecs.

Payloads are encoded once, with the message around them. (`autobahn.wamp.interfaces.IObjectSerializer`)
"""

from __future__ import annotations

from typing import Any

import autobahn.twisted.wamp  # noqa: F401  # has txaio use Twisted, which must be before anything else of autobahn
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.message import Goodbye
from autobahn.wamp.serializer import Serializer

from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import CLOSE_GOODBYE_AND_OUT, TranscodeError


class _Octets:
    """What autobahn's `Serializer` wants, to turn lists into octets and back."""

    def __init__(self, codec: Codec) -> None:
        self.NAME = codec.name
        self.BINARY = codec.binary
        self._codec = codec

    def serialize(self, value: Any) -> bytes:
        return bytes(self._codec.dumps(value))

    def unserialize(self, octets: bytes) -> list[Any]:
        return [self._codec.loads(octets)]


class Wire(Serializer):
    """autobahn's messages in an encoding. codec: ours for it."""

    MIME_TYPE = "application/octet-stream"

    def __init__(self, codec: Codec) -> None:
        self.SERIALIZER_ID = codec.name
        self.RAWSOCKET_SERIALIZER_ID = codec.id
        super().__init__(_Octets(codec))

    def octets(self, message: Any) -> bytes:
        """A message of autobahn's, encoded. Raises its SerializationError."""
        try:
            octets: bytes = self.serialize(message)[0]
        except TranscodeError as problem:
            raise SerializationError(f"{type(message).__name__}: {problem}") from None
        return octets

    def messages(self, octets: bytes) -> list[Any]:
        """autobahn's form of what came in. Raises its ProtocolError.

        The answer to a component's GOODBYE has Crossbar's reason: for any other, autobahn warns of a session that was
        closed, at each stop of the node.
        """
        messages: list[Any] = self.unserialize(octets)
        return [_NORMAL if _is_answer(message) else message for message in messages]


_NORMAL = Goodbye(Goodbye.DEFAULT_REASON)


def _is_answer(message: Any) -> bool:
    return isinstance(message, Goodbye) and message.reason == CLOSE_GOODBYE_AND_OUT
