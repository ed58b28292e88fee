"""A router worker in a process of its own, as the node sees it; what runs there is in `routing`.

For a second core, or so that a realm's load or components cannot touch another's. What joins realms inside the node
(bridges) joins those of the node's own process.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

from msgspec import msgpack, structs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from edge_router.config.schema import Config, Controller
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.node.environment import environment_of_ours
from edge_router.node.process import Supervised, drain
from edge_router.node.reports import DESCRIPTOR, Reported
from edge_router.node.surroundings import Surroundings

_MODULE: Final = "edge_router.node.routing"


class RouterApart:
    """A router of the node.

    config: its section. name: its id. around: the node.
    """

    def __init__(self, config: RouterConfig, name: str, around: Surroundings) -> None:
        self._config = config
        self._around = around
        self._facts: dict[str, Any] = {}
        self._waiting: list[Deferred[None]] = []
        self.process = Supervised(
            name, "router", "restart-on-failed", None, self._spawn, around.guard, around.reactor, self._has_changed
        )
        self._reports = Reported(self.process, around.reactor, self._take)

    @property
    def places(self) -> list[str]:
        """Where it listens."""
        return list(self._facts.get("transports", ()))

    def reload(self) -> None:
        """Have it read its certificates and secrets again."""
        if self.process.pid and self._facts:  # else it has only just been started, and minds no signal yet
            os.kill(self.process.pid, signal.SIGHUP)

    def start(self) -> None:
        """Start it."""
        self.process.start()

    def ready(self) -> Deferred[None]:
        """Result: when it listens, or has failed to."""
        if self._facts:
            return succeed(None)
        waiting: Deferred[None] = Deferred(lambda gone: self._waiting.remove(gone))
        self._waiting.append(waiting)
        return waiting

    def stop(self) -> Any:
        """End it. Result: a Deferred, when it has ended."""
        return self.process.stop()

    def close(self) -> None:
        """The node ends."""
        self.process.close()
        self._reports.output.close()

    def info(self) -> dict[str, Any]:
        """Facts for the info page and `status`, JSON-like."""
        return {**self.process.info(), **self._facts}

    def _take(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self._is_ready()
        self._around.changed()

    def _has_changed(self) -> None:
        if self.process.state not in ("starting", "running", "stopping"):
            self._facts = {}
            self._is_ready()
        self._around.changed()

    def _is_ready(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _spawn(self, process: Supervised) -> _Life:
        life = _Life(process, self._reports, self._order())
        self._around.reactor.spawnProcess(
            life,
            sys.executable,
            [sys.executable, "-P", "-m", _MODULE],
            env=environment_of_ours(os.environ),
            childFDs={0: "w", 1: "r", 2: "r", DESCRIPTOR: "r"},
        )
        process.begun(life.transport.pid)
        return life

    def _order(self) -> bytes:
        alone = structs.replace(self._config, options=structs.replace(self._config.options, process="node"))
        config = Config(controller=Controller(id=self._around.node), workers=[alone])
        return msgpack.encode({"directory": str(self._around.directory.absolute()), "config": config})


class _Life(ProcessProtocol):
    """One life of the process."""

    transport: Any

    def __init__(self, process: Supervised, reports: Reported, order: bytes) -> None:
        self._process = process
        self._outputs = {1: process.output, 2: process.output, DESCRIPTOR: reports.output}
        self._order = order

    def connectionMade(self) -> None:
        self.transport.write(self._order)
        self.transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803 - Twisted names it
        self._outputs[childFD].take(childFD, data, self.transport)

    def processExited(self, reason: Failure) -> None:
        value: Any = reason.value
        self._process.exited(-value.signal if getattr(value, "signal", None) else value.exitCode or 0)

    def release(self) -> None:
        for number in self._outputs:
            if number in self.transport.pipes:
                drain(self.transport.pipes[number])
        self.transport.loseConnection()
        self._outputs[DESCRIPTOR].end()
