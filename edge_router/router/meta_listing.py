"""The subscriptions or the registrations of a realm, as the meta API sees them: by id, with the time they were made.

Broker and dealer tell what happens to theirs, which becomes meta events. (Spec, "Subscription Meta API" and
"Registration Meta API".)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import Match

if TYPE_CHECKING:
    from edge_router.router.meta_events import MetaEvents
    from edge_router.router.session import RouterSession


class Pattern(Protocol):
    """What a subscription and a registration have in common."""

    id: int
    uri: str
    match: Match


E = TypeVar("E", bound=Pattern)


class Kind(NamedTuple):
    """The topics of the meta events, and the error for an id that is not there."""

    on_create: str
    on_add: str
    on_remove: str
    on_delete: str
    unknown: str


SUBSCRIPTIONS: Final = Kind(
    "wamp.subscription.on_create",
    "wamp.subscription.on_subscribe",
    "wamp.subscription.on_unsubscribe",
    "wamp.subscription.on_delete",
    "wamp.error.no_such_subscription",
)
REGISTRATIONS: Final = Kind(
    "wamp.registration.on_create",
    "wamp.registration.on_register",
    "wamp.registration.on_unregister",
    "wamp.registration.on_delete",
    "wamp.error.no_such_registration",
)


class Listing(Generic[E]):
    """All of one kind.

    now: seconds since 1970. permanent: those that are there with and without sessions.
    """

    __slots__ = ("_entries", "_events", "_kind", "_now", "_permanent")

    def __init__(
        self, kind: Kind, events: MetaEvents, now: Callable[[], float], permanent: Collection[E] = ()
    ) -> None:
        self._kind = kind
        self._events = events
        self._now = now
        self._permanent = frozenset(entry.id for entry in permanent)
        self._entries: dict[int, tuple[E, float]] = {entry.id: (entry, now()) for entry in permanent}

    def __iter__(self) -> Iterator[E]:
        return (entry for entry, _created in self._entries.values())

    def get(self, number: int) -> E:
        """The one of that id. Raises WampError `no_such_subscription` or `no_such_registration`."""
        found = self._entries.get(number)
        if found is None:
            raise WampError(self._kind.unknown, f"the realm has none with the id {number}")
        return found[0]

    def ids(self) -> dict[str, list[int]]:
        """All ids, by matching policy."""
        found: dict[str, list[int]] = {"exact": [], "prefix": [], "wildcard": []}
        for entry in self:
            found[entry.match].append(entry.id)
        return found

    def details(self, entry: E) -> dict[str, Any]:
        """What is told of each. `created`: UTC, as ISO 8601 has it."""
        created = datetime.fromtimestamp(self._entries[entry.id][1], UTC).isoformat(timespec="milliseconds")
        details = {
            "id": entry.id,
            "created": created.replace("+00:00", "Z"),
            "uri": entry.uri,
            "match": entry.match,
        }
        invoke = getattr(entry, "invoke", None)
        return details if invoke is None else {**details, "invoke": invoke}

    # --- what happens ------------------------------------------------------------------------------------------

    def added(self, session: RouterSession, entry: E, is_first: bool) -> None:
        """A session now has this subscription or registration. is_first: and nobody had it before."""
        kind, events = self._kind, self._events
        if is_first:
            if entry.id not in self._permanent:
                self._entries[entry.id] = (entry, self._now())
            if events.heard(kind.on_create):
                events.tell(kind.on_create, session, session.id, self.details(entry))
        events.tell(kind.on_add, session, session.id, entry.id)

    def removed(self, session: RouterSession, entry: E, is_last: bool) -> None:
        """A session has it no more. is_last: and nobody else has it."""
        if is_last and entry.id not in self._permanent:
            del self._entries[entry.id]
        self._events.tell(self._kind.on_remove, session, session.id, entry.id)
        if is_last:
            self._events.tell(self._kind.on_delete, session, session.id, entry.id)

