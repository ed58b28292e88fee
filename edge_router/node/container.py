"""The `container` worker: components in a process of their own, as the node sees it.

The process comes from the nursery; its stdout and stderr become lines of the node's log, and what it has to report
(its log, with levels, and the states of its components) comes as lines of JSON. What happens in it is in `hosting`.
"""

from __future__ import annotations

import os
from typing import Any

from msgspec import msgpack
from twisted.internet.process import ProcessReader

from edge_router.config.schema import ContainerWorker as ContainerConfig
from edge_router.node.environment import environment_for
from edge_router.node.nursery import Born
from edge_router.node.process import Supervised, drain
from edge_router.node.reports import DESCRIPTOR, Reported
from edge_router.node.surroundings import Surroundings


class ContainerWorker:
    """A container of the node.

    config: its section. name: its id. around: the node.
    """

    def __init__(self, config: ContainerConfig, name: str, around: Surroundings) -> None:
        self._config = config
        self._around = around
        self.components: list[dict[str, Any]] = []
        options = config.options
        self.process = Supervised(
            name, "container", options.restart, options.max_restarts, self._spawn, around.guard, around.reactor,
            self._has_changed, options.cpu_limit,
        )  # fmt: skip
        self._reports = Reported(self.process, around.reactor, self._take)

    def start(self) -> None:
        """Start it."""
        self.process.start()

    def stop(self) -> Any:
        """End it. Result: a Deferred, when it has ended."""
        return self.process.stop()

    def close(self) -> None:
        """The node ends."""
        self.process.close()
        self._reports.output.close()

    def info(self) -> dict[str, Any]:
        """Facts for the info page and `status`, JSON-like."""
        return {**self.process.info(), "components": self.components}

    def _has_changed(self) -> None:
        if self.process.state not in ("running", "stopping"):
            self.components = [{**each, "state": "stopped"} for each in self.components]
        self._around.changed()

    def _spawn(self, process: Supervised) -> _Life:
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        life = _Life(process, self._reports)
        try:
            outputs = tuple(writing for _, writing in pipes)
            self._around.nursery().ask(self._order(), outputs, Born(process.begun, process.exited))
        except OSError:
            for reading, _ in pipes:
                os.close(reading)
            raise
        finally:
            for _, writing in pipes:
                os.close(writing)
        life.read({number: reading for number, (reading, _) in enumerate(pipes, 1)}, self._around.reactor)
        return life

    def _order(self) -> bytes:
        return msgpack.encode(
            {
                "name": self.process.name,
                "directory": str(self._around.directory.absolute()),
                "environment": environment_for(self._config.options.env, os.environ),
                "config": self._config,
            }
        )

    def _take(self, components: list[dict[str, Any]]) -> None:
        self.components = components
        self._around.changed()


class _Life:
    """One life of a container: its pipes."""

    def __init__(self, process: Supervised, reports: Reported) -> None:
        self._outputs = {1: process.output, 2: process.output, DESCRIPTOR: reports.output}
        self._readers: dict[int, Any] = {}

    def read(self, descriptors: dict[int, int], reactor: Any) -> None:
        """Read from the pipes from now on."""
        for number, descriptor in descriptors.items():
            self._readers[number] = ProcessReader(reactor, self, number, descriptor)

    def childDataReceived(self, number: int, data: bytes) -> None:
        """As ProcessReader has it."""
        self._outputs[number].take(number, data, self._readers[number])

    def childConnectionLost(self, number: int, reason: object) -> None:
        """As ProcessReader has it: the other end is closed."""
        del reason
        self._readers.pop(number, None)

    def release(self) -> None:
        """Read what is left, and close."""
        for reader in list(self._readers.values()):
            drain(reader)
            reader.loseConnection()
        self._outputs[DESCRIPTOR].end()
