"""A message on its way out: encoded once per encoding, framed once per framing, however many receive it.

`Wire` names one way bytes go to a peer (an encoding and a framing); transports make one constant per combination, and
identity of that constant is what an `Outgoing` caches its frames by.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import TranscodeError
from edge_router.wamp.messages import Message
from edge_router.wamp.payload import transcode


class Wire:
    """An encoding and a framing.

    codec: the encoding. framing: encoded message (bytes) -> frame (bytes) as it goes to the transport.
    """

    __slots__ = ("codec", "framing")

    def __init__(self, codec: Codec, framing: Callable[[bytes], bytes]) -> None:
        self.codec = codec
        self.framing = framing


class Outgoing:
    """One message, and its frames as they are made.

    message: with its payload (if any) in the encoding `source`. After `frame`, `data` is the frame for `wire`, so that
    one receiver after another on the same wire finds it without a call.
    """

    __slots__ = ("_frames", "data", "message", "source", "wire")

    def __init__(self, message: Message, source: Codec) -> None:
        self.message = message
        self.source = source
        self.wire: Wire | None = None
        self.data = b""
        self._frames: dict[Wire, bytes | TranscodeError] | None = None

    def frame(self, wire: Wire) -> bytes:
        """The frame for that wire, made at the first call.

        Raises TranscodeError if the payload cannot be said in the wire's encoding.
        """
        frames = self._frames
        if frames is None:
            frames = self._frames = {}
        data = frames.get(wire)
        if data is None:
            try:
                data = wire.framing(wire.codec.encode(self.message_for(wire.codec)))
            except TranscodeError as error:
                data = error
            frames[wire] = data
        if isinstance(data, TranscodeError):
            raise data
        self.wire = wire
        self.data = data
        return data

    def message_for(self, codec: Codec) -> Message:
        """The message with its payload in the encoding of `codec`. Raises TranscodeError."""
        message = self.message
        if codec is self.source:
            return message
        return transcode(message, self.source, codec)
