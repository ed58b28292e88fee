"""A session with a realm of this very process: same permissions and limits as everybody, no socket.

The payloads of a local session are MsgPack, so that a local session is to the router what any other is. What the router
sends is handled in the next flush of the outbox, never in the middle of the router's work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from twisted.logger import Logger

from edge_router.client.session import Session
from edge_router.router.interfaces import Counts, ReceivingSession, TransportDetails
from edge_router.wamp.codecs import MSGPACK, Codec
from edge_router.wamp.errors import INVALID_PAYLOAD, TranscodeError, WampError
from edge_router.wamp.messages import Message
from edge_router.wamp.outgoing import Outgoing
from edge_router.wamp.payload import transcode

#: events that wait for a part of the node that does not come round to them; a bound for bugs, not for load
MOST_WAITING: Final = 10_000


class Outbox(Protocol):
    """What flushes a local peer; `transports.outbox.Outbox`."""

    def touch(self, peer: LocalPeer) -> None: ...


class LocalPeer:
    """The local end, as the router sees it."""

    codec = MSGPACK
    log = Logger()

    def __init__(self, outbox: Outbox) -> None:
        self.details = TransportDetails("local", "local")
        self.dropped = 0
        self.session: Session | None = None
        self._outbox = outbox
        self._waiting: deque[Message] = deque()
        self._closed = False
        #: the router's end, once it is there
        self.receiving: ReceivingSession | None = None
        self.messages_received = self._messages_sent = 0

    def receive(self, message: Message) -> None:
        """Hand a message of the session to the router."""
        self.messages_received += 1
        self.receiving.receive(message)  # type: ignore[union-attr]

    def counted(self) -> Counts:
        """See `router.interfaces.Counted`; nothing has octets here."""
        return Counts(self.messages_received, 0, self._messages_sent + len(self._waiting), 0)

    def send(self, outgoing: Outgoing) -> None:
        """An EVENT; dropped and counted if it has no form in MsgPack or too many wait."""
        try:
            message = outgoing.message_for(MSGPACK)
        except TranscodeError:
            self.dropped += 1
            return
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
        else:
            self.send_message(message)

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:  # noqa: ARG002 - it reads
        """A message of a call. Raises WampError if it has no form in MsgPack."""
        try:
            self.send_message(transcode(message, source, MSGPACK))
        except TranscodeError as problem:
            raise WampError(INVALID_PAYLOAD, str(problem)) from None

    def send_message(self, message: Message) -> None:
        """Queue a message for the next flush."""
        if not self._waiting:
            self._outbox.touch(self)
        self._waiting.append(message)

    def close(self) -> None:
        """The router ended the session: nothing can be sent any more."""
        self._closed = True
        if not self._waiting:
            self._outbox.touch(self)

    def flush(self) -> None:
        """Handle what came in."""
        session = self.session
        waiting, self._waiting = self._waiting, deque()
        self._messages_sent += len(waiting)
        if session is not None:
            for message in waiting:
                try:
                    session.receive(message)
                except Exception:  # noqa: BLE001 - a bug of ours; what waits behind it must still be handled
                    self.log.failure("a local session failed on a message")
            if self._closed:
                session.lost("closed by the router")


def join(
    open_session: Callable[[LocalPeer], ReceivingSession], outbox: Outbox, kind: type[Session] = Session
) -> Session:
    """Join a realm of this process.

    open_session: gives the router's end, already joined, for a peer (`router.realm.Realm.admit`). outbox: the node's.
    kind: of session. Result: the session, ready to use.
    """
    peer = LocalPeer(outbox)
    receiving = peer.receiving = open_session(peer)
    session = kind(MSGPACK, peer.receive)
    session.id = receiving.id
    peer.session = session
    return session
