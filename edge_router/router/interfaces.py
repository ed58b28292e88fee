"""What the routing core asks of the world, and nothing else: clocks and peers.

Only protocols and plain records may live here, so that shells (transports, client) can depend on this module without
depending on the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from edge_router.router.pending import Pending
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import ProtocolViolation, WampError
from edge_router.wamp.messages import Message
from edge_router.wamp.outgoing import Outgoing


class ClientCertificate(Struct, frozen=True):
    """The certificate that a client has shown, and holds the key of; an authority of the endpoint's has signed it.

    subject: whose it is (RFC 4514). sha256, sha1: its fingerprints, hexadecimal in lower case without colons.
    """

    subject: str
    sha256: str
    sha1: str


class Remembered(Struct, frozen=True, omit_defaults=True):
    """Who has logged in with a cookie.

    method: by which authmethod. seal: binds it to this cookie. ends: until when it counts, seconds since 1970.
    """

    authid: str
    authrole: str
    realm: str
    method: str
    seal: str
    authextra: dict[str, Any] | None = None
    ends: float = 0.0


class Visit(Protocol):
    """A connection of a browser that has a cookie. name: what others may know it by; the cookie itself is a secret."""

    name: str

    @property
    def remembered(self) -> Remembered | None:
        """Who has logged in with this cookie."""

    def remember(self, who: Remembered) -> None:
        """Somebody has logged in with it."""

    def forget(self) -> None:
        """Nobody is logged in with it any more."""

    def seal(self, octets: bytes) -> str:
        """A digest of these octets that only who has the cookie can make."""


class TransportDetails(Struct, frozen=True, omit_defaults=True):
    """How a peer is connected; shown in session details and in refusals.

    kind: `rawsocket`, `websocket` or `local`. peer: `tcp4:192.168.0.7:53124`, `unix:pid=812,uid=1000`, ... .
    secure: whether by TLS. certificate: the client's, if the endpoint asks for one. channel_id: what both ends of this
    TLS connection know and nobody else has, by the kind of channel binding; `tls-unique` is the client's first Finished
    message (RFC 5929), which only TLS 1.2 has, `tls-exporter` 32 octets of TLS 1.3 (RFC 9266). cookie: of a browser.
    """

    kind: str
    peer: str = ""
    protocol: str = ""
    secure: bool = False
    certificate: ClientCertificate | None = None
    channel_id: dict[str, bytes] = {}
    cookie: Visit | None = None


class Peer(Protocol):
    """The other end of a session, as the core sees it. Every method returns at once.

    codec: the encoding it speaks. details: how it is connected. dropped: events dropped for it so far.
    """

    codec: Codec
    details: TransportDetails
    dropped: int

    def send(self, outgoing: Outgoing) -> None:
        """Hand over an EVENT. It leaves when the read that caused it has been handled.

        It is dropped, and counted, if the peer reads too slowly, if it is longer than the peer takes, or if its payload
        has no form in the peer's encoding.
        """

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:
        """Hand over a message of a call, which is never dropped.

        message: with its payload in the encoding `source`. refusable: refuse it if the peer reads too slowly (for
        INVOCATION), where others end the peer's session instead.
        Raises WampError if it is refused, longer than the peer takes, or has no form in the peer's encoding.
        """

    def send_message(self, message: Message) -> None:
        """Hand over a message that is for this peer alone; its payload, if any, is in the peer's own encoding."""

    def close(self) -> None:
        """End the connection once everything handed over has left. Idempotent."""


@runtime_checkable
class Throttled(Protocol):
    """A peer that need not be listened to for a while; what it has to say waits at its end."""

    def stop_reading(self) -> None:
        """Take nothing more from it; what has been read already still comes."""

    def read_on(self) -> None:
        """Take what it says again."""


class Counts(Struct, gc=False):
    """What went over one or several connections.

    messages_received, messages_sent: WAMP messages. bytes_received, bytes_sent: octets of them with their framing, in
    the clear and before compression as far as the router compresses itself.
    """

    messages_received: int = 0
    bytes_received: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0

    def add(self, other: Counts) -> None:
        """Take another one's in."""
        self.messages_received += other.messages_received
        self.bytes_received += other.bytes_received
        self.messages_sent += other.messages_sent
        self.bytes_sent += other.bytes_sent

    def since(self, before: Counts | None) -> Counts:
        """What has come to it since it was `before`."""
        if before is None:
            return self
        return Counts(
            self.messages_received - before.messages_received,
            self.bytes_received - before.bytes_received,
            self.messages_sent - before.messages_sent,
            self.bytes_sent - before.bytes_sent,
        )

    def shown(self) -> dict[str, int]:
        """JSON-like."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Counted(Protocol):
    """A peer that counts."""

    def counted(self) -> Counts:
        """A copy of what it has counted, with what is about to leave."""


class Accepted(Struct, frozen=True):
    """Who a client is, as an authenticator found. realm: that it joins; None: the one that it named."""

    authid: str
    authrole: str
    authprovider: str = "static"
    authextra: dict[str, Any] | None = None
    realm: str | None = None


class Login(Struct, frozen=True):
    """What a client says of itself in HELLO, before anything of it is proved.

    realm: that it wants to join; None leaves it to the router. session: the id that its session will have. method: the
    authmethod, by the name that the client has for it. authid, authextra: as in HELLO. transport: how it is connected.
    """

    realm: str | None
    session: int
    method: str
    authid: str | None
    authextra: dict[str, Any]
    transport: TransportDetails


class Question(Struct, frozen=True):
    """What a client has to answer to be let in, once.

    extra: of CHALLENGE. answer: takes signature and extra of AUTHENTICATE, both as the client wrote them, and decides;
    it raises WampError to refuse.
    """

    extra: dict[str, Any]
    answer: Callable[[str, dict[str, Any]], Decision]


#: about a client that wants in: who it is, what it has to answer first, or one of these later
Decision: TypeAlias = "Accepted | Question | Pending[Any]"


class Authenticator(Protocol):
    """One authmethod of one transport."""

    def hello(self, login: Login) -> Decision | None:
        """Decide at HELLO, or say what the client has to answer first; raises WampError to refuse.

        None: there is nothing that this method could go by; the next one that the client offers is tried.
        """


class Delayed(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Monotonic time. Twisted's reactor (with `seconds` set to time.monotonic) and `task.Clock` fit."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> Delayed: ...


#: takes positional and keyword results of a procedure
Answered: TypeAlias = Callable[[list[Any], dict[str, Any]], None]
#: takes the reason why there are none
Failed: TypeAlias = Callable[[WampError], None]


class Inquirer(Protocol):
    """Asks procedures for the router itself, which has to know something to go on; `router.Router` does."""

    def ask(
        self,
        realm: str,
        procedure: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        answered: Answered,
        failed: Failed,
        timeout: int,
    ) -> None:
        """Call a procedure of a realm as a trusted caller that stays unnamed.

        args, kwargs: plain values. timeout: milliseconds, 1 or more. Exactly one of `answered` and `failed` is called,
        once, and always later than this method returns: in a turn of its own, so that it may use the router as it
        likes. `failed` gets what the procedure raised, or `no_such_realm`, `no_such_procedure`, `canceled` (the callee
        left), `timeout` and whatever else a CALL may come to.
        """


class ReceivingSession(Protocol):
    """The router's end of a session, as a transport sees it. id: 0 until it has joined."""

    id: int

    @property
    def greeted(self) -> bool:
        """Whether the client has said HELLO; from then on the session minds the time that logging in takes."""

    def goodbye(self, reason: str, message: str | None = None) -> None:
        """End the session from the router's side."""

    def receive(self, message: Message) -> None:
        """Take one decoded message. Answers, and the end of the session too, come through the peer."""

    def violated(self, violation: ProtocolViolation) -> None:
        """The peer sent what is no message: answer ABORT `wamp.error.protocol_violation` and close the peer."""

    def lost(self) -> None:
        """The connection is gone: leave the realm without a word. Idempotent."""

