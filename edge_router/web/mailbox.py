"""Messages that wait until a client asks for them, and how several go into one body.

A `Mailbox` stands where a peer has its transport otherwise: while something waits in it, the peer holds back what
comes, within its bounds, exactly as it does when a socket is full.
(Spec, "HTTP Longpoll Transport", "Message Batching".)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.outgoing import Wire

_SEPARATOR: Final = b"\x1e"
_PREFIX: Final = 4


def _separated(message: bytes) -> bytes:
    return message + _SEPARATOR


def _prefixed(message: bytes) -> bytes:
    return len(message).to_bytes(_PREFIX, "big") + message


#: by encoding; a record separator cannot be in JSON, so that it can be cut there again
WIRES: Final = {name: Wire(codec, _prefixed if codec.binary else _separated) for name, codec in CODECS.items()}


def messages_in(batch: bytes, binary: bool) -> Iterator[bytes]:
    """The messages of a batch. binary: of the encoding. Raises ProtocolViolation."""
    if not batch:
        raise ProtocolViolation("an empty batch; at least one message would be right")
    if not binary:
        if not batch.endswith(_SEPARATOR):
            raise ProtocolViolation("a batch of JSON whose last message does not end with octet 0x1e")
        yield from batch[:-1].split(_SEPARATOR)
        return
    at = 0
    while at < len(batch):
        start = at + _PREFIX
        at = start + int.from_bytes(batch[at:start], "big")
        if at > len(batch):
            raise ProtocolViolation("a batch that ends in the middle of a message")
        yield batch[start:at]


class Mailbox:
    """What waits for one client.

    binary: whether the encoding is. batched: whether the client takes several messages at once. filled: called when
    something has come, or when nothing will come any more.
    """

    def __init__(self, binary: bool, batched: bool, filled: Callable[[], object]) -> None:
        self.ended = False
        self._binary = binary
        self._batched = batched
        self._filled = filled
        self._waiting: deque[bytes] = deque()
        self._producer: Any = None

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def fetch(self) -> bytes:
        """What waits: one message, or all of them in a batch."""
        if self._batched:
            fetched = b"".join(self._waiting)
            self._waiting.clear()
        else:
            fetched = self._waiting.popleft()
        if not self._waiting and self._producer is not None:
            self._producer.resumeProducing()
        return fetched

    # --- what the peer calls -----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Frames of the peer, any number of them."""
        if self._batched:
            self._waiting.append(data)
        else:
            self._waiting.extend(messages_in(data, self._binary))
        self._filled()
        if self._waiting and self._producer is not None:
            self._producer.pauseProducing()

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        """The peer is to be told when to wait."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """The peer has nothing more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """The client is not to be listened to; its requests come all the same, and what they bring is bounded."""

    def resumeProducing(self) -> None:
        """The client is listened to again."""

    def loseConnection(self) -> None:
        """Nothing comes any more; what waits may still be fetched."""
        self.ended = True
        self._filled()

    def abortConnection(self) -> None:
        """Nothing waits any more either."""
        self._waiting.clear()
        self.loseConnection()
