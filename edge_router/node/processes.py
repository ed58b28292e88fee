"""All workers of a node that have processes of their own: started together, ended together, shown in `status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import DeferredList

from edge_router import registry
from edge_router.node.guard import Guard
from edge_router.node.process import GRACE
from edge_router.node.surroundings import Surroundings


class Processes:
    """The guests and containers of a node.

    configs: their sections, with their names. directory: the node directory. reactor: Twisted's. changed: called when
    one of them has begun or ended. patience: seconds that their end takes at most.
    """

    patience: Final = GRACE + 0.5

    def __init__(self, configs: list[tuple[str, Any]], directory: Path, reactor: Any, changed: Any) -> None:
        self._guard = Guard(reactor)
        self._nursery: Any = None
        self._reactor = reactor
        around = Surroundings(directory, reactor, self._guard, self._the_nursery, changed)
        self.workers = [registry.part_class("worker", config)(config, name, around) for name, config in configs]

    def _the_nursery(self) -> Any:
        if self._nursery is None:
            self._nursery = registry.load("edge_router.node.nursery:Nursery")(self._reactor)
        return self._nursery

    def start(self) -> None:
        """Start all. Never raises; what cannot be started is told by the log, and tried again."""
        for worker in self.workers:
            worker.start()

    async def stop(self) -> None:
        """End all of them at once, and wait for it."""
        await DeferredList([worker.stop() for worker in self.workers], consumeErrors=True)

    def close(self) -> None:
        """Kill what is left."""
        for worker in self.workers:
            worker.close()
        if self._nursery is not None:
            self._nursery.close()
        self._guard.close()

    def info(self) -> list[dict[str, Any]]:
        """Facts for the info page and `status`, JSON-like."""
        return [worker.info() for worker in self.workers]
