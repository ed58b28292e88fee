"""Authorizers: procedures of a realm that decide what the sessions of a role may do.

One is called with the session's details, a URI, the action and its options, and gives a bool or a dict
`{allow, disclose, cache, requested}`. Whatever else comes of the call, nothing is allowed, and the operator is told
why. How a session waits for the decision is in `asked`. (Crossbar's `authorizer`; spec, "Authorization".)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from edge_router.config.schema import Role
from edge_router.router.grants import Action
from edge_router.router.meta_sessions import session_details
from edge_router.wamp.errors import AUTHORIZATION_FAILED, NO_SUCH_PROCEDURE, RUNTIME_ERROR, TIMEOUT, WampError
from edge_router.wamp.messages import Match

if TYPE_CHECKING:
    from edge_router.router.realm import Realm
    from edge_router.router.router import Router
    from edge_router.router.session import RouterSession

#: what a function of Python says that takes other arguments than it was given
_OTHER_ARGUMENTS: Final = re.compile(
    r"takes (?:exactly |from \d+ to )?\d+ (?:positional )?arguments?|missing \d+ required"
)


class Decision(Struct, frozen=True):
    """What an authorizer says.

    disclose: who acts is made known. cache: it holds as long as the session does. requested: what becomes of a wish to
    be made known (`disclose_me`).
    """

    allow: bool
    disclose: bool = False
    cache: bool = False
    requested: Literal["allow", "refuse"] = "allow"

    @property
    def may_disclose(self) -> bool:
        """Whether who acts is made known if it asks for that."""
        return self.disclose or self.requested == "allow"


class Question(NamedTuple):
    """What a session is about to do. options: of its message."""

    action: Action
    uri: str
    match: Match
    options: dict[str, Any]


class Unanswered(WampError):
    """There is no decision because the authorizer did not answer in time."""


NO: Final = Decision(allow=False)
#: takes a decision, or the error that the session gets because there is none
Told: TypeAlias = Callable[[Decision | WampError], None]


class Authorizer:
    """The authorizer of one role.

    router, realm: where the role is. role: its declaration.
    """

    __slots__ = ("_procedure", "_realm", "_role", "_router", "_takes", "_timeout")

    def __init__(self, router: Router, realm: Realm, role: Role, procedure: str) -> None:
        self._router = router
        self._realm = realm
        self._role = role.name
        self._procedure = procedure
        self._timeout = role.authorizer_timeout
        #: how many arguments it takes; those written for early versions of Crossbar take no options
        self._takes = 4

    def refuses(self, session: RouterSession, action: Action, uri: str) -> WampError | None:
        """Why this need not be asked: the session would have to decide about itself."""
        if action == "register" and uri == self._procedure:
            what = f"role '{self._role}' asks '{uri}' what it may do, so its own sessions cannot serve that"
        elif self._is_served_by(session):
            what = f"this session serves '{self._procedure}', which its own role '{self._role}' asks what it may do"
        else:
            return None
        self._complain(f"{what}; register it with a role that has permissions")
        return WampError(AUTHORIZATION_FAILED, f"{what}; a role with permissions would be right")

    def _is_served_by(self, session: RouterSession) -> bool:
        registration = self._realm.dealer.registrations.best(self._procedure)
        return registration is not None and registration.id in session.registrations

    def _maybe_a_loop(self) -> str:
        """Why it may have been waiting itself, so that somebody waits for somebody who waits for the first."""
        registration, declared = self._realm.dealer.registrations.best(self._procedure), self._realm.roles.declared
        for callee in registration.callees if registration is not None else ():
            for name in callee.session.permissions.roles:
                if name in declared and declared[name].authorizer is not None:
                    return f"; who serves it has the role '{name}', which asks an authorizer too and may wait for it"
        return ""

    def ask(self, session: RouterSession, question: Question, told: Told, again: bool = True) -> None:
        """Have it decided. again: with other arguments, if it takes others. `told` is called once, in a later turn."""
        details = {**session_details(session), "authextra": session.authextra}
        arguments = [details, question.uri, question.action, question.options][: self._takes]

        def answered(found: list[Any], _named: dict[str, Any]) -> None:
            decision = _decision(found[0] if found else None)
            if isinstance(decision, Decision):
                told(decision)
            else:
                told(self._undecided(question, decision))

        def failed(error: WampError) -> None:
            if again and _takes_others(error):
                if len(arguments) == self._takes:  # else somebody's question has found that out already
                    self._takes = 7 - self._takes
                self.ask(session, question, told, again=False)
            else:
                in_time = error.uri != TIMEOUT
                why = _reason(error) if in_time else _reason(error) + self._maybe_a_loop()
                told(self._undecided(question, why, in_time))

        self._realm.inquiries.ask(self._procedure, arguments, {}, answered, failed, self._timeout)

    def _undecided(self, question: Question, why: str, in_time: bool = True) -> WampError:
        self._complain(why)
        what = f"whether role '{self._role}' may {question.action} '{question.uri}' could not be decided"
        return WampError(AUTHORIZATION_FAILED, what) if in_time else Unanswered(AUTHORIZATION_FAILED, what)

    def _complain(self, why: str) -> None:
        whose = f"realm '{self._realm.name}': authorizer '{self._procedure}' of role '{self._role}'"
        self._router.complain(f"{whose}: {why}")


def _decision(value: Any) -> Decision | str:
    """What was decided, or what is wrong with the answer."""
    if isinstance(value, bool):
        return Decision(value)
    if not isinstance(value, dict):
        return f"gave {_shown(value)}; true, false or {{allow, disclose, cache, requested}} would be right"
    if value.get("validate"):
        return "asks for payloads to be validated, which is not done here; nothing is allowed by that"
    try:
        return msgspec.convert({name: item for name, item in value.items() if item is not None}, Decision)
    except msgspec.ValidationError as problem:
        return f"gave {_shown(value)}: {problem}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _takes_others(error: WampError) -> bool:
    return error.uri == RUNTIME_ERROR and any(_OTHER_ARGUMENTS.search(str(item)) for item in error.error_args)


def _reason(error: WampError) -> str:
    if error.uri == NO_SUCH_PROCEDURE:
        return "nobody serves it; until somebody does, nothing is allowed"
    return f"failed: {_shown(str(error))}"
