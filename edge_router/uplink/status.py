"""How the link is: the retained topic `edge.uplink.ID.status` of the local realm, and a procedure that says the same.

It is published when the link comes up or goes down, and when its figures have changed, at most every EVERY seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.values import CallError, Result
from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE

#: seconds between two looks at the figures
EVERY: Final = 10.0
#: the figures whose change is news
_NEWS: Final = frozenset({"peer", "error", "rows", "dropped", "store_error"})


class Status:
    """Of one uplink.

    id: its name. clock: for the pace. facts: gives `up` or `down`, and figures, JSON-like.
    """

    log = Logger()

    def __init__(self, id: str, clock: Clock, facts: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        self._id = id
        self._topic = f"edge.uplink.{id}.status"
        self._procedure = f"edge.uplink.{id}.get_status"
        self._clock = clock
        self._facts = facts
        self._session: LinkSession | None = None
        self._timer: Delayed | None = None
        self._said: object = None

    def start(self, session: LinkSession) -> None:
        """Begin to say it. session: of the local realm; a role that may not say it is told, and does no harm."""
        self._session = session
        self._said = None
        self._timer = self._clock.callLater(EVERY, self._look)
        session.register(self._procedure, self._answer).addErrback(self._refused, self._procedure)
        self.news()

    def stop(self) -> None:
        """Say it for the last time. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self.news()
        self._session = None

    def news(self) -> None:
        """Something has changed: say it now, if it is so."""
        session = self._session
        state, figures = self._facts()
        said = (state, {key: value for key, value in figures.items() if key in _NEWS})
        if session is None or not session.is_open or said == self._said:
            return
        self._said = said
        published = session.publish(self._topic, [state], figures, acknowledge=True, retain=True)
        (published or succeed(0)).addErrback(self._refused, self._topic)

    def _look(self) -> None:
        self._timer = self._clock.callLater(EVERY, self._look)
        self.news()

    def _answer(self, *_args: object, **_kwargs: object) -> Result:
        state, figures = self._facts()
        return Result((state,), figures)

    def _refused(self, failure: Failure, uri: str) -> None:
        problem = failure.value
        if not isinstance(problem, CallError) or problem.uri != NETWORK_FAILURE:
            self.log.warn("{id}: not there: {uri}: {error}", id=self._id, uri=uri, error=failure.getErrorMessage())
