"""What sessions of a realm have subscribed to or registered, followed by its meta API; what is our own does not count.

(Spec, "Subscription Meta API", "Registration Meta API".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edge_router.client.values import CallError, Received, Result
from edge_router.uplink.rules import Pattern
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE

#: questions that are on their way at one time
MOST_ASKED: Final = 20

#: by kind: the topics of who comes and goes, and the procedure that tells who is there
_TOPICS: Final = {
    "subscription": ("on_create", "on_subscribe", "on_unsubscribe", "list_subscribers"),
    "registration": ("on_create", "on_register", "on_unregister", "list_callees"),
}


class _Entry(Struct, eq=False):
    """holders: the sessions that have it, ours aside. details: as the meta API gives them; None: not known yet."""

    holders: set[int]
    details: dict[str, Any] | None = None
    told: bool = False


class Mirror:
    """One end, followed.

    session: at that end. kind: what is followed. added: takes a pattern and its details (`invoke`). removed: takes a
    pattern. say: takes a sentence for the operator. settled: called once, when all that was there has been told.
    """

    def __init__(
        self,
        session: LinkSession,
        kind: Literal["subscription", "registration"],
        added: Callable[[Pattern, dict[str, Any]], object],
        removed: Callable[[Pattern], object],
        say: Callable[[str], object],
        settled: Callable[[], object] = lambda: None,
    ) -> None:
        self._settled: Callable[[], object] | None = settled
        self._session = session
        self._kind = kind
        self._added = added
        self._removed = removed
        self._say = say
        self._entries: dict[int, _Entry] = {}
        self._to_ask: list[int] = []
        self._asked = 0
        self._stopped = False

    def start(self) -> None:
        """Begin to follow: first what changes, then what is there already."""
        on_create, on_add, on_remove, _ = _TOPICS[self._kind]
        for topic, handler in ((on_create, self._created), (on_add, self._joined), (on_remove, self._left)):
            self._session.subscribe(f"wamp.{self._kind}.{topic}", handler).addErrback(self._failed)
        self._ask("list").addCallbacks(self._listed, self._failed)

    def stop(self, tell: bool = True) -> None:
        """Follow no more. tell: whether all that was found is removed. Idempotent."""
        self._stopped = True
        entries, self._entries = self._entries, {}
        for entry in entries.values() if tell else ():
            self._tell(entry, False)

    # --- what changes ------------------------------------------------------------------------------------------

    def _created(self, event: Received) -> None:
        details = event.args[1] if len(event.args) > 1 and isinstance(event.args[1], dict) else {}
        number = details.get("id")
        if isinstance(number, int) and not self._stopped:
            entry = self._entries.setdefault(number, _Entry(set()))
            entry.details = details
            self._tell(entry, bool(entry.holders))

    def _joined(self, event: Received) -> None:
        session, number = event.args[:2]
        if session == self._session.id or self._stopped:
            return
        entry = self._entries.setdefault(number, _Entry(set()))
        entry.holders.add(session)
        if entry.details is None:
            self._to_ask.append(number)
            self._ask_on()
        self._tell(entry, True)

    def _left(self, event: Received) -> None:
        session, number = event.args[:2]
        entry = self._entries.get(number)
        if entry is None or self._stopped:
            return
        entry.holders.discard(session)
        if not entry.holders:
            self._tell(entry, False)
            del self._entries[number]

    def _tell(self, entry: _Entry, there: bool) -> None:
        details = entry.details
        if there == entry.told or details is None:
            return
        entry.told = there
        pattern: Pattern = (str(details.get("uri")), details.get("match", "exact"))
        if there:
            self._added(pattern, details)
        else:
            self._removed(pattern)

    # --- what is there already ---------------------------------------------------------------------------------

    def _ask(self, procedure: str, *args: Any) -> Deferred[Result]:
        return self._session.call(f"wamp.{self._kind}.{procedure}", args)

    def _listed(self, result: Result) -> None:
        for numbers in dict(result.value or {}).values():
            self._to_ask += numbers
        self._ask_on()

    def _ask_on(self) -> None:
        while self._to_ask and self._asked < MOST_ASKED and not self._stopped:
            self._asked += 1
            number = self._to_ask.pop()
            self._ask("get", number).addCallback(self._got, number).addErrback(self._gone).addBoth(self._done)
        if not self._asked and not self._stopped and self._settled is not None:
            settled, self._settled = self._settled, None
            settled()

    def _got(self, result: Result, number: int) -> Deferred[None]:
        who = _TOPICS[self._kind][3]
        return self._ask(who, number).addCallback(self._known, number, result.value)

    def _known(self, result: Result, number: int, details: dict[str, Any]) -> None:
        if self._stopped:
            return
        holders = {session for session in result.value or () if session != self._session.id}
        entry = self._entries.get(number)
        if entry is None:
            if not holders:
                return
            entry = self._entries[number] = _Entry(set())
        entry.holders |= holders
        entry.details = details
        self._tell(entry, bool(entry.holders))

    def _gone(self, failure: Failure) -> None:
        """It ended before it was asked about, or the session did."""
        failure.trap(CallError)

    def _done(self, _result: object) -> None:
        self._asked -= 1
        self._ask_on()

    def _failed(self, failure: Failure) -> None:
        if not self._stopped and getattr(failure.value, "uri", "") != NETWORK_FAILURE:
            self._say(
                f"cannot follow what is {_PAST[self._kind]} there: {failure.getErrorMessage()}; `mirror` needs the meta"
                f" API (wamp.{self._kind}.), or take `mirror: false`"
            )


_PAST: Final = {"subscription": "subscribed to", "registration": "registered"}
