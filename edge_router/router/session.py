"""One session, from the router's side: HELLO ... WELCOME ... GOODBYE as a table of states.

A state is a table: message class -> what to do. What a state does not list is a protocol violation there, and ends the
session with ABORT. In the realm, messages go straight to broker and dealer; answers in the negative come back as
`WampError` and become one ERROR here, in one place.

        HELLO                    GOODBYE
    NEW ------> ESTABLISHED <-----------> CLOSING/CLOSED      any state: ABORT, loss of the connection -> CLOSED
     | ^---------------'  ^   (GOODBYE by the client: the transport may be used for another session)
     |                    |
     |---> CHALLENGED ----|   (where the authmethod asks for a proof: one CHALLENGE, one AUTHENTICATE)
     |      |     ^       |
     `---> DECIDING ------'   (where somebody else decides, and not at once; the client has to wait)

(Spec, "Sessions", "Protocol Violations", "Authentication Methods".)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from msgspec import Raw

from edge_router.config.schema import Limits
from edge_router.router.interfaces import Accepted, Authenticator, Counts, Decision, Delayed, Login, Peer
from edge_router.router.pending import Pending
from edge_router.router.statistics import counted
from edge_router.wamp.errors import (
    AUTHENTICATION_DENIED,
    AUTHENTICATION_FAILED,
    CLOSE_GOODBYE_AND_OUT,
    CLOSE_LOGOUT,
    NO_MATCHING_AUTH_METHOD,
    NO_SUCH_REALM,
    NO_SUCH_ROLE,
    PROTOCOL_VIOLATION,
    ProtocolViolation,
    WampError,
)
from edge_router.wamp.features import CLIENT_FEATURES
from edge_router.wamp.messages import (
    CODES,
    EMPTY,
    Abort,
    Authenticate,
    Call,
    Challenge,
    CloseDetails,
    Error,
    Goodbye,
    Hello,
    Message,
    Passthru,
    Publish,
    Welcome,
    WelcomeDetails,
)

if TYPE_CHECKING:
    from edge_router.router.broker import Subscription
    from edge_router.router.calls import CallUnderWay
    from edge_router.router.grants import Permissions, RoleInRealm
    from edge_router.router.realm import Realm
    from edge_router.router.registration import Registration
    from edge_router.router.router import Router

Handler: TypeAlias = Callable[["RouterSession", Any], None]

#: seconds a client that said GOODBYE has to close the connection or to open another session
REUSE_WITHIN: Final = 5.0
#: seconds a client has to answer the router's GOODBYE
FAREWELL_WITHIN: Final = 5.0
#: seconds a client has to answer CHALLENGE; somebody may have to type a password
ANSWER_WITHIN: Final = 60.0
#: seconds that whoever decides about a login may take for it
DECIDE_WITHIN: Final = 20.0

_NO_DETAILS: Final = Passthru()


class _Entrant(NamedTuple):
    """A client on its way in.

    realm: that it named, if it did. method: by the name the client has for it. features: that it announced. answer:
    takes what it answers to CHALLENGE. pending: what it waits for.
    """

    realm: Realm | None
    method: str
    features: frozenset[str]
    answer: Callable[[str, dict[str, Any]], Decision] | None = None
    pending: Pending[Any] | None = None


class RouterSession:
    """The router's end of one session.

    router: who it belongs to. peer: the other end. authenticators: by authmethod, as the transport is configured.
    limits: what the session may hold.
    """

    __slots__ = (
        "_authenticators",
        "_entrant",
        "_farewell",
        "_handlers",
        "authextra",
        "authid",
        "authmethod",
        "authprovider",
        "calls",
        "came_by",
        "counted_before",
        "features",
        "id",
        "invocations",
        "issued_invocations",
        "joined_at",
        "limits",
        "peer",
        "permissions",
        "promised_id",
        "realm",
        "registrations",
        "router",
        "streamed",
        "subscriptions",
    )

    def __init__(
        self, router: Router, peer: Peer, authenticators: Mapping[str, Authenticator], limits: Limits
    ) -> None:
        self.router = router
        self.peer = peer
        self.limits = limits
        #: what it came in by, for whoever runs the router; None: it is a part of the node
        self.came_by: Any = None
        self.realm: Realm | None = None
        self.id = 0
        #: the id that it will have once it has joined; 0: none was promised
        self.promised_id = 0
        self.authid = ""
        self.authmethod = ""
        self.authprovider = ""
        self.authextra: dict[str, Any] | None = None
        self.features: frozenset[str] = frozenset()
        #: what the connection had counted when the session before this one ended; None: this is its first
        self.counted_before: Counts | None = None
        self._authenticators = authenticators
        self._handlers: Mapping[type[Message], Handler] = NEW
        self._farewell: Delayed | None = None
        self._entrant: _Entrant | None = None

    # --- what the transport calls ------------------------------------------------------------------------------

    @property
    def greeted(self) -> bool:
        """Whether the client has said HELLO."""
        return self.promised_id != 0

    @property
    def ended(self) -> bool:
        """Whether the session is over and its client knows, or is gone."""
        return self._handlers is CLOSED

    def receive(self, message: Message) -> None:
        """Take one message. Answers, and the end of the session too, go out through the peer."""
        handler = self._handlers.get(type(message))
        try:
            if handler is None:
                self._unexpected(message)
            else:
                handler(self, message)
        except WampError as error:
            self.fail(message, error)
        except ProtocolViolation as violation:
            self.violated(violation)

    def violated(self, violation: ProtocolViolation) -> None:
        """End the session: the peer broke the protocol."""
        if self._handlers is not CLOSED:
            self.abort(PROTOCOL_VIOLATION, violation.message)

    def lost(self) -> None:
        """The connection is gone. Idempotent."""
        self._handlers = CLOSED
        self._leave()

    # --- how a session ends ------------------------------------------------------------------------------------

    def abort(self, reason: str, message: str) -> None:
        """Refuse or end the session with ABORT, and close the connection."""
        self.router.refused(self, reason, message)
        self.peer.send_message(Abort(CloseDetails(message), reason))
        self._handlers = CLOSED
        self._leave()
        self.peer.close()

    def goodbye(self, reason: str, message: str | None = None) -> None:
        """End the session with GOODBYE from the router's side; the connection closes when the client has answered."""
        if self._handlers is CLOSED or self._handlers is CLOSING:
            return
        if self.realm is None:
            self.abort(reason, message or "")
            return
        self.peer.send_message(Goodbye(CloseDetails(message), reason))
        self._handlers = CLOSING
        self._leave()
        self._farewell = self.router.clock.callLater(FAREWELL_WITHIN, self._closed)

    def _cancel_farewell(self) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None

    def _leave(self) -> None:
        self._cancel_farewell()
        entrant, self._entrant = self._entrant, None
        if entrant is not None and entrant.pending is not None:
            entrant.pending.cancel()
        realm, self.realm = self.realm, None
        if realm is not None:
            realm.leave(self)
            self.counted_before = counted(self.peer)

    def _closed(self) -> None:
        self._farewell = None
        self._handlers = CLOSED
        self.peer.close()

    # --- answers -----------------------------------------------------------------------------------------------

    def fail(self, message: Message, error: WampError) -> None:
        """Answer a request in the negative. An unacknowledged PUBLISH gets no answer (spec, "PUBLISH")."""
        if type(message) is Publish and not message.options.acknowledge:
            return
        if type(message) is Call and message.options.progress:
            self.streamed = message.request  # what follows of it gets no second answer
        self.send_error(CODES[type(message)], message.request, error)  # type: ignore[attr-defined]

    def send_error(self, kind: int, request: int, error: WampError) -> None:
        """Send an ERROR of the router's own making. `kind`: the code of the request's message."""
        self.peer.send_message(error_message(self.peer.codec.dumps, kind, request, error))

    def _unexpected(self, message: Message) -> None:
        name = type(message).__name__.upper()
        if self._handlers is NEW:
            raise ProtocolViolation(f"{name} before a session is established; HELLO would be right")
        if self._handlers is CHALLENGED:
            raise ProtocolViolation(f"{name} in the middle of logging in; AUTHENTICATE would be right")
        if self._handlers is DECIDING:
            raise ProtocolViolation(f"{name} in the middle of logging in; the router's answer is to be waited for")
        raise ProtocolViolation(f"{name} has no place in an established session")

    # --- states ------------------------------------------------------------------------------------------------

    def _on_hello(self, hello: Hello) -> None:
        self._cancel_farewell()
        if not hello.details.roles:
            raise ProtocolViolation("HELLO announces no roles; at least one would be right")
        if self.router.closing:
            self.abort(self.router.closing, "the router is about to end")
            return
        realm = None
        if hello.realm:
            realm = self.router.realms.get(hello.realm)
            if realm is None:
                self._no_realm(hello.realm)
                return
        self.promised_id = next(self.router.global_ids)
        wanted = hello.details.authmethods or ("anonymous",)
        methods = [name for name in wanted if name in self._authenticators]
        features = features_of(hello)
        for method in methods:
            login = self._login(hello, method)
            if self._decide(_Entrant(realm, method, features), partial(self._authenticators[method].hello, login)):
                return
        named = ", ".join(wanted)[:80]
        if methods:
            self._refuse(realm, AUTHENTICATION_DENIED, f"none of the authmethods {named} has anything to go by")
        else:
            self._refuse(realm, NO_MATCHING_AUTH_METHOD, f"none of the authmethods {named} is offered here")

    def _login(self, hello: Hello, method: str) -> Login:
        said = hello.details
        return Login(
            hello.realm or None, self.promised_id, method, said.authid, said.authextra or {}, self.peer.details
        )

    def _decide(self, entrant: _Entrant, ask: Callable[[], Decision | None]) -> bool:
        """Have an authmethod decide, and do what it says. Result: False if it has nothing to decide by."""
        try:
            found = ask()
        except WampError as refusal:
            self._follow(entrant, refusal)
            return True
        if found is not None:
            self._follow(entrant, found)
        return found is not None

    def _follow(self, entrant: _Entrant, found: Decision | WampError) -> None:
        """Let a client in, refuse it, have it answer a question first, or wait, as was decided."""
        if isinstance(found, Accepted):
            self._admit(entrant, found)
        elif isinstance(found, WampError):
            self._refuse(entrant.realm, found.uri, " ".join(map(str, found.error_args)))
        elif isinstance(found, Pending):
            self._entrant = entrant = entrant._replace(answer=None, pending=found)
            self._handlers = DECIDING
            self._farewell = self.router.clock.callLater(DECIDE_WITHIN, self._undecided)
            found.then(partial(self._decided, entrant))
        else:
            self._entrant = entrant._replace(answer=found.answer, pending=None)
            self._handlers = CHALLENGED
            self._farewell = self.router.clock.callLater(ANSWER_WITHIN, self._unanswered)
            self.peer.send_message(Challenge(entrant.method, found.extra))

    def _decided(self, entrant: _Entrant, found: Decision | WampError) -> None:
        if self._entrant is entrant:
            self._entrant = None
            self._cancel_farewell()
            self._follow(entrant, found)

    def _undecided(self) -> None:
        self._farewell = None
        self.abort(AUTHENTICATION_FAILED, f"nobody has decided about this login within {DECIDE_WITHIN:g} s")

    def _on_authenticate(self, message: Authenticate) -> None:
        entrant, self._entrant = self._entrant, None
        assert entrant is not None
        assert entrant.answer is not None
        self._cancel_farewell()
        self._decide(entrant, partial(entrant.answer, message.signature, message.extra))

    def _unanswered(self) -> None:
        self._farewell = None
        self.abort(AUTHENTICATION_FAILED, f"CHALLENGE was not answered within {ANSWER_WITHIN:g} s")

    def _refuse(self, realm: Realm | None, uri: str, message: str) -> None:
        self.abort(realm.error_uri(uri) if realm is not None else uri, message)

    def _no_realm(self, name: str) -> None:
        self.abort(NO_SUCH_REALM, f"there is no realm '{name[:80]}' here")

    def _admit(self, entrant: _Entrant, accepted: Accepted) -> None:
        name = accepted.realm
        if name is None:
            if entrant.realm is None:
                self.abort(NO_SUCH_REALM, "HELLO names no realm, and this login is not bound to one")
                return
            name = entrant.realm.name
        realm = self.router.realms.get(name)  # asked anew: it may have been closed during the login
        if realm is None:
            self._no_realm(name)
            return
        permissions = realm.permissions_of(accepted.authrole)
        if permissions is None:
            self.abort(NO_SUCH_ROLE, f"the realm has no role '{accepted.authrole}'")
            return
        if not realm.has_room:
            self.abort(realm.full.uri, str(realm.full.error_args[0]))
            return
        if self.router.closing:
            self.abort(self.router.closing, "the router is about to end")
            return
        self.authid, self.authmethod, self.authprovider = accepted.authid, entrant.method, accepted.authprovider
        self.authextra = accepted.authextra
        self.join(realm, permissions, entrant.features)
        details = WelcomeDetails(
            roles=realm.announced,
            realm=realm.name,
            authid=self.authid,
            authrole=permissions.name,
            authmethod=self.authmethod,
            authprovider=self.authprovider,
            authextra=accepted.authextra,
            agent=self.router.agent,
        )
        self.peer.send_message(Welcome(self.id, details))

    def join(self, realm: Realm, role: RoleInRealm, features: frozenset[str]) -> None:
        """Become a session of a realm, in a role. Local sessions of trusted parts call this themselves."""
        self.features = features
        #: monotonic seconds
        self.joined_at = self.router.clock.seconds()
        self.subscriptions: dict[int, Subscription] = {}
        self.registrations: dict[int, Registration] = {}
        self.calls: dict[int, CallUnderWay] = {}
        self.invocations: dict[int, CallUnderWay] = {}
        self.issued_invocations = 0
        #: the highest request id of a CALL that came, or comes, in parts
        self.streamed = 0
        self.realm = realm
        self._handlers = realm.handlers
        self.permissions: Permissions = role.joined(self)
        realm.enter(self)

    def switch(self, handlers: Mapping[type[Message], Handler]) -> None:
        """Be in another state; for sessions in a realm, whose permissions may have states of their own (`asked`)."""
        self._handlers = handlers

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """The client leaves: answer, and let it use the connection for another session for a while."""
        self.peer.send_message(Goodbye(CloseDetails(), CLOSE_GOODBYE_AND_OUT))
        self._leave()
        if goodbye.reason == CLOSE_LOGOUT and self.peer.details.cookie is not None:
            self.router.log_out(self.peer.details.cookie)
        self._handlers = NEW
        self._farewell = self.router.clock.callLater(REUSE_WITHIN, self._closed)

    def on_abort(self, _abort: Abort) -> None:
        """The client gives up: no answer (spec, "ABORT")."""
        self._handlers = CLOSED
        self._leave()
        self.peer.close()

    def _on_goodbye_answered(self, _goodbye: Goodbye) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
        self._closed()

    def _ignore(self, _message: Message) -> None:
        """After the router's GOODBYE or ABORT nothing but GOODBYE counts (spec, "Session Closing")."""


class _Deaf(dict[type[Message], Handler]):
    """A state in which everything that it does not list is passed over."""

    def get(self, key: Any, _default: Any = None) -> Any:
        return super().get(key, RouterSession._ignore)


NEW: Final[dict[type[Message], Handler]] = {Hello: RouterSession._on_hello, Abort: RouterSession.on_abort}
CHALLENGED: Final[dict[type[Message], Handler]] = {
    Authenticate: RouterSession._on_authenticate,
    Abort: RouterSession.on_abort,
}
DECIDING: Final[dict[type[Message], Handler]] = {Abort: RouterSession.on_abort}
CLOSING: Final[dict[type[Message], Handler]] = _Deaf(
    {Goodbye: RouterSession._on_goodbye_answered, Abort: RouterSession.on_abort}
)
CLOSED: Final[dict[type[Message], Handler]] = _Deaf()


def features_of(hello: Hello) -> frozenset[str]:
    """The features a client announces that matter here, as `role.feature`."""
    found: set[str] = set()
    for role, details in hello.details.roles.items():
        features = details.get("features")
        if isinstance(features, dict):
            found.update(f"{role}.{feature}" for feature, works in features.items() if works is True)
    return CLIENT_FEATURES & found


def error_message(dumps: Callable[[Any], Raw], kind: int, request: int, error: WampError) -> Error:
    """An ERROR of the router's own making, its payload in the encoding of `dumps`."""
    args = dumps(list(error.error_args)) if error.error_args else EMPTY
    kwargs = dumps(dict(error.error_kwargs)) if error.error_kwargs else EMPTY
    return Error(kind, request, _NO_DETAILS, error.uri, args, kwargs)


