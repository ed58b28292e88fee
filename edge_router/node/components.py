"""A component in the router's process: loaded, joined, started again when it fails, stopped.

It fails when its module cannot be imported, when it raises while it connects or joins, and when its session is ended by
anybody but itself; the log says why, the router goes on, and it is started again with a delay that doubles. One that
leaves by itself has done its work.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import autobahn.twisted.wamp  # noqa: F401  # has txaio use Twisted, which must be before anything else of autobahn
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router import registry
from edge_router.config.schema import Component
from edge_router.node.application import Application, CannotLoad
from edge_router.node.backoff import Backoff
from edge_router.node.embedded import EmbeddedTransport
from edge_router.router.interfaces import Delayed
from edge_router.router.realm import Realm
from edge_router.transports.outbox import Outbox


class EmbeddedComponent:
    """One component of a router.

    name: its id, also its authid. section: its configuration. realm: where it joins. outbox: of the router.
    directory: the node directory. shared: for `config.shared`, or None. reactor: Twisted's. changed: called when
    `state` has changed.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        section: Component,
        realm: Realm,
        outbox: Outbox,
        directory: Path,
        shared: dict[Any, Any] | None,
        reactor: Any,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        #: `stopped`, `running`, `failed` (and will be started again), `left` (by itself)
        self.state = "stopped"
        self._changed = changed
        self.restarts = 0
        self._section = section
        self._realm = realm
        self._outbox = outbox
        self._directory = directory
        self._shared = shared
        self._reactor = reactor
        self._application: Application | None = None
        self._session: Any = None
        self._transport: EmbeddedTransport | None = None
        self._backoff = Backoff()
        self._since = 0.0
        self._retry: Delayed | None = None
        self._ended: Deferred[None] | None = None

    def _be(self, state: str) -> None:
        self.state = state
        self._changed()

    def start(self) -> None:
        """Load and connect it. Returns at once; whether it worked shows in `state` and in the log."""
        self._retry = None
        self._since = self._reactor.seconds()
        try:
            session = self._session = self._loaded().session(self._has_failed, self._report)
        except CannotLoad as problem:
            self._failed(str(problem))
            return
        except Exception as problem:  # noqa: BLE001 - it is the user's code
            self._report(Failure(), "cannot be loaded")
            self._failed(f"{type(problem).__name__}: {problem}")
            return
        self._be("running")
        self.log.info(
            "component {name} ({what}) starts in realm {realm}",
            name=self.name, what=registry.type_name(self._section), realm=self._realm.name,
        )  # fmt: skip
        self._transport = EmbeddedTransport(
            session, self._realm, self._section.role, self.name, self._outbox, self._has_ended
        )
        self._transport.connect()

    def _loaded(self) -> Application:
        if self._application is None:
            found = Application(self._section, self._directory, self._shared, self._reactor)
            if found.framework != "twisted":
                raise CannotLoad("it is made for asyncio, which the router does not run on; put it into a container")
            self._application = found
        return self._application

    def _report(self, failure: Failure, what: str) -> None:
        """Write what the component's code raised into the log. what: what was being done."""
        if isinstance(failure.value, ApplicationError):
            self.log.warn("{name}: {what}: {why}", name=self.name, what=what, why=failure.value.error_message())
        else:
            self.log.failure("{name}: {what}", failure=failure, name=self.name, what=what)

    def _has_failed(self, failure: Failure) -> None:
        """It raised while it came up. Without its beginnings it is of no use."""
        if self.state != "running" or self._transport is None:
            return
        self._failed(f"failed: {type(failure.value).__name__}: {failure.getErrorMessage()}")
        transport, self._transport = self._transport, None
        transport.abort()

    def _has_ended(self, wanted: bool) -> None:
        """Its connection is closed."""
        self._transport = None
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)
        elif self.state == "running" and wanted:
            self._be("left")
            self.log.info("component {name} has left", name=self.name)
        elif self.state == "running":
            self._failed("the router ended its session")

    def _failed(self, why: str) -> None:
        self._be("failed")
        delay = self._backoff.after(self._reactor.seconds() - self._since)
        self.log.error("component {name}: {why}; started again in {delay:.1f} s", name=self.name, why=why, delay=delay)
        self._retry = self._reactor.callLater(delay, self._again)

    def _again(self) -> None:
        self.restarts += 1
        self.start()

    def stop(self) -> Deferred[None]:
        """Have it leave. Idempotent. Result: when it has; a component may take its time, or never do it."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._be("stopped")
        if self._transport is None:
            return succeed(None)
        ended: Deferred[None] = Deferred(lambda _: self._abort())
        self._ended = ended
        if self._session.is_attached():
            self._session.leave("wamp.close.system_shutdown")
        else:
            self._transport.close()
        return ended

    def _abort(self) -> None:
        self._ended = None
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page, JSON-like."""
        return {
            "id": self.name,
            "type": registry.type_name(self._section),
            "realm": self._realm.name,
            "state": self.state,
            "restarts": self.restarts,
        }
