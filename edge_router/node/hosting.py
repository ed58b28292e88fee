"""What runs in the process of a container: a reactor, and the components.

The reactor is Twisted's on an asyncio loop, so that components of both kinds find what they expect; autobahn itself
works with one of them at a time, which is the one that the first component is made for. SIGTERM has the components
leave, and then ends the process.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import txaio
from msgspec import Struct, convert, msgpack
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import DeferredList
from twisted.internet.main import installReactor

from edge_router.config.parts import as_part
from edge_router.config.schema import ContainerComponent
from edge_router.config.schema import ContainerWorker as ContainerConfig
from edge_router.node.components import Host, HostedComponent, Transport
from edge_router.node.limits import octets
from edge_router.node.pythonpath import extend
from edge_router.node.remote import RemoteTransport
from edge_router.node.reports import DESCRIPTOR, Reports

#: seconds that components have to leave; the node gives the process a little longer
LEAVE_WITHIN: Final = 1.5
#: what the kernel shall end before the node when memory runs out; see `launch`
_OOM_SCORE: Final = "300"


class Order(Struct):
    """What the node asks for. name: of the container. directory: the node's. environment: of the process."""

    name: str
    directory: str
    environment: dict[str, str]
    config: Any


def choose_nothing() -> None:
    """Let txaio, which the cradle has loaded for Twisted, be told once more what to work with."""
    txaio._explicit_framework = None


def run(spec: bytes) -> int:
    """Run a container until it ends. spec: an `Order`, MsgPack. Result: the exit status."""
    order = msgpack.decode(spec, type=Order)
    config = convert(order.config, ContainerConfig, dec_hook=as_part)
    os.environ.clear()
    os.environ.update(order.environment)
    directory = Path(order.directory)
    os.chdir(directory)
    _limit(config)
    extend(config.options.pythonpath, directory)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor: Any = AsyncioSelectorReactor(loop)
    installReactor(reactor)
    report = Reports(DESCRIPTOR)
    report.begin_log()
    container = Container(config, directory, reactor, loop, report)
    reactor.callWhenRunning(container.start)
    reactor.run()
    return container.status


def _limit(config: ContainerConfig) -> None:
    limit = octets(config.options.memory_limit)
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    os.nice(config.options.nice)
    try:
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    except OSError:
        pass  # without /proc


class Container:
    """The components of one container.

    config: its section. directory: the node directory. reactor: Twisted's, on `loop`. reports: to the node.
    """

    def __init__(self, config: ContainerConfig, directory: Path, reactor: Any, loop: Any, reports: Reports) -> None:
        self.status = 0
        self._options = config.options
        self._reactor = reactor
        self._reports = reports
        self._stopping = False
        shared: dict[Any, Any] | None = {} if config.options.expose_shared else None
        # a component that fails ends the process, if the options say so, and is started again with that
        once = config.options.shutdown in ("shutdown-on-any-component-failed", "shutdown-on-any-component-stopped")
        restart = "restart-never" if once else config.options.restart
        host = Host(directory, shared, "", restart, reactor, loop, self._has_changed)
        self._host = host
        self.components = [
            HostedComponent(section.id or f"component{place:03}", section, host, _connecting(section, host))
            for place, section in enumerate(config.components, 1)
        ]
        self._told: list[dict[str, Any]] = []

    def start(self) -> None:
        """Start all components."""
        signal.signal(signal.SIGTERM, lambda *_: self._reactor.callFromThread(self.stop))
        for component in self.components:
            component.start()
            self._settle()

    def _settle(self) -> None:
        """autobahn stays with what the first component is made for."""
        if self._host.framework:
            txaio._explicit_framework = self._host.framework
        if self._host.framework == "asyncio":
            txaio.config.loop = self._host.loop

    def stop(self) -> None:
        """Have all components leave, and end."""
        if self._stopping:
            return
        self._stopping = True
        leaving = DeferredList([component.stop() for component in self.components], consumeErrors=True)
        leaving.addTimeout(LEAVE_WITHIN, self._reactor)
        leaving.addBoth(lambda _: self._end())

    def _end(self) -> None:
        if self._reactor.running:
            self._reactor.stop()

    def _has_changed(self) -> None:
        told = [component.info() for component in self.components]
        if told != self._told:
            self._told = told
            self._reports.facts(told)
        if not self._stopping and self._is_over({each["state"] for each in told}):
            self.status = 1 if any(each["state"] in ("failed", "given up") for each in told) else 0
            self._reactor.callLater(0, self.stop)

    def _is_over(self, states: set[str]) -> bool:
        failed, left = {"failed", "given up"}, {"left"}
        match self._options.shutdown:
            case "shutdown-on-any-component-failed":
                return bool(states & failed)
            case "shutdown-on-any-component-stopped":
                return bool(states & (failed | left))
            case "shutdown-on-last-component-stopped":
                return not states - {"left", "given up"}
        return False


def _connecting(section: ContainerComponent, host: Host) -> Callable[[Any, Callable[[str], None]], Transport]:
    def connect(session: Any, ended: Callable[[str], None]) -> Transport:
        return RemoteTransport(session, section.transport, section.auth, host.directory, host.reactor, ended)

    return connect
