"""Meta procedures about subscriptions. (Spec, "Subscription Meta API" and "Subscription Revocation".)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_router.router.meta_arguments import Arguments
from edge_router.wamp.errors import NO_SUCH_SESSION, WampError

if TYPE_CHECKING:
    from edge_router.router.broker import Subscription
    from edge_router.router.meta import MetaApi, Procedure
    from edge_router.router.session import RouterSession


def _subscription(meta: MetaApi, arguments: Arguments) -> Subscription:
    return meta.subscriptions.get(arguments.need(0, "subscription", int))


def _list(meta: MetaApi, _caller: RouterSession, _arguments: Arguments) -> list[Any]:
    return [meta.subscriptions.ids()]


def _lookup(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    uri = arguments.need(0, "topic", str)
    found = meta.realm.broker.subscriptions.get(uri, arguments.match(1))
    return [found.id if found else None]


def _match(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    found = meta.realm.broker.subscriptions.matches(arguments.uri(0, "topic"))
    return [[subscription.id for subscription in found] or None]


def _get(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [meta.subscriptions.details(_subscription(meta, arguments))]


def _list_subscribers(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [[session.id for session in _subscription(meta, arguments).sessions]]


def _count_subscribers(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    return [len(_subscription(meta, arguments).sessions)]


def _remove_subscriber(meta: MetaApi, _caller: RouterSession, arguments: Arguments) -> list[Any]:
    """Crossbar's: `subscription`, `session` and a `reason` that the session is told."""
    subscription = _subscription(meta, arguments)
    number = arguments.need(1, "session", int)
    reason = arguments.text(2, "reason")
    session = meta.realm.sessions.get(number)
    if session is None or session not in subscription.sessions:
        raise WampError(NO_SUCH_SESSION, f"subscription {subscription.id} has no session {number}")
    meta.realm.broker.revoke(session, subscription, reason)
    return []


SUBSCRIPTION_PROCEDURES: Final[dict[str, Procedure]] = {
    "wamp.subscription.list": _list,
    "wamp.subscription.lookup": _lookup,
    "wamp.subscription.match": _match,
    "wamp.subscription.get": _get,
    "wamp.subscription.list_subscribers": _list_subscribers,
    "wamp.subscription.count_subscribers": _count_subscribers,
    "wamp.subscription.remove_subscriber": _remove_subscriber,
}
