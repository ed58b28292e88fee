"""What every bridge is: made without side effects, started with a session, stopped as often as one likes.

A bridge has a topic. Below it, `<topic>.status` tells how it is, `<topic>.get_status` says so on request, and a kind of
bridge adds procedures of its own. Its frames are numbered and stamped here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from bridges.clock import Clock
from bridges.config import BridgeConfig
from bridges.rate import Rate
from bridges.stamps import Stamp, Stamps
from bridges.status import Status
from edge_router.client import CallError, Registration, Result, Session

SESSION_OVER: Final = "wamp.error.network_failure"


class Bridge:
    """A bridge. A kind of bridge gives `opening`, `closing`, `procedures` and `details`.

    config: its section of the configuration. topic: of its frames. clock: monotonic time. stamps: the wall clock.
    """

    log = Logger()

    def __init__(self, config: BridgeConfig, topic: str, clock: Clock, stamps: Stamps | None = None) -> None:
        self.config = config
        self.topic = topic
        self.clock = clock
        #: the node directory; the node says it before the start
        self.directory = Path()
        #: at a reload: the section that one with the same id gets when this one has stopped, and what was before this
        self.successor: BridgeConfig | None = None
        self.predecessor: Bridge | None = None
        self.stamps = stamps or Stamps(clock)
        self.status = Status(clock, self.stamps, self._publish_status, self._details)
        self._rate = Rate(config.max_rate, clock)
        self._session: Session | None = None
        self._registrations: list[Registration] = []
        self._known_topics: set[str] = set()

    # --- what a kind of bridge gives --------------------------------------------------------------------------------

    def opening(self) -> None:
        """The session is there and the procedures are registered: begin."""

    def closing(self) -> None:
        """Give everything back: devices, timers. What can be published still is."""

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """Name below the topic -> handler, besides `get_status`."""
        return {}

    def commands(self) -> dict[str, Callable[..., Any]]:
        """Procedure -> handler that is told who calls: an `edge_router.client.Invoked` comes before the arguments."""
        return {}

    def details(self) -> dict[str, Any]:
        """The bridge's own facts for its status, JSON-like."""
        return {}

    # --- what the node calls ----------------------------------------------------------------------------------------

    def start(self, session: Session) -> Deferred[None]:
        """Begin to work in a realm.

        session: joined to it. The result fires when the procedures are registered, and fails as the first that is
        refused; the bridge is stopped again then, and may be started anew.
        """
        if self._session is not None:
            raise RuntimeError(f"bridge {self.config.id} is started already")
        self._session = session
        self._known_topics.clear()
        self.status.begin()
        handlers = {"get_status": self._get_status, **self.procedures()}
        registering = [self._register(session, f"{self.topic}.{name}", call) for name, call in handlers.items()]
        registering += [self._register(session, name, call, details=True) for name, call in self.commands().items()]
        started: Deferred[Any] = gatherResults(registering, consumeErrors=True)
        return started.addCallbacks(self._registered, self._refused, callbackArgs=(session,))

    def stop(self) -> None:
        """Stop to work: the device is closed, the last status is `stopped`, the procedures are gone. Idempotent."""
        if self._session is None:
            return
        self.closing()
        self.status.change("stopped")
        self.status.stop()
        self._session = None
        self._unregister()

    # --- what a kind of bridge uses ---------------------------------------------------------------------------------

    def publish(
        self,
        topic: str,
        value: Any,
        stamp: Stamp,
        unit: str | None = None,
        stale: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """One event: args [value], kwargs {bridge, seq, ts, ts_quality}, {unit} if there is one, {stale} if it is.

        more: other kwargs.
        """
        if self._session is None:
            return
        kwargs = {"bridge": self.config.id, "seq": stamp.seq, "ts": stamp.ts, "ts_quality": stamp.ts_quality}
        if unit is not None:
            kwargs["unit"] = unit
        if stale:
            kwargs["stale"] = True
        if more is not None:
            kwargs.update(more)
        self._send(topic, [value], kwargs)

    @property
    def over_rate(self) -> int:
        """Frames that `allowed` refused since the start."""
        return self._rate.refused

    def allowed(self) -> bool:
        """Whether one more frame or reading may be taken now; if not, it is counted, and the status tells why."""
        if self._rate.allows():
            return True
        self.status.fault(f"more than {self.config.max_rate} frames a second (max_rate); the rest was dropped")
        return False

    def field_changed(self, name: str, stale: bool) -> None:
        """A field became stale, or fresh again: one line in the log, and one event of the status."""
        if stale:
            error = f"{name} is stale: no reading came in time (stale_after)"
            self.log.warn("{id}: {error}", id=self.config.id, error=error)
            self.status.news(error)
        else:
            self.log.info("{id}: {name} is fresh again", id=self.config.id, name=name)
            self.status.news()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _register(
        self, session: Session, procedure: str, handler: Callable[..., Any], **options: Any
    ) -> Deferred[None]:
        return session.register(procedure, handler, **options).addCallback(self._keep, session)

    def _keep(self, registration: Registration, session: Session) -> None:
        """Answers may come after the bridge was stopped; nothing stays behind then."""
        self._registrations.append(registration)
        if self._session is not session:
            self._unregister()

    def _unregister(self) -> None:
        registrations, self._registrations = self._registrations, []
        for registration in registrations:
            registration.unregister().addErrback(self._unregister_failed)

    def _unregister_failed(self, failure: Failure) -> None:
        """The session may have ended before, and with it the registration."""
        self.log.debug("{id}: {error}", id=self.config.id, error=failure.getErrorMessage())

    def _registered(self, _registrations: object, session: Session) -> None:
        if self._session is session:
            self.opening()

    def _refused(self, failure: Failure) -> Failure:
        self._session = None
        self._unregister()
        first: Failure = failure.value.subFailure  # type: ignore[union-attr]
        return first

    def _publish_status(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        if self._session is not None:
            self._send(f"{self.topic}.status", args, kwargs)

    def _send(self, topic: str, args: list[Any], kwargs: Mapping[str, Any], retain: bool = True) -> None:
        """Events are retained, so that who comes late sees how things are, unless the bridge says otherwise.

        The first event of a topic is acknowledged: that the role may not publish there would go unnoticed else.
        """
        assert self._session is not None
        if topic in self._known_topics:
            self._session.publish(topic, args, kwargs, retain=retain)
            return
        self._known_topics.add(topic)
        acknowledged = self._session.publish(topic, args, kwargs, acknowledge=True, retain=retain)
        assert acknowledged is not None
        acknowledged.addErrback(self._not_published, topic, self._session)

    def _not_published(self, failure: Failure, topic: str, session: Session) -> None:
        over = isinstance(failure.value, CallError) and failure.value.uri == SESSION_OVER
        if self._session is session and not over:
            error = f"nothing can be published to {topic}: {failure.getErrorMessage()}"
            self.log.error("{id}: {error}", id=self.config.id, error=error)
            self.status.note(error)

    def _details(self) -> dict[str, Any]:
        return {"bridge": self.config.id, **self.details()}

    def _get_status(self, *_args: object, **_kwargs: object) -> Result:
        """The same as the status event: args [state], kwargs the facts."""
        return Result((self.status.state,), self.status.kwargs())
