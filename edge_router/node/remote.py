"""autobahn's sessions on connections to routers, RawSocket or WebSocket: its transport, on our client's connections.

So components have what our client has: TLS with authorities of one's own, signs of life, bounds, errors that say what
is wrong. Logging in is the session's business, as it is with autobahn's own transports, unless the configuration says
how. Source: `autobahn.wamp.interfaces.ITransport`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import autobahn.twisted.wamp  # noqa: F401  # has txaio use Twisted, which must be before anything else of autobahn
import txaio
from autobahn.wamp.exception import ProtocolError, TransportLost
from autobahn.wamp.interfaces import ITransport
from autobahn.wamp.message import Hello
from autobahn.wamp.types import TransportDetails
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from edge_router.client.address import BadAddress, endpoint_of, place_of
from edge_router.client.connect import Attempt
from edge_router.client.connection import Connection, Plan, reason_of
from edge_router.client.failures import ConnectFailed
from edge_router.client.joining import Joining
from edge_router.client.logins import logins_of
from edge_router.client.rawsocket import RawSocketConnection
from edge_router.client.websocket import WebSocketConnection
from edge_router.config.schema.connecting import ClientAuth, ClientTransport
from edge_router.node.wire import Wire
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import ProtocolViolation, WampError
from edge_router.wamp.messages import Abort, Goodbye, Message, Welcome
from edge_router.wamp.messages import Hello as OurHello

_KINDS: Final = {True: f"{__name__}:WebSocketLine", False: f"{__name__}:RawSocketLine"}


class _Line(Connection):
    """A connection that leaves WAMP to somebody else; its Deferred gives the connection itself, once it is open."""

    #: take one message as it came; told why the connection was lost
    on_message: Callable[[bytes], object]
    on_lost: Callable[[str], object]

    def opened(self, codec: Codec, longest: int) -> None:
        """The transport's handshake is done."""
        self.codec, self.longest = codec, longest
        self._forget_deadline()
        self._liveness.start()
        opened: Any = self._joined
        self._joined = None
        if opened is not None:
            opened.callback(self)

    def received(self, encoded: bytes) -> None:
        """One message as it came."""
        self.on_message(encoded)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        was_open = self.codec is not None
        super().connectionLost(reason)
        if was_open:
            why = f"the connection to {self.plan.place} was lost: {reason_of(reason, self.transport)}"
            self.on_lost(self._ending or why)

    def give_up(self, why: str) -> None:
        """Close at once. why: for the log."""
        self._ending = self._ending or why
        self.transport.abortConnection()

    def _violated(self, violation: ProtocolViolation) -> None:
        if self.codec is None:
            super()._violated(violation)
        else:
            self.give_up(f"the router at {self.plan.place} broke the protocol: {violation.message}")


class RawSocketLine(_Line, RawSocketConnection):
    """By RawSocket."""


class WebSocketLine(_Line, WebSocketConnection):
    """By WebSocket."""


class RemoteTransport(ITransport):
    """The connection of one autobahn session.

    session: autobahn's. transport: where to connect. auth: how to log in; None: as the session does it. directory: the
    node directory. reactor: Twisted's. ended: called once, when there is no connection any more or none came about,
    with the reason; an empty one if the session wanted that.
    """

    def __init__(
        self,
        session: Any,
        transport: ClientTransport,
        auth: ClientAuth | None,
        directory: Path,
        reactor: Any,
        ended: Callable[[str], None],
    ) -> None:
        self._session = session
        self._config = transport
        self._auth = auth
        self._directory = directory
        self._reactor = reactor
        self._ended: Callable[[str], None] | None = ended
        self._line: Any = None
        self._attempt: Deferred[Any] | None = None
        self._joining: Joining | None = None
        self._logins: Any = []
        self._leaving = False
        self._dismissed = ""
        self._serializer: Wire | None = None
        self._details: TransportDetails | None = None
        self.is_closed = txaio.create_future()

    @property
    def transport_details(self) -> TransportDetails | None:
        """As autobahn has it in SessionDetails."""
        return self._details

    def connect(self) -> None:
        """Connect, then tell the session; it joins by itself."""
        try:
            endpoint = endpoint_of(self._config)
            self._logins = logins_of(self._auth, self._directory) if self._auth is not None else []
            plan = Plan(self._config, place_of(endpoint), None, (), self._reactor)
            attempt = Attempt(plan, endpoint, self._reactor, self._directory, _KINDS)
            self._attempt = attempt.start()
        except (BadAddress, ConnectFailed) as problem:
            self._end(str(problem))
            return
        self._attempt.addCallbacks(self._connected, self._not_connected)

    def _connected(self, line: Any) -> None:
        self._attempt = None
        self._line = line
        line.on_message, line.on_lost = self._received, self._lost
        self._serializer = Wire(line.codec)
        web = isinstance(line, WebSocketLine)
        self._details = TransportDetails(
            channel_type=TransportDetails.CHANNEL_TYPE_TCP,
            channel_framing=getattr(TransportDetails, f"CHANNEL_FRAMING_{'WEB' if web else 'RAW'}SOCKET"),
            channel_serializer=TransportDetails.CHANNEL_SERIALIZER_FROM_STR[line.codec.name],
            peer=line.plan.place,
            is_server=False,
        )
        self._session.onOpen(self)

    def _not_connected(self, failure: Failure) -> None:
        self._attempt = None
        self._end(failure.getErrorMessage())

    # --- what autobahn's session calls -------------------------------------------------------------------------

    def isOpen(self) -> bool:
        """Whether anything can be sent."""
        return self._line is not None

    def send(self, message: Any) -> None:
        """Take a message of autobahn's. Raises its TransportLost and SerializationError."""
        if self._line is None or self._serializer is None:
            raise TransportLost
        octets = self._serializer.octets(message)
        if isinstance(message, Hello):
            self._leaving, self._dismissed = False, ""
            if self._logins:
                self._log_in(octets)
                return
        ours = self._line.codec.decode(octets)
        self._leaving = self._leaving or isinstance(ours, Goodbye)
        self._line.send(ours)

    def close(self) -> None:
        """End the connection, once what was sent has left. Idempotent."""
        if self._line is not None:
            self._leaving = True
            self._line.end()
        elif self._attempt is not None:
            self.abort()

    def abort(self) -> None:
        """End the connection, or the attempt to have one, at once."""
        if self._line is not None:
            self._line.give_up("it was aborted")
        elif self._attempt is not None:
            attempt, self._attempt = self._attempt, None
            attempt.addErrback(lambda _: None)
            attempt.cancel()
            self._end("it was aborted")

    def get_channel_id(self, channel_id_type: str = "tls-unique") -> bytes | None:
        """What both ends of this connection know, under TLS; for cryptosign."""
        channel = getattr(self._line.transport, "channel_id", None) if self._line is not None else None
        found: bytes | None = channel(channel_id_type) if channel is not None else None
        return found

    # --- logging in as configured ------------------------------------------------------------------------------

    def _log_in(self, octets: bytes) -> None:
        hello = self._line.codec.decode(octets)
        joining = self._joining = Joining(hello.realm, self._logins, self.get_channel_id)
        try:
            ours: OurHello = joining.hello()
        except ConnectFailed as problem:
            self._line.give_up(str(problem))
            return
        # what the session can do is its own affair
        self._line.send(OurHello(hello.realm, replace(ours.details, roles=hello.details.roles)))

    def _logged_in(self, message: Message) -> bool:
        """Take a message on the way in. Result: whether the session is to have it."""
        joining = self._joining
        if joining is None:
            return True
        if isinstance(message, Abort | Goodbye):
            self._joining = None
            return True
        try:
            answer = joining.receive(message)
        except ConnectFailed as problem:
            self._line.give_up(str(problem))
            return False
        if isinstance(answer, Welcome):
            self._joining = None
            return True
        self._line.send(answer)
        return False

    # --- what comes in -----------------------------------------------------------------------------------------

    def _received(self, encoded: bytes) -> None:
        line, serializer = self._line, self._serializer
        if line is None or serializer is None:
            return
        message = line.codec.decode(encoded)
        if isinstance(message, Abort | Goodbye) and not self._leaving:
            self._dismissed = f"the router said {message.reason}" + (
                f": {message.details.message}" if message.details.message else ""
            )
        if not self._logged_in(message):
            return
        try:
            for each in serializer.messages(encoded):
                self._session.onMessage(each)
        except (ProtocolError, WampError) as problem:
            line.give_up(f"the session takes this for a break of the protocol: {problem}")

    def _lost(self, why: str) -> None:
        self._line = None
        wanted = self._leaving and not self._dismissed
        try:
            self._session.onClose(wanted)
        finally:
            self._end("" if wanted else self._dismissed or why)

    def _end(self, why: str) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            txaio.resolve(self.is_closed, self)
            ended(why)
