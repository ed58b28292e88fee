"""Meta procedures about registrations. (Spec, "Registration Meta API" and "Registration Revocation".)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_router.router.meta_arguments import Arguments
from edge_router.wamp.errors import NO_SUCH_SESSION, WampError

if TYPE_CHECKING:
    from edge_router.router.meta import MetaApi, Procedure
    from edge_router.router.registration import Registration
    from edge_router.router.session import RouterSession


def _registration(meta: MetaApi, arguments: Arguments) -> Registration:
    return meta.registrations.get(arguments.need(0, "registration", int))


def _list(meta: MetaApi, _caller: RouterSession, _arguments: Arguments) -> list[Any]:
    return [meta.registrations.ids()]


def _lookup(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    uri = arguments.need(0, "procedure", str)
    found = meta.realm.dealer.registrations.get(uri, arguments.match(1))
    return [found.id if found else None]


def _match(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    found = meta.realm.dealer.registrations.best(arguments.uri(0, "procedure"))
    return [found.id if found else None]


def _get(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [meta.registrations.details(_registration(meta, arguments))]


def _list_callees(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [[callee.session.id for callee in _registration(meta, arguments).callees]]


def _count_callees(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [len(_registration(meta, arguments).callees)]


def _remove_callee(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    """Crossbar's: `registration`, `session` and a `reason` that the session is told."""
    registration = _registration(meta, arguments)
    number = arguments.need(1, "session", int)
    reason = arguments.text(2, "reason")
    session = meta.realm.sessions.get(number)
    if session is None or registration.id not in session.registrations:
        raise WampError(NO_SUCH_SESSION, f"registration {registration.id} has no session {number}")
    meta.realm.dealer.revoke(session, registration, reason)
    return []


REGISTRATION_PROCEDURES: Final[dict[str, Procedure]] = {
    "wamp.registration.list": _list,
    "wamp.registration.lookup": _lookup,
    "wamp.registration.match": _match,
    "wamp.registration.get": _get,
    "wamp.registration.list_callees": _list_callees,
    "wamp.registration.count_callees": _count_callees,
    "wamp.registration.remove_callee": _remove_callee,
}
