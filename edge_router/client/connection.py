"""One connection to a router: what RawSocket and WebSocket have in common at the client's end.

A kind of transport makes frames of messages and messages of frames; here messages meet the session, first to join and
then for good. What is written while the router does not read is bounded: requests over the bound are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.failures import CannotConnect, ConnectFailed, TookTooLong
from edge_router.client.joining import ROLES, Joining
from edge_router.client.liveness import Liveness
from edge_router.client.logins import Login
from edge_router.client.session import Session
from edge_router.client.values import CallError
from edge_router.config.schema.connecting import ClientTransport
from edge_router.router.interfaces import Clock, Delayed
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import (
    PAYLOAD_SIZE_EXCEEDED,
    PROTOCOL_VIOLATION,
    UNAVAILABLE,
    ProtocolViolation,
)
from edge_router.wamp.messages import Abort, Call, CloseDetails, Goodbye, Message, Publish, Welcome

#: seconds that the router has to answer GOODBYE, and what waits then to leave
FAREWELL_WITHIN: Final = 2.0


class Speech(Struct, frozen=True):
    """What a session is. session: its class, `Session` or one derived from it. roles: what HELLO says it can do."""

    session: type[Session]
    roles: Mapping[str, Any]


PLAIN: Final = Speech(Session, ROLES)


class Plan(Struct, frozen=True):
    """What a connection is for.

    transport: its section. place: where it goes, for errors. realm: to join; None: whichever the router infers.
    logins: the methods. clock: the reactor. speech: of the session.
    """

    transport: ClientTransport
    place: str
    realm: str | None
    logins: Sequence[Login]
    clock: Clock
    speech: Speech = PLAIN


class Connection(StreamProtocol):
    """One connection. plan: what for. joined: takes the session, or a ConnectFailed."""

    log = Logger(namespace="edge_router.client")
    transport: Any

    def __init__(self, plan: Plan, joined: Deferred[Session]) -> None:
        options = plan.transport.options
        self.plan = plan
        self.codec: Codec | None = None
        #: octets of the longest message that the router takes
        self.longest = 2**31
        self.session: Session | None = None
        self._joined: Deferred[Session] | None = joined
        self._joining: Joining | None = None
        self._step = "the transport's handshake was not done"
        self._deadline: Delayed | None = None
        self._ending = ""
        self._gone: Deferred[None] | None = None
        self._lost = False
        self._paused = False
        #: octets written since the router reads slowly
        self._waiting = 0
        self._bound = options.send_queue
        self._liveness = Liveness(plan.clock, options.auto_ping_interval, options.auto_ping_timeout, self)

    # --- what a kind of transport is ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Connected: start the transport's own handshake."""
        raise NotImplementedError

    def read(self, data: bytes) -> None:
        """Take octets. Raises ProtocolViolation, or ConnectFailed during the handshake."""
        raise NotImplementedError

    def write(self, encoded: bytes) -> None:
        """Frame and write one message."""
        raise NotImplementedError

    def finish(self) -> None:
        """Everything has been said: close in order."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def ping(self) -> None:
        """Ask the router for a sign of life."""
        raise NotImplementedError

    # --- what Twisted calls ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Connected: handshake and login are due."""
        self.transport.registerProducer(self, True)
        patience = self.plan.transport.options.open_handshake_timeout / 1000
        self._deadline = self.plan.clock.callLater(patience, self._too_late, patience)
        self.begin()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the router."""
        self._liveness.heard = True
        try:
            self.read(data)
        except ConnectFailed as failure:
            self._fail(failure)
        except ProtocolViolation as violation:
            self._violated(violation)
        except Exception:  # noqa: BLE001 - the border: a bug of ours ends this connection, nothing else
            self.log.failure("{place}: handling a message", place=self.plan.place)
            self._violated(ProtocolViolation("the client failed on this message"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, in order or not."""
        self._lost = True
        self._liveness.stop()
        self._forget_deadline()
        why = self._ending or f"the connection to {self.plan.place} was lost: {reason_of(reason, self.transport)}"
        self._fail(CannotConnect(f"{self.plan.place}: {self._hint(reason)}"))
        if self.session is not None:
            self.session.lost(why)
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.callback(None)

    def _hint(self, reason: Failure) -> str:
        """Why there was an end before there was a session."""
        if not reason.check(ConnectionDone):
            return f"the connection was lost before the session was there: {reason_of(reason, self.transport)}"
        text = "the router closed the connection before the session was there"
        silent = not self._liveness.heard and self.plan.place.startswith("tcp:")
        return f"{text}, without a word; it may speak TLS (wss:, rss:), or no WAMP" if silent else text

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport's buffer has left."""
        self._paused = False
        self._waiting = 0

    def stopProducing(self) -> None:
        """The transport is done for; `connectionLost` follows."""
        self._paused = True

    # --- joining -----------------------------------------------------------------------------------------------

    def opened(self, codec: Codec, longest: int) -> None:
        """The transport's handshake is done: log in. longest: octets of a message that the router takes."""
        self.codec, self.longest = codec, longest
        self._step = "the router did not answer HELLO"
        self._joining = Joining(self.plan.realm, self.plan.logins, self._channel, self.plan.speech.roles)
        self.send(self._joining.hello())

    def _channel(self, binding: str) -> bytes | None:
        channel: Callable[[str], bytes | None] | None = getattr(self.transport, "channel_id", None)
        return channel(binding) if channel else None

    def _welcomed(self, welcome: Welcome) -> None:
        assert self.codec is not None
        details = welcome.details
        session = self.session = self.plan.speech.session(self.codec, self.send, self.close)
        session.id, session.realm = welcome.session, details.realm or self.plan.realm or ""
        session.authid, session.authrole = details.authid or "", details.authrole or ""
        session.authmethod, session.roles = details.authmethod or "", details.roles
        self._forget_deadline()
        self._liveness.start()
        joined, self._joined = self._joined, None
        if joined is not None:
            joined.callback(session)

    def _too_late(self, patience: float) -> None:
        self._deadline = None
        self._fail(TookTooLong(f"{self.plan.place}: {self._step} within {patience:g} s"))

    def _fail(self, failure: ConnectFailed) -> None:
        """No session comes about."""
        joined, self._joined = self._joined, None
        if joined is not None:
            self.transport.abortConnection()
            if not joined.called:
                joined.errback(failure)

    def abandon(self) -> None:
        """Whoever wanted the session does so no more."""
        self._joined = None

    # --- messages ----------------------------------------------------------------------------------------------

    def received(self, encoded: bytes) -> None:
        """One message as it came. Raises ProtocolViolation, ConnectFailed."""
        assert self.codec is not None
        message = self.codec.decode(encoded)
        session = self.session
        if session is None:
            self._join_on(message)
        elif session.is_open:
            session.receive(message)
            if not session.is_open and self._gone is None:  # by the router's wish
                self.end()
        elif isinstance(message, Goodbye | Abort):
            self.finish()

    def _join_on(self, message: Message) -> None:
        if self._joining is None or self._joined is None:
            return
        answer = self._joining.receive(message)
        if isinstance(answer, Welcome):
            self._welcomed(answer)
        else:
            self._step = "the router did not answer the login"
            self.send(answer)

    def send(self, message: Message) -> None:
        """Send a message. Raises CallError if it is too long for the router, or if too much waits for it already."""
        assert self.codec is not None
        encoded = self.codec.encode(message)
        if len(encoded) > self.longest:
            raise CallError(
                PAYLOAD_SIZE_EXCEEDED, f"a message of {len(encoded)} octets; the router takes {self.longest}"
            )
        if self._paused:
            self._waiting += self._admit(message, len(encoded))
        self.write(encoded)

    def _admit(self, message: Message, size: int) -> int:
        """Whether one more message may wait. Result: its size. Raises CallError."""
        if self._waiting + size > self._bound:
            if isinstance(message, Publish | Call):
                raise CallError(UNAVAILABLE, f"the router does not read: {self._waiting} octets wait for it")
            if self._waiting + size > 2 * self._bound:
                self._ending = f"the router at {self.plan.place} does not read what it is sent"
                self.transport.abortConnection()
        return size

    # --- the end -----------------------------------------------------------------------------------------------

    def unresponsive(self) -> None:
        """Not a word since the ping."""
        self._ending = f"the router at {self.plan.place} does not answer pings"
        self.transport.abortConnection()

    def close(self) -> Deferred[None]:
        """The session has said GOODBYE: wait for the answer, and close. Result: when the connection is gone."""
        gone: Deferred[None] = Deferred()
        if self._gone is not None:
            self._gone.addBoth(lambda _: gone.callback(None))
        elif self._lost:
            gone.callback(None)
        else:
            self.expect_end(FAREWELL_WITHIN)
            return self.close()
        return gone

    def expect_end(self, seconds: float) -> None:
        """From now on the connection has so long to end."""
        self._liveness.stop()
        self._forget_deadline()
        if self._gone is None:
            self._gone = Deferred()
        self._deadline = self.plan.clock.callLater(seconds, self._cut)

    def end(self) -> None:
        """The session is over, and the router knows."""
        self.expect_end(FAREWELL_WITHIN)
        self.finish()

    def _violated(self, violation: ProtocolViolation) -> None:
        """The router broke the protocol: say so, and leave."""
        text = f"the router at {self.plan.place} broke the protocol: {violation.message}"
        self._fail(CannotConnect(text))
        if self.session is not None and self.session.is_open:
            self.send(Abort(CloseDetails(violation.message), PROTOCOL_VIOLATION))
            self._ending = text
            self.session.lost(text)
            self.end()

    def _cut(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _forget_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()


def reason_of(reason: Failure, transport: Any) -> str:
    """Why a connection was lost, in words. transport: of the connection; one under TLS knows more."""
    explain: Callable[[BaseException | None], str] | None = getattr(transport, "explain", None)
    words = explain(reason.value) if explain else ""
    return words or reason.getErrorMessage().rstrip(".") or type(reason.value).__name__
