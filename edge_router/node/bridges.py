"""A bridge in the node: joined to its realm, started, tried again when it cannot start, stopped.

A device that comes and goes is the bridge's own affair; here it is about a bridge whose `start` fails, for lack of a
permission, say. The node runs without it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from random import uniform
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger

from edge_router.config.schema import Bridge
from edge_router.router.interfaces import Clock, Delayed

#: seconds until a start is tried again: at first, and at most
FIRST_DELAY, LAST_DELAY = 1.0, 60.0


class RunningBridge:
    """One bridge of the node.

    config: its section. bridge: the part. join: realm, role and authid -> a session there (`client.session.Session`).
    clock: for trying again.
    """

    log = Logger()

    def __init__(self, config: Bridge, bridge: Any, join: Callable[[str, str, str], Any], clock: Clock) -> None:
        self.config = config
        self._bridge = bridge
        self._join = join
        self._clock = clock
        self._session: Any = None
        self._delay = FIRST_DELAY
        self._retry: Delayed | None = None
        #: called when its state has changed
        self.changed: Callable[[], object] = lambda: None
        self._state = "stopped"

    @property
    def state(self) -> str:
        """`stopped`, `starting`, `running` or `failed`, when it is tried again."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.changed()

    @property
    def session(self) -> int:
        """The id of its session in its realm; 0 if it has none."""
        return self._session.id if self._session is not None else 0

    def start(self) -> None:
        """Join and start. Returns at once; whether it worked shows in `state` and in the log."""
        self._retry = None
        self.state = "starting"
        starting: Deferred[Any] = maybeDeferred(self._join_and_start)
        starting.addCallbacks(self._has_started, self._has_failed)

    def _join_and_start(self) -> Any:
        session = self._session = self._join(self.config.realm, self.config.role, self.config.id)
        session.on_leave = self._has_left
        return self._bridge.start(session)

    def _has_started(self, _result: object) -> None:
        if self.state == "starting":
            self.state = "running"
            self._delay = FIRST_DELAY
            self.log.debug("{id}: started", id=self.config.id)

    def _has_failed(self, failure: Any) -> None:
        if self.state == "starting":
            self.log.debug("{id}: where it failed", id=self.config.id, log_failure=failure)
            self._fail(f"cannot be started: {failure.getErrorMessage() or failure.type.__name__}")

    def _has_left(self, reason: str) -> None:
        """The router ended the session, which it does to a part of the node only if it was told to."""
        if self.state in ("starting", "running"):
            self._fail(f"its session was ended: {reason}")

    def _fail(self, why: str) -> None:
        self.state = "failed"
        delay = uniform(0.5, 1.0) * self._delay
        self._delay = min(2 * self._delay, LAST_DELAY)
        self.log.error("{id}: {why}; tried again in {delay:.1f} s", id=self.config.id, why=why, delay=delay)
        self._end().addErrback(self._log_end)
        self._retry = self._clock.callLater(delay, self.start)

    def leave_to(self, config: Bridge) -> None:
        """It will be stopped, and one with another section of the same id started in its place."""
        if type(config) is type(self.config):
            self._bridge.successor = config

    def take_over(self, before: RunningBridge) -> None:
        """It will be started in the place of one that was stopped."""
        if type(before.config) is type(self.config):
            self._bridge.predecessor = before._bridge

    def stop(self) -> Deferred[None]:
        """Stop the bridge and leave the realm. Idempotent. The result fails as the bridge's own `stop` does."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self.state = "stopped"
        return self._end()

    def _end(self) -> Deferred[Any]:
        """Stop what has been started. A session that is over takes a farewell without harm."""
        session, self._session = self._session, None
        if session is None:
            return succeed(None)
        ending: Deferred[Any] = maybeDeferred(self._bridge.stop)
        return ending.addBoth(_leave, session)

    def _log_end(self, failure: Any) -> None:
        self.log.failure("{id}: did not stop in order", failure=failure, id=self.config.id)

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page, JSON-like."""
        return {"id": self.config.id, "realm": self.config.realm, "state": self.state}


def _leave(result: Any, session: Any) -> Any:
    session.leave()
    return result
