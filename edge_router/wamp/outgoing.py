"""A message on its way out: encoded once per encoding, framed once per framing, however many receive it.

`Wire` names one way bytes go to a peer (an encoding and a framing); transports make one constant per combination, and
identity of that constant is what an `Outgoing` caches its frames by.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

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


class Outgoing(Struct, eq=False, gc=False):
    """One message, and its frames as they are made.

    message: with its payload (if any) in the encoding `source`. After the first `frame`, `data` is the frame for
    `wire`, so that one receiver after another on that wire finds it without a call.
    """

    message: Message
    source: Codec
    wire: Wire | None = None
    data: bytes = b""
    #: frames for wires other than the first, which most messages have no use for, or why there is none. No exceptions:
    #: their tracebacks lead back here, and this is not seen by the garbage collector
    _others: dict[Wire, bytes | str] | None = None

    def frame(self, wire: Wire) -> bytes:
        """The frame for that wire, made at the first call.

        Raises TranscodeError if the payload cannot be said in the wire's encoding.
        """
        if self.wire is None:
            codec = wire.codec
            data = wire.framing(codec.encode(self.message if codec is self.source else self.message_for(codec)))
            self.wire, self.data = wire, data
            return data
        return self.data if self.wire is wire else self._frame_for_another(wire)

    def _frame_for_another(self, wire: Wire) -> bytes:
        if self._others is None:
            self._others = {}
        data = self._others.get(wire)
        if data is None:
            try:
                data = wire.framing(wire.codec.encode(self.message_for(wire.codec)))
            except TranscodeError as error:
                data = str(error)
            self._others[wire] = data
        if isinstance(data, str):
            raise TranscodeError(data)
        return data

    def message_for(self, codec: Codec) -> Message:
        """The message with its payload in the encoding of `codec`. Raises TranscodeError."""
        message = self.message
        if codec is self.source:
            return message
        return transcode(message, self.source, codec)
