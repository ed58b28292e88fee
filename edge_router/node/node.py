"""The node: workers, then uplinks, then bridges, started in this order and ended in the opposite one.

A worker that cannot start ends the node, for a router that nobody can reach is none. A bridge that cannot start does
not: devices come and go; nor does an uplink.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from msgspec import structs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger

from edge_router import __version__, registry
from edge_router.config.schema import Bridge, Config, Controller, Uplink, Worker
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.node import outputs
from edge_router.node.bridges import RunningBridge
from edge_router.node.news import News
from edge_router.node.router import RouterWorker
from edge_router.node.statistics import bridge_figures

#: seconds that sessions get to answer GOODBYE, bridges to end, and transports to drop what is connected, each
PATIENCE = 1.5
#: seconds that routers in processes of their own have to listen before the node calls itself ready
LISTEN_WITHIN = 10.0


class Node:
    """What a configuration describes, as running parts.

    config: loaded and checked. directory: the node directory. reactor: Twisted's, on monotonic time. tell: called when
    there is news of the workers; left out, that is written for `edge-router status`.
    """

    log = Logger()

    def __init__(
        self, config: Config, directory: Path, reactor: Any, tell: Callable[[Node], None] | None = None
    ) -> None:
        self.id = config.controller.id or platform.node()
        self.reactor = reactor
        self._started = reactor.seconds()
        #: `starting`, `running` or `stopping`
        self.state = "starting"
        self.config = config
        self.directory = directory
        self._news = News(directory, reactor, self._worker_info)
        self._tell = tell
        #: the `management.Management`, if the configuration asks for it
        self.management: Any = None
        #: ends the node, with a reason for the log; whoever runs it has to set it
        self.shut_down: Callable[[str], object] = lambda _why: None
        #: has the node read its configuration again; set likewise
        self.reread: Callable[[], object] = lambda: None
        #: the workers with realms, in the node's process
        self.workers: list[RouterWorker] = []
        #: workers with processes of their own; None while there have been none
        self._processes: Any = None
        for name, worker in named(config):
            if is_within(worker):
                self.workers.append(self.router(name, worker))
            else:
                self.processes.add(name, worker)
        self.uplinks = [self.uplink(uplink) for uplink in config.uplinks]
        self.bridges = [self.bridge(bridge) for bridge in config.bridges]
        if config.controller.management is not None:
            management = registry.load("edge_router.node.management:Management")
            self.management = management(config.controller.management, self)

    def router(self, name: str, config: RouterConfig) -> RouterWorker:
        """A router of this node, not started yet."""
        part = registry.part_class("worker", config)
        worker: RouterWorker = part(config, self.directory, self.reactor, self.info, self._has_changed, name)
        return worker

    @property
    def processes(self) -> Any:
        """The `processes.Processes` of this node, made when there is one to be looked after."""
        if self._processes is None:
            processes = registry.load("edge_router.node.processes:Processes")
            self._processes = processes(self.id, self.directory, self.reactor, self._has_changed)
        return self._processes

    def bridge(self, config: Bridge) -> RunningBridge:
        """A bridge of this node, not started yet."""
        worker = next(worker for worker in self.workers if worker.has_realm(config.realm))
        part = registry.part_class("bridge", config)(config, self.reactor)
        part.directory = self.directory
        running = RunningBridge(config, part, worker.join_local, self.reactor)
        running.changed = self._state_changed
        return running

    def uplink(self, config: Uplink) -> Any:
        """An uplink of this node, not started yet; a `uplinks.RunningUplink`."""
        running = registry.load("edge_router.node.uplinks:uplink")(self, config)
        running.changed = self._has_changed
        return running

    @property
    def apart(self) -> list[Any]:
        """The workers with processes of their own, each a `processes.Apart`."""
        return self._processes.workers if self._processes is not None else []

    @property
    def running(self) -> list[tuple[str, Any]]:
        """The workers as they run: names and sections."""
        routers = [(worker.name, worker.section) for worker in self.workers]
        return [*routers, *((each.name, each.section) for each in self.apart)]

    async def start(self) -> None:
        """Start everything. Raises whatever a worker raises that cannot start (`transports.listen.CannotListen`)."""
        if self.management is not None:
            await self.management.start()
        for worker in self.workers:
            await worker.start()
        self.say_outputs()
        for part in (*self.uplinks, *self.bridges):
            part.start()
        if self._processes is not None:
            self._processes.start()
            await self.within_patience("routers apart", self._processes.listening, LISTEN_WITHIN)
        self.state = "running"
        self._state_changed()
        if self._tell is not None:
            self._tell(self)

    def say_outputs(self) -> None:
        """For `edge-router outputs`, which sees to them if the node is killed."""
        try:
            outputs.write(self.directory, [bridge.config for bridge in self.bridges])
        except OSError as error:
            self.log.error("{name} cannot be written: {error}", name=outputs.NAME, error=error.strerror)

    def _has_changed(self) -> None:
        """There is news of a component or a process."""
        self._state_changed()
        if self._tell is None:
            self._news.changed()
        elif self.state == "running":
            self._tell(self)

    def follow(self, controller: Controller) -> None:
        """Be what another section `controller` says."""
        self.config = structs.replace(self.config, controller=controller)
        self.id = controller.id or platform.node()

    def has_reread(self, state: str, lines: list[str]) -> None:
        """A reload is over. state: `done`, `failed` or `invalid`. lines: what was done, or is wrong."""
        if self.management is not None:
            self.management.has_reread({"state": state, "lines": lines})

    def _state_changed(self) -> None:
        if self.management is not None:
            self.management.changed()

    async def stop(self) -> None:
        """Say GOODBYE to all sessions and stop everything, within a few times PATIENCE. Never raises."""
        self.state = "stopping"
        self._state_changed()
        if self._processes is not None:
            await self.within_patience("processes", self._processes.stop, self._processes.patience)
            self._processes.close()
        for bridge in reversed(self.bridges):
            await self.within_patience("bridge", bridge.stop)
        outputs.forget(self.directory)
        for uplink in reversed(self.uplinks):
            await self.within_patience("uplink", uplink.stop)
        for worker in reversed(self.workers):
            await self.stop_router(worker)
        if self.management is not None:
            await self.within_patience("management", self.management.stop)
        self._news.close()

    async def stop_router(self, worker: RouterWorker) -> None:
        """Say GOODBYE to all sessions of a router, and stop it. Never raises."""
        await self.within_patience("components", worker.stop_components)
        await self.within_patience("sessions", worker.say_goodbye)
        await self.within_patience("transports", worker.stop)

    async def within_patience(self, what: str, stop: Any, patience: float = PATIENCE) -> None:
        """End something. what: it is, for the log. stop: ends it. patience: seconds it has. Never raises."""
        ending: Deferred[Any] = maybeDeferred(stop)
        ending.addTimeout(patience, self.reactor)
        try:
            await ending
        except DeferredTimeoutError:
            self.log.debug("{what} took longer than {patience} s", what=what, patience=patience)
        except Exception:  # noqa: BLE001 - the other parts are to end all the same
            self.log.failure("{what} did not end in order", what=what)

    def status(self) -> str:
        """The node in one line, for `systemctl status`."""
        places = [place for worker in self.workers for place in worker.places]
        places += self._processes.places if self._processes is not None else []
        said = f"listening on {', '.join(places)}" if places else "running, listening nowhere"
        others = [f"{worker['id']} {worker['state']}" for worker in self.process_info()]
        return f"{said}; {', '.join(others)}" if others else said

    def process_info(self) -> list[dict[str, Any]]:
        """Facts about the workers with processes of their own, JSON-like."""
        return self._processes.info() if self._processes is not None else []

    def _worker_info(self) -> list[dict[str, Any]]:
        """What `edge-router status` shows."""
        components = [component for worker in self.workers for component in worker.info().get("components", ())]
        return [*components, *self.process_info(), *(uplink.in_short() for uplink in self.uplinks)]

    def info(self) -> dict[str, Any]:
        """Facts about the node for its info page, JSON-like."""
        return {
            "node": self.id,
            "version": __version__,
            "pid": os.getpid(),
            "platform": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "state": self.state,
            "uptime": round(self.reactor.seconds() - self._started, 1),
            "workers": [*(worker.info() for worker in self.workers), *self.process_info()],
            "bridges": [bridge_figures(self, bridge) for bridge in self.bridges],
            **({"uplinks": [uplink.info() for uplink in self.uplinks]} if self.uplinks else {}),
        }


def named(config: Config) -> list[tuple[str, Worker]]:
    """The workers of a configuration, without those that are disabled, by name: the `id`, else `worker001`, ..."""
    return [
        (worker.id or f"worker{place:03}", worker)
        for place, worker in enumerate(config.workers, 1)
        if not worker.options.disabled
    ]


def is_within(worker: Worker) -> TypeGuard[RouterConfig]:
    """Whether a worker is a router in the node's own process."""
    return isinstance(worker, RouterConfig) and worker.options.process == "node"
