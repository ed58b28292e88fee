"""The meta procedure that reads event histories. (Spec, "Event History".)"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_router.router.broker import Subscription
from edge_router.router.history import Filter
from edge_router.router.kept import Kept
from edge_router.router.meta_arguments import Arguments
from edge_router.wamp.errors import (
    HISTORY_UNAVAILABLE,
    INVALID_ARGUMENT,
    NO_SUCH_SUBSCRIPTION,
    TranscodeError,
    WampError,
)

if TYPE_CHECKING:
    from edge_router.router.meta import MetaApi, Procedure
    from edge_router.router.session import RouterSession

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = ("from_time", "after_time", "before_time", "until_time")
_PUBLICATIONS: Final = ("from_publication", "after_publication", "before_publication", "until_publication")
#: the place of what comes by name only
_BY_NAME: Final = 1 << 32


def _get_events(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    """The events of a subscription with a history, those that the caller may have."""
    subscription = _with_history(meta, caller, arguments.need(0, "subscription", int))
    wanted = _filter(arguments)
    permissions = caller.permissions
    is_uniform = permissions.is_uniform(subscription.uri, subscription.match, "subscribe")

    def may_have(record: Kept) -> bool:
        return record.admits(caller) and (is_uniform or permissions.grant(record.topic).subscribe)

    assert subscription.history is not None
    return _told(caller, subscription, subscription.history.select(wanted, may_have))


def _with_history(meta: MetaApi, caller: RouterSession, number: int) -> Subscription:
    """The subscription, for those who may subscribe to it; others hear the same as if it were not there."""
    subscription = meta.realm.broker.histories.get(number)
    if subscription is not None and caller.permissions.grant_pattern(subscription.uri, subscription.match).subscribe:
        return subscription
    if number in caller.subscriptions:
        uri = caller.subscriptions[number].uri
        raise WampError(HISTORY_UNAVAILABLE, f"the realm keeps no history for '{uri}' (store.event-history)")
    raise WampError(NO_SUCH_SUBSCRIPTION, "there is no such subscription with a history that you may read")


def _filter(arguments: Arguments) -> Filter:
    limit = arguments.find(1, "limit", int)
    if limit is not None and limit < 1:
        raise WampError(INVALID_ARGUMENT, f"argument 'limit': {limit}; 1 or more would be right")
    return Filter(
        limit=limit,
        reverse=bool(arguments.find(_BY_NAME, "reverse", bool)),
        topic=arguments.find(_BY_NAME, "topic", str),
        **{name: _microseconds(name, arguments.find(_BY_NAME, name, str)) for name in _TIMES},
        **{name: arguments.find(_BY_NAME, name, int) for name in _PUBLICATIONS},
    )


def _microseconds(name: str, text: str | None) -> int | None:
    """A time as RFC 3339 has it -> microseconds since 1970. Raises WampError `invalid_argument`."""
    if text is None:
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):  # TypeError: a time without its offset cannot be compared
        right = "a time of RFC 3339 would be right, such as 2026-01-31T12:00:00Z"
        raise WampError(INVALID_ARGUMENT, f"argument '{name}': {text[:80]!r}; {right}") from None


def _told(caller: RouterSession, subscription: Subscription, records: list[Kept]) -> list[dict[str, Any]]:
    """The events as the caller reads them; one that has no form in its encoding is dropped and counted for it."""
    told = []
    dumps: Callable[[Any], Any] = caller.peer.codec.dumps
    for record in records:
        try:
            event = _event(caller, subscription, record)
            if record.codec is not caller.peer.codec:
                dumps(event)
        except TranscodeError:
            caller.peer.dropped += 1
        else:
            told.append(event)
    return told


def _event(caller: RouterSession, subscription: Subscription, record: Kept) -> dict[str, Any]:
    time = _EPOCH + timedelta(milliseconds=record.time)
    event = {
        "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "subscription": subscription.id,
        "publication": record.publication,
        "details": msgspec.to_builtins(record.details(subscription, caller, retained=False)),
    }
    loads = record.codec.loads
    if record.args:
        event["args"] = loads(record.args)
    if record.kwargs:
        event["kwargs"] = loads(record.kwargs)
    return event


HISTORY_PROCEDURES: Final[dict[str, Procedure]] = {"wamp.subscription.get_events": _get_events}
