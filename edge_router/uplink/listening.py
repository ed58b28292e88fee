"""The patterns that are subscribed to at one end, as long as somebody there or at the other end has a use for them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from twisted.python.failure import Failure

from edge_router.uplink.rules import Pattern
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE
from edge_router.wamp.messages import Event


class _Wanted(Struct, eq=False):
    """users: how many want it. get_retained: begin with what is kept. subscription: 0 before SUBSCRIBED has come."""

    users: int = 1
    get_retained: bool = False
    subscription: int = 0


class Listening:
    """Those of one end.

    take: is given each event, and the pattern it came by. refused: is told in words what cannot be subscribed to.
    """

    def __init__(self, take: Callable[[Pattern, Event], object], refused: Callable[[str], object]) -> None:
        self._take = take
        self._refused = refused
        self._wanted: dict[Pattern, _Wanted] = {}
        self._session: LinkSession | None = None

    def attach(self, session: LinkSession) -> None:
        """The end is there: subscribe to all that is wanted."""
        self._session = session
        for pattern, wanted in self._wanted.items():
            self._subscribe(pattern, wanted)

    def detach(self) -> None:
        """The end is gone, and the subscriptions with it."""
        self._session = None
        for wanted in self._wanted.values():
            wanted.subscription = 0

    def want(self, pattern: Pattern, get_retained: bool = False) -> None:
        """One more has a use for a pattern."""
        wanted = self._wanted.get(pattern)
        if wanted is not None:
            wanted.users += 1
            return
        wanted = self._wanted[pattern] = _Wanted(get_retained=get_retained)
        if self._session is not None:
            self._subscribe(pattern, wanted)

    def drop(self, pattern: Pattern) -> None:
        """One has no use for it any more."""
        wanted = self._wanted.get(pattern)
        if wanted is None:
            return
        wanted.users -= 1
        if not wanted.users:
            del self._wanted[pattern]
            if wanted.subscription and self._session is not None:
                self._session.unsubscribe_raw(wanted.subscription).addErrback(_ignored)

    def _subscribe(self, pattern: Pattern, wanted: _Wanted) -> None:
        session = self._session
        assert session is not None

        def take(event: Event) -> None:
            self._take(pattern, event)

        asked = session.subscribe_raw(*pattern, take, wanted.get_retained)
        asked.addCallback(self._subscribed, session, pattern, wanted)
        asked.addErrback(self._failed, session, pattern)

    def _subscribed(self, subscription: int, session: LinkSession, pattern: Pattern, wanted: _Wanted) -> None:
        if self._session is not session:
            return
        if self._wanted.get(pattern) is wanted:
            wanted.subscription = subscription
        elif pattern not in self._wanted:  # dropped meanwhile
            session.unsubscribe_raw(subscription).addErrback(_ignored)

    def _failed(self, failure: Failure, session: LinkSession, pattern: Pattern) -> None:
        if self._session is session and getattr(failure.value, "uri", "") != NETWORK_FAILURE:
            self._refused(f"cannot subscribe to {pattern[0]!r} ({pattern[1]}): {failure.getErrorMessage()}")


def _ignored(_failure: Failure) -> None:
    """The session ended before, and with it the subscription."""
