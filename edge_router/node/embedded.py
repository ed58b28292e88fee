"""autobahn's sessions on a realm of this very process: its transport, with our router at the other end.

Messages go from autobahn's form to ours and back as MsgPack, so a component is to the router what any other client is;
payloads are encoded once on the way. Order is kept, and nothing is handled in the middle of the router's work (see
`client.local`). Source: `autobahn.wamp.interfaces.ITransport`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autobahn.twisted.wamp  # noqa: F401  # has txaio use Twisted, which must be before anything else of autobahn
import txaio
from autobahn.wamp.exception import SerializationError, TransportLost
from autobahn.wamp.interfaces import ITransport
from autobahn.wamp.types import TransportDetails

from edge_router.client.local import LocalPeer, Outbox
from edge_router.node.wire import Wire
from edge_router.router.interfaces import Peer
from edge_router.router.realm import Realm
from edge_router.router.session import RouterSession, features_of
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.errors import NO_SUCH_REALM, ProtocolViolation, WampError
from edge_router.wamp.messages import Abort, CloseDetails, Goodbye, Hello, Message, Welcome, WelcomeDetails


class EmbeddedTransport(ITransport):
    """The connection of one autobahn session.

    session: autobahn's. realm: where it may join. role, authid: as whom. outbox: of the router. ended: called once,
    when the connection has ended, with the reason; an empty one if the session wanted that.
    """

    def __init__(
        self, session: Any, realm: Realm, role: str, authid: str, outbox: Outbox, ended: Callable[[str], None]
    ) -> None:
        self._session = session
        self._realm = realm
        self._role = role
        self._authid = authid
        self._outbox = outbox
        self._ended = ended
        self._open = True
        self._leaving = False
        self._dismissed = False
        self._router_session: RouterSession | None = None
        self._peer = LocalPeer(outbox)
        self._serializer = Wire(MSGPACK)
        self._details = TransportDetails(
            channel_type=TransportDetails.CHANNEL_TYPE_FUNCTION,
            channel_framing=TransportDetails.CHANNEL_FRAMING_NATIVE,
            channel_serializer=TransportDetails.CHANNEL_SERIALIZER_MSGPACK,
            peer="local",
            is_secure=True,
        )
        self.is_closed = txaio.create_future()

    @property
    def transport_details(self) -> TransportDetails:
        """As autobahn has it in SessionDetails."""
        return self._details

    def connect(self) -> None:
        """Tell the session that it is connected; it joins by itself."""
        self._session.onOpen(self)

    # --- what autobahn's session calls -------------------------------------------------------------------------

    def isOpen(self) -> bool:
        """Whether anything can be sent."""
        return self._open

    def send(self, message: Any) -> None:
        """Take a message of autobahn's. Raises its TransportLost and SerializationError."""
        if not self._open:
            raise TransportLost
        try:
            ours = MSGPACK.decode(self._serializer.octets(message))
        except ProtocolViolation as problem:
            raise SerializationError(f"{type(message).__name__} has no form in MsgPack: {problem}") from None
        if isinstance(ours, Hello):
            self._join(ours)
        elif self._router_session is not None:
            self._leaving = self._leaving or isinstance(ours, Goodbye)
            self._peer.messages_received += 1
            self._router_session.receive(ours)

    def close(self) -> None:
        """End the connection. Idempotent."""
        self._end(not self._dismissed)

    def abort(self) -> None:
        """End the connection, not in order."""
        self._end(False)

    def get_channel_id(self, channel_id_type: str = "tls-unique") -> bytes | None:
        """There is no TLS."""
        del channel_id_type
        return None

    # --- what the router's end says (as `client.session.Session` for a LocalPeer) ------------------------------

    def receive(self, message: Message) -> None:
        """Hand a message of the router to the session."""
        if not self._open:
            return
        if isinstance(message, Abort) or (isinstance(message, Goodbye) and not self._leaving):
            self._dismissed = True
        for each in self._serializer.messages(MSGPACK.encode(message)):
            self._session.onMessage(each)

    def lost(self, reason: str) -> None:
        """The router's end is closed."""
        del reason
        self._end(self._leaving and not self._dismissed)

    # --- how it begins and ends --------------------------------------------------------------------------------

    def _join(self, hello: Hello) -> None:
        self._leave()
        self._leaving = self._dismissed = False
        peer: Any = LocalPeer(self._outbox)
        self._peer = peer
        peer.session = self  # of which it needs `receive` and `lost` only
        try:
            joined = self._admitted(hello, peer)
        except WampError as refusal:
            peer.send_message(Abort(CloseDetails(str(refusal.error_args[0])), refusal.uri))
            peer.close()
            return
        self._router_session = joined
        details = WelcomeDetails(
            roles=self._realm.announced,
            realm=self._realm.name,
            authid=joined.authid,
            authrole=joined.permissions.name,
            authmethod=joined.authmethod,
            authprovider=joined.authprovider,
            agent=joined.router.agent,
        )
        peer.send_message(Welcome(joined.id, details))

    def _admitted(self, hello: Hello, peer: Peer) -> RouterSession:
        if hello.realm not in (None, self._realm.name):
            raise WampError(NO_SUCH_REALM, f"this component may join '{self._realm.name}' only, not '{hello.realm}'")
        return self._realm.admit(peer, self._role, self._authid, features_of(hello))

    def _end(self, clean: bool) -> None:
        if not self._open:
            return
        self._open = False
        self._leave()
        try:
            self._session.onClose(clean)
        finally:
            txaio.resolve(self.is_closed, self)
            self._ended("" if clean else "the router ended its session")

    def _leave(self) -> None:
        """Forget the router's end, if there is one; it says nothing any more."""
        session, self._router_session = self._router_session, None
        self._peer.session = None
        if session is not None:
            session.lost()
