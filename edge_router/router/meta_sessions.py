"""Meta procedures about sessions: who is there, and ending sessions. (Spec, "Session Meta API".)"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from edge_router.router.meta_arguments import Arguments
from edge_router.router.statistics import counts_of
from edge_router.wamp.errors import CLOSE_KILLED, NO_SUCH_SESSION, WampError

if TYPE_CHECKING:
    from edge_router.router.meta import MetaApi, Procedure
    from edge_router.router.session import RouterSession


def session_details(session: RouterSession) -> dict[str, Any]:
    """A session as others may know it."""
    transport = session.peer.details
    return {
        "session": session.id,
        "authid": session.authid,
        "authrole": session.permissions.name,
        "authmethod": session.authmethod,
        "authprovider": session.authprovider,
        "transport": {"kind": transport.kind, "peer": transport.peer, "protocol": transport.protocol},
    }


def session_of(meta: MetaApi, number: int) -> RouterSession:
    """The session of that id. Raises WampError `no_such_session`."""
    session = meta.realm.sessions.get(number)
    if session is None:
        raise WampError(NO_SUCH_SESSION, f"the realm has no session {number}")
    return session


def _listed(meta: MetaApi, arguments: Arguments) -> list[int]:
    roles = arguments.find(0, "filter_authroles", list[str])
    sessions = meta.realm.sessions
    if roles is None:
        return list(sessions)
    wanted = frozenset(roles)
    return [number for number, session in sessions.items() if not wanted.isdisjoint(session.permissions.roles)]


def _count(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [len(_listed(meta, arguments))]


def _list(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [_listed(meta, arguments)]


def _get(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    session = session_of(meta, arguments.need(0, "session", int))
    counts = counts_of(session)
    figures = {} if counts is None else counts.shown()
    return [{**session_details(session), "events_dropped": session.peer.dropped, **figures}]


def _end(
    caller: RouterSession, sessions: Iterable[RouterSession], arguments: Arguments, at: int
) -> list[int]:
    """Send GOODBYE to sessions, but never to the caller's. `at`: where `reason` stands. Result: whom it was sent to."""
    reason = arguments.reason(at, CLOSE_KILLED)
    message = arguments.text(at + 1, "message")
    told = [session for session in sessions if session is not caller]
    for session in told:
        session.goodbye(reason, message)
    return [session.id for session in told]


def _kill(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    number = arguments.need(0, "session", int)
    session = session_of(meta, number)
    if session is caller:
        raise WampError(NO_SUCH_SESSION, f"{number} is the caller's own session; GOODBYE ends that")
    _end(caller, [session], arguments, 1)
    return []


def _kill_by_authid(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    authid = arguments.need(0, "authid", str)
    sessions = [session for session in meta.realm.sessions.values() if session.authid == authid]
    return [_end(caller, sessions, arguments, 1)]


def _kill_by_authrole(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    role = arguments.need(0, "authrole", str)
    sessions = [session for session in meta.realm.sessions.values() if role in session.permissions.roles]
    return [len(_end(caller, sessions, arguments, 1))]


def _kill_all(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    """All others, of whose leaving nobody is told (spec, `wamp.session.kill_all`)."""
    meta.silent = True
    try:
        return [len(_end(caller, list(meta.realm.sessions.values()), arguments, 0))]
    finally:
        meta.silent = False


SESSION_PROCEDURES: Final[dict[str, Procedure]] = {
    "wamp.session.count": _count,
    "wamp.session.list": _list,
    "wamp.session.get": _get,
    "wamp.session.kill": _kill,
    "wamp.session.kill_by_authid": _kill_by_authid,
    "wamp.session.kill_by_authrole": _kill_by_authrole,
    "wamp.session.kill_all": _kill_all,
}
