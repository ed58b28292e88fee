"""A realm: a separate space of topics, procedures and sessions (spec, "Realms, Sessions and Transports").

It owns a broker and a dealer, its roles, and the table that says which message goes where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_router.config.schema import Limits
from edge_router.config.schema import Realm as RealmConfig
from edge_router.router.broker import Broker
from edge_router.router.callqueue import CallQueues
from edge_router.router.dealer import Dealer
from edge_router.router.grants import RoleInRealm
from edge_router.router.inquiry import Inquiries
from edge_router.router.interfaces import Counts, Peer
from edge_router.router.meta import MetaApi
from edge_router.router.permissions import RolePermissions
from edge_router.router.roles import TRUSTED, Roles
from edge_router.router.session import Handler, RouterSession
from edge_router.router.statistics import Totals, counts_of
from edge_router.wamp.errors import (
    AUTHENTICATION_DENIED,
    LIMIT_EXCEEDED,
    NO_MATCHING_AUTH_METHOD,
    NOT_AUTHORIZED,
    WampError,
)
from edge_router.wamp.features import LOCAL_FEATURES, announced
from edge_router.wamp.messages import (
    Abort,
    Call,
    Cancel,
    Error,
    Goodbye,
    Message,
    Publish,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
    Yield,
)

if TYPE_CHECKING:
    from edge_router.router.router import Router

#: what Crossbar calls the refusals of a login, for clients that look for those names
_CROSSBAR_URIS: Final = {
    AUTHENTICATION_DENIED: NOT_AUTHORIZED,
    NO_MATCHING_AUTH_METHOD: "wamp.error.no_auth_method",
}


class Realm:
    """A realm of a router.

    router: whose. config: its declaration.
    """

    def __init__(self, router: Router, config: RealmConfig) -> None:
        self.name = config.name
        self.config = config
        self.sessions: dict[int, RouterSession] = {}
        self.broker = Broker(
            router.global_ids, router.router_ids, config.store, router.clock.seconds, router.now
        )
        queues = CallQueues(config.store.call_queue, config.store.limit)
        self.dealer = Dealer(router.router_ids, router.clock, router.random, queues)
        self.full = _full(config)
        self._router = router
        self._totals = Totals()
        check = config.options.uri_check
        self.trusted = RolePermissions(TRUSTED, None, check)
        #: the procedures that the router itself has asked
        self.inquiries = Inquiries(router, self)
        self.announced = announced(config.options.enable_meta_api, bool(self.broker.histories))
        self.meta = self.dealer.meta = MetaApi(router, self) if config.options.enable_meta_api else None
        broker, dealer = self.broker, self.dealer
        #: the state ESTABLISHED: what a session in this realm may send
        self.handlers: dict[type[Message], Handler] = {
            Publish: broker.publish,
            Subscribe: broker.subscribe,
            Unsubscribe: broker.unsubscribe,
            Call: dealer.call,
            Cancel: dealer.cancel,
            Yield: dealer.yielded,
            Error: dealer.failed,
            Register: dealer.register,
            Unregister: dealer.unregister,
            Goodbye: RouterSession.on_goodbye,
            Abort: RouterSession.on_abort,
        }
        #: what sessions may do; changed while they are there
        self.roles = Roles(router, self, config.roles)

    @property
    def counts(self) -> Counts:
        """What its sessions have sent and been sent, those that have left included."""
        return self._totals.with_those(counts_of(session) for session in self.sessions.values())

    @property
    def has_room(self) -> bool:
        """Whether one more session may join."""
        return len(self.sessions) < self.config.options.max_sessions

    def follow(self, config: RealmConfig) -> None:
        """Have other `max_sessions`, `error_style` and `id` from now on. Nothing else of a realm can change while it is
        open, but its roles (`roles`).
        """
        self.config = config
        self.full = _full(config)

    def permissions_of(self, role: str) -> RoleInRealm | None:
        """What a role gives, or several as `reader,operator`; None if the realm has no such role."""
        return self.roles.find(role)

    def error_uri(self, uri: str) -> str:
        """The name of a refused login in the style that the realm is configured for."""
        return _CROSSBAR_URIS.get(uri, uri) if self.config.options.error_style == "crossbar" else uri

    def admit(
        self, peer: Peer, role: str, authid: str, features: frozenset[str] = LOCAL_FEATURES
    ) -> RouterSession:
        """Let a part of the node itself join, without a login.

        role: a configured one, several, or `trusted`. authid: what the part is known by. features: what it
        can do; left out, what `client.session` can. Raises LookupError for a role that the realm does not have.
        """
        permissions: RoleInRealm | None = self.trusted if role == TRUSTED else self.roles.find(role)
        if permissions is None:
            raise LookupError(f"realm '{self.name}' has no role '{role}'")
        session = RouterSession(self._router, peer, {}, Limits())
        session.authid, session.authmethod, session.authprovider = authid, "internal", "node"
        session.join(self, permissions, features)
        return session

    def enter(self, session: RouterSession) -> None:
        """Give a session its id and its place."""
        ids = self._router.global_ids
        session.id = session.promised_id or next(ids)
        while session.id in self.sessions:
            session.id = next(ids)
        self.sessions[session.id] = session
        if self.meta is not None:
            self.meta.joined(session)

    def leave(self, session: RouterSession) -> None:
        """Forget a session: its subscriptions, registrations and calls end."""
        del self.sessions[session.id]
        self._totals.left(counts_of(session))
        session.permissions.left()
        self.broker.leave(session)
        self.dealer.leave(session)
        if self.meta is not None:
            self.meta.left(session)


def _full(config: RealmConfig) -> WampError:
    return WampError(
        LIMIT_EXCEEDED, f"the realm has its {config.options.max_sessions} sessions (options.max_sessions)"
    )
