"""The dealer of a realm: REGISTER, UNREGISTER; what calls there are is in `calling`.

All callees of one pattern share one `Registration`. (Spec, "Remote Procedure Calls", "Shared Registration",
"Registration Revocation".)
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from edge_router.router.calling import Calling
from edge_router.router.callqueue import CallQueues, leave_queue
from edge_router.router.interfaces import Clock
from edge_router.router.registration import Callee, Registration
from edge_router.wamp.errors import (
    CANCELED,
    LIMIT_EXCEEDED,
    NO_SUCH_REGISTRATION,
    PROCEDURE_ALREADY_EXISTS,
    WampError,
)
from edge_router.wamp.messages import Register, Registered, RevokedRegistration, Unregister, Unregistered

if TYPE_CHECKING:
    from edge_router.router.meta_listing import Listing
    from edge_router.router.session import RouterSession


class Dealer(Calling):
    """Registrations of one realm, and the calls of what is registered.

    registration_ids: of router scope. clock, random, queues: as for `Calling`.
    """

    __slots__ = ("_registration_ids", "watch")

    def __init__(
        self, registration_ids: Iterator[int], clock: Clock, random: Random, queues: CallQueues
    ) -> None:
        super().__init__(clock, random, queues)
        #: is told of registrations that come and go
        self.watch: Listing[Registration] | None = None
        self._registration_ids = registration_ids

    # --- registering -------------------------------------------------------------------------------------------

    def register(self, session: RouterSession, message: Register) -> None:
        """REGISTER. Raises WampError."""
        uri, options = message.procedure, message.options
        if not session.permissions.grant_pattern(uri, options.match).register:
            raise session.permissions.refuse("register", uri)
        if self.meta is not None and options.match == "exact" and uri in self.meta.procedures:
            raise WampError(PROCEDURE_ALREADY_EXISTS, f"'{uri}' is the router's own (enable_meta_api)")
        registration = self.registrations.get(uri, options.match)
        if registration is not None and not options.force_reregister:
            registration.refuse_second(session, options.invoke)
        most = session.limits.registrations
        if len(session.registrations) >= most:
            raise WampError(LIMIT_EXCEEDED, f"a session may have {most} registrations (limits.registrations)")
        if registration is not None and options.force_reregister:
            for callee in list(registration.callees):
                self.revoke(callee.session, registration, "registered again with force_reregister")
            registration = None
        if registration is None:
            registration = Registration(next(self._registration_ids), uri, options.match, options.invoke)
            self.registrations.add(uri, options.match, registration)
        guarded = not session.permissions.is_uniform(uri, options.match, "register")
        keeps_time = options.forward_timeout and "callee.call_timeout" in session.features
        registration.callees.append(Callee(registration, session, options.concurrency or 0, guarded, keeps_time))
        session.registrations[registration.id] = registration
        session.peer.send_message(Registered(message.request, registration.id))
        if self.watch is not None:
            self.watch.added(session, registration, len(registration.callees) == 1)
        self._serve_waiting(registration)

    def unregister(self, session: RouterSession, message: Unregister) -> None:
        """UNREGISTER: calls under way go on. Raises WampError `no_such_registration`."""
        registration = session.registrations.pop(message.registration, None)
        if registration is None:
            raise WampError(NO_SUCH_REGISTRATION, f"this session has no registration {message.registration}")
        self._remove(registration, session)
        session.peer.send_message(Unregistered(message.request))

    def revoke(self, session: RouterSession, registration: Registration, reason: str | None) -> None:
        """End a session's registration; calls under way go on. It is told if it understands that."""
        del session.registrations[registration.id]
        if "callee.registration_revocation" in session.features:
            session.peer.send_message(Unregistered(0, RevokedRegistration(registration.id, reason)))
        self._remove(registration, session)

    def _remove(self, registration: Registration, session: RouterSession) -> None:
        registration.remove(session)
        if not registration.callees:
            self.registrations.remove(registration.uri, registration.match)
        if self.watch is not None:
            self.watch.removed(session, registration, not registration.callees)
        self._serve_waiting(registration)

    # --- leaving ----------------------------------------------------------------------------------------------

    def leave(self, session: RouterSession) -> None:
        """End what a session that is gone has: its registrations, the calls it made and those it worked on."""
        calls = list(session.calls.values())
        for call in calls:
            call.answer()
            if call.waits_for is not None:
                leave_queue(call)
        for registration in session.registrations.values():
            self._remove(registration, session)
        session.registrations.clear()
        for call in calls:
            if call.invocation and call.callee.session is not session:
                self._give_up(call, WampError(CANCELED, "the caller left"))
        for call in list(session.invocations.values()):
            call.release()
            self._fail(call, WampError(CANCELED, "the callee left before it answered"))
