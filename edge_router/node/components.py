"""A component that is hosted, in a router or in a container: loaded, joined, started again when it fails, stopped.

It fails when its module cannot be imported, when it raises while it connects or joins, and when its session is ended by
anybody but itself, or its connection is lost; the log says why, its host goes on, and it is started again with a delay
that doubles. One that leaves by itself has done its work.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import autobahn.twisted.wamp  # noqa: F401  # has txaio use Twisted, which must be before anything else of autobahn
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from edge_router import registry
from edge_router.config.schema import Component, ContainerComponent, Restart
from edge_router.node.application import Application, CannotLoad
from edge_router.node.backoff import Backoff
from edge_router.node.embedded import EmbeddedTransport
from edge_router.router.interfaces import Delayed
from edge_router.router.realm import Realm
from edge_router.transports.outbox import Outbox


class Transport(Protocol):
    """The connection of a session; autobahn's ITransport besides."""

    def connect(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


#: makes the connection of a session; it is told when that has ended, with the reason, empty if the session wanted it
Connect = Callable[[Any, Callable[[str], None]], Transport]


class Host:
    """Where components are hosted, and what they all have of it.

    directory: the node directory. shared: for `config.shared`, or None. framework: `twisted` or `asyncio`; empty: that
    of the first component. restart: the option. reactor: Twisted's. loop: asyncio's, or None. changed: called when the
    state of a component has changed.
    """

    def __init__(
        self,
        directory: Path,
        shared: dict[Any, Any] | None,
        framework: str,
        restart: Restart,
        reactor: Any,
        loop: Any,
        changed: Callable[[], None],
    ) -> None:
        self.directory = directory
        self.shared = shared
        self.framework = framework
        self.restart = restart
        self.reactor = reactor
        self.loop = loop
        self.changed = changed


class HostedComponent:
    """One component.

    name: its id. section: its configuration. host: where. connect: makes its connection.
    """

    log = Logger()

    def __init__(self, name: str, section: Component | ContainerComponent, host: Host, connect: Connect) -> None:
        self.name = name
        #: `stopped`, `starting`, `running`, `failed` (and will be started again), `given up`, `left` (by itself)
        self.state = "stopped"
        self.restarts = 0
        self._section = section
        self._host = host
        self._connect = connect
        self._application: Application | None = None
        self._session: Any = None
        self._transport: Transport | None = None
        self._backoff = Backoff()
        self._since = 0.0
        self._retry: Delayed | None = None
        self._ended: Deferred[None] | None = None

    def _be(self, state: str) -> None:
        self.state = state
        self._host.changed()

    def start(self) -> None:
        """Load and connect it. Returns at once; whether it worked shows in `state` and in the log."""
        self._retry = None
        self._since = self._host.reactor.seconds()
        try:
            session = self._session = self._loaded().session(self._has_failed, self._report)
        except CannotLoad as problem:
            self._failed(str(problem))
            return
        except Exception as problem:  # noqa: BLE001 - it is the user's code
            self._report(Failure(), "cannot be loaded")
            self._failed(f"{type(problem).__name__}: {problem}")
            return
        session.on("join", self._has_joined)
        self._be("starting")
        self._transport = self._connect(session, self._has_ended)
        self._transport.connect()

    def _loaded(self) -> Application:
        if self._application is None:
            host = self._host
            reactors = {"twisted": host.reactor, "asyncio": host.loop}
            found = Application(self._section, host.directory, host.shared, reactors)
            if host.framework not in ("", found.framework):
                text = f"it is made for {found.framework}, and {host.framework} runs here"
                raise CannotLoad(f"{text}; put it into a container of its own")
            host.framework = found.framework
            self._application = found
        return self._application

    def _has_joined(self, _session: Any, details: Any) -> None:
        if self.state == "starting":
            self._be("running")
            self.log.info(
                "component {name} has joined realm {realm} as {role}",
                name=self.name, realm=details.realm, role=details.authrole,
            )  # fmt: skip

    def _report(self, failure: Any, what: str) -> None:
        """Write what the component's code raised into the log. failure: of txaio. what: what was being done."""
        error = failure.value
        if isinstance(error, ApplicationError):
            self.log.warn("{name}: {what}: {why}", name=self.name, what=what, why=error.error_message())
        else:
            found = failure if isinstance(failure, Failure) else Failure(error, type(error), error.__traceback__)
            self.log.failure("{name}: {what}", failure=found, name=self.name, what=what)

    def _has_failed(self, failure: Any) -> None:
        """It raised while it came up. Without its beginnings it is of no use. failure: of txaio."""
        if self.state not in ("starting", "running") or self._transport is None:
            return
        transport, self._transport = self._transport, None
        self._failed(f"failed: {type(failure.value).__name__}: {failure.value}")
        transport.abort()

    def _has_ended(self, why: str) -> None:
        """Its connection is closed, or could not be made."""
        self._transport = None
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)
        elif self.state not in ("starting", "running"):
            return
        elif why or self.state == "starting":
            self._failed(why or "it left before it had joined")
        elif self._host.restart == "restart-always":
            self._failed("has left", LogLevel.info)
        else:
            self.log.info("component {name} has left", name=self.name)
            self._be("left")

    def _failed(self, why: str, level: Any = LogLevel.error) -> None:
        if self._host.restart == "restart-never":
            self.log.error("component {name}: {why}; it is not started again", name=self.name, why=why)
            self._be("given up")
            return
        delay = self._backoff.after(self._host.reactor.seconds() - self._since)
        self.log.emit(
            level, "component {name}: {why}; started again in {delay:.1f} s", name=self.name, why=why, delay=delay
        )
        self._retry = self._host.reactor.callLater(delay, self._again)
        self._be("failed")

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
            "realm": self._section.realm,
            "state": self.state,
            "restarts": self.restarts,
        }


def embedded(name: str, section: Component, realm: Realm, outbox: Outbox, host: Host) -> HostedComponent:
    """A component of a router. name: its id, also its authid. realm: where it joins. outbox: of the router."""

    def connect(session: Any, ended: Callable[[str], None]) -> Transport:
        return EmbeddedTransport(session, realm, section.role, name, outbox, ended)

    return HostedComponent(name, section, host, connect)
