"""The meta API of a realm: what it tells about itself, and what it lets be done to it.

Calls to `wamp.` procedures are answered here, at once, from a table. The realm, its broker and its dealer say what
happens (`joined`, `left`, ...), which becomes meta events. A realm with `enable_meta_api: false` has none of this.
(Spec, "Meta API".)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from edge_router.router.meta_arguments import Arguments
from edge_router.router.meta_events import MetaEvents
from edge_router.router.meta_history import HISTORY_PROCEDURES
from edge_router.router.meta_listing import REGISTRATIONS, SUBSCRIPTIONS, Listing
from edge_router.router.meta_registrations import REGISTRATION_PROCEDURES
from edge_router.router.meta_sessions import SESSION_PROCEDURES, session_details
from edge_router.router.meta_stats import SessionStats
from edge_router.router.meta_subscriptions import SUBSCRIPTION_PROCEDURES
from edge_router.router.testaments import TESTAMENT_PROCEDURES, Testaments
from edge_router.wamp.messages import EMPTY, Call, Result, ResultDetails

if TYPE_CHECKING:
    from edge_router.router.broker import Subscription
    from edge_router.router.realm import Realm
    from edge_router.router.registration import Registration
    from edge_router.router.router import Router
    from edge_router.router.session import RouterSession

#: takes the realm's meta API, the caller and what it gave; gives the positional results, or raises WampError
Procedure: TypeAlias = Callable[["MetaApi", "RouterSession", Arguments], Sequence[Any]]

_FINAL: Final = ResultDetails()


class MetaApi:
    """The meta API of one realm.

    router: whose. realm: the realm.
    """

    __slots__ = ("_events", "_stats", "procedures", "realm", "registrations", "silent", "subscriptions", "testaments")

    def __init__(self, router: Router, realm: Realm) -> None:
        self.realm = realm
        #: by URI
        self.procedures: dict[str, Procedure] = {
            **SESSION_PROCEDURES,
            **SUBSCRIPTION_PROCEDURES,
            **REGISTRATION_PROCEDURES,
            **HISTORY_PROCEDURES,
            **TESTAMENT_PROCEDURES,
        }
        #: of those sessions that have any
        self.testaments: dict[RouterSession, Testaments] = {}
        #: whether sessions leave unheard of just now
        self.silent = False
        self._events = events = MetaEvents(router, realm.broker, realm.trusted)
        self._stats = SessionStats(router, realm, events, realm.config.stats)
        self.subscriptions: Listing[Subscription] = Listing(
            SUBSCRIPTIONS, events, router.now, realm.broker.histories.values()
        )
        self.registrations: Listing[Registration] = Listing(REGISTRATIONS, events, router.now)
        realm.broker.watch = self.subscriptions
        realm.dealer.watch = self.registrations

    def answer(self, caller: RouterSession, call: Call) -> Result:
        """The answer to a call of one of `procedures`, its payload in the caller's encoding. Raises WampError."""
        codec = caller.peer.codec
        values = self.procedures[call.procedure](self, caller, Arguments(call, codec))
        return Result(call.request, _FINAL, codec.dumps(values) if values else EMPTY)

    # --- what happens ------------------------------------------------------------------------------------------

    def joined(self, session: RouterSession) -> None:
        """A session has joined the realm."""
        if self._events.heard("wamp.session.on_join"):
            self._events.tell("wamp.session.on_join", session, session_details(session))
        self._stats.joined(session)

    def left(self, session: RouterSession) -> None:
        """A session has left the realm, and has nothing there any more."""
        testaments = self.testaments.pop(session, None)
        if not self.silent:
            if testaments is not None:
                testaments.publish(session, self.realm.broker)
            self._events.tell("wamp.session.on_leave", session, session.id, session.authid, session.permissions.name)
        self._stats.left(session)
