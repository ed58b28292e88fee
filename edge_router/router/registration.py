"""A registration of the dealer: a pattern that somebody serves, and which of its callees gets the next call.

(Spec, "Shared Registration".)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import TYPE_CHECKING

from edge_router.wamp.errors import (
    DIFFERENT_INVOCATION_POLICY,
    NO_AVAILABLE_CALLEE,
    NO_SUCH_PROCEDURE,
    PROCEDURE_ALREADY_EXISTS,
    UNAVAILABLE,
    WampError,
)
from edge_router.wamp.messages import Invoke, Match

if TYPE_CHECKING:
    from edge_router.router.callqueue import Waiting
    from edge_router.router.session import RouterSession


class Callee:
    """A session behind a registration.

    registration: what it serves. concurrency: calls it takes at one time, 0 for any number. guarded: its role may not
    serve all that the pattern matches, so its permissions are asked about every procedure that is called. keeps_time:
    it sees to the timeouts of its calls itself. plain: of a plain call, its INVOCATION says nothing else. reroutes: it
    may send calls back for others to take.
    """

    __slots__ = (
        "active",
        "concurrency",
        "guarded",
        "keeps_time",
        "plain",
        "registration",
        "reroutes",
        "session",
    )

    def __init__(
        self,
        registration: Registration,
        session: RouterSession,
        concurrency: int,
        guarded: bool,
        keeps_time: bool = False,
    ) -> None:
        self.registration = registration
        self.session = session
        self.concurrency = concurrency
        self.guarded = guarded
        self.keeps_time = keeps_time
        self.plain = registration.match == "exact" and not keeps_time
        self.reroutes = "callee.call_reroute" in session.features
        self.active = 0

    @property
    def has_room(self) -> bool:
        """Whether one more call may go to it."""
        return not self.concurrency or self.active < self.concurrency

    def may_serve(self, procedure: str) -> bool:
        """Whether its role may serve this procedure."""
        return not self.guarded or self.session.permissions.grant(procedure).register


class Registration:
    """A pattern that somebody serves.

    callees: in the order of registering. waiting: calls that wait for one of them to have room; None if there are none.
    """

    __slots__ = ("_turn", "callees", "id", "invoke", "match", "uri", "waiting")

    def __init__(self, registration_id: int, uri: str, match: Match, invoke: Invoke) -> None:
        self.id = registration_id
        self.uri = uri
        self.match: Match = match
        self.invoke: Invoke = invoke
        self.callees: list[Callee] = []
        self.waiting: Waiting | None = None
        self._turn = 0

    def refuse_second(self, session: RouterSession, invoke: Invoke) -> None:
        """Raises WampError unless the session may join the callees, under this policy."""
        uri = self.uri
        if self.invoke != invoke:
            found = f"'{uri}' is registered with the invocation policy '{self.invoke}', not '{invoke}'"
            raise WampError(
                PROCEDURE_ALREADY_EXISTS if self.invoke == "single" else DIFFERENT_INVOCATION_POLICY, found
            )
        if invoke == "single" or self.id in session.registrations:
            raise WampError(PROCEDURE_ALREADY_EXISTS, f"'{uri}' is registered already")

    def choose(self, procedure: str, random: Random, refused_by: Collection[Callee] = ()) -> Callee | None:
        """The callee whose turn it is by the policy, passing over those that have no room; None if none has.

        refused_by: callees that count as if they were not there. Raises WampError `no_such_procedure` if none may serve
        it, `no_available_callee` if all have refused.
        """
        callees = self.callees
        if len(callees) == 1 and self.match == "exact" and not refused_by:
            only = callees[0]
            return only if not only.concurrency or only.has_room else None
        able = self._in_order(random)
        if refused_by:
            able = [callee for callee in able if callee not in refused_by]
            if not able:
                raise all_refused(procedure)
        if self.match != "exact":
            able = [callee for callee in able if callee.may_serve(procedure)]
            if not able:
                raise no_such_procedure(procedure)
        chosen = next((callee for callee in able if callee.has_room), None)
        if chosen is not None and self.invoke == "roundrobin":
            self._turn = (self.callees.index(chosen) + 1) % len(self.callees)
        return chosen

    def _in_order(self, random: Random) -> Sequence[Callee]:
        callees, invoke = self.callees, self.invoke
        if len(callees) == 1 or invoke == "first":
            return callees
        if invoke == "last":
            return callees[::-1]
        if invoke == "random":
            return random.sample(callees, len(callees))
        return callees[self._turn :] + callees[: self._turn]

    def remove(self, session: RouterSession) -> None:
        """Take a callee away without making another one miss its turn."""
        at = next(i for i, callee in enumerate(self.callees) if callee.session is session)
        del self.callees[at]
        if at < self._turn:
            self._turn -= 1
        if self._turn >= len(self.callees):
            self._turn = 0


def no_such_procedure(procedure: str) -> WampError:
    """The error for a call that nobody serves."""
    return WampError(NO_SUCH_PROCEDURE, f"no callee registered for procedure '{procedure}'")


def all_refused(procedure: str) -> WampError:
    """The error for a call that every callee has sent back."""
    return WampError(NO_AVAILABLE_CALLEE, f"no callee of '{procedure}' has time for it: each said {UNAVAILABLE}")
