"""All workers of a node that have processes of their own: started together, ended together, shown in `status`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, NamedTuple

from twisted.internet.defer import DeferredList

from edge_router import registry
from edge_router.config.schema import RouterWorker
from edge_router.node.guard import Guard
from edge_router.node.process import GRACE
from edge_router.node.surroundings import Surroundings


class Apart(NamedTuple):
    """One such worker. name: its id. section: its configuration. part: the `GuestWorker`,
    `ContainerWorker` or `RouterApart`."""

    name: str
    section: Any
    part: Any


class Processes:
    """The guests, the containers and the routers apart of a node.

    node: its id. directory: the node directory. reactor: Twisted's. changed: called when one of them has begun or
    ended. patience: seconds that their end takes at most.
    """

    patience: Final = GRACE + 0.5

    def __init__(self, node: str, directory: Path, reactor: Any, changed: Any) -> None:
        self._guard = Guard(reactor)
        self._nursery: Any = None
        self._reactor = reactor
        self._around = Surroundings(node, directory, reactor, self._guard, self._the_nursery, changed)
        self.workers: list[Apart] = []

    def add(self, name: str, section: Any) -> Apart:
        """One more, not started yet. name: its id. section: its configuration."""
        worker = Apart(name, section, _class_of(section)(section, name, self._around))
        self.workers.append(worker)
        return worker

    async def remove(self, workers: Collection[Apart]) -> None:
        """End some of them, all at once, and forget them."""
        await self._ended(workers)
        for worker in workers:
            worker.part.close()
            self.workers.remove(worker)
        self._around.changed()

    def _the_nursery(self) -> Any:
        if self._nursery is None:
            self._nursery = registry.load("edge_router.node.nursery:Nursery")(self._reactor)
        return self._nursery

    def start(self) -> None:
        """Start all. Never raises; what cannot be started is told by the log, and tried again."""
        for worker in self.workers:
            worker.part.start()

    async def listening(self) -> None:
        """Wait until all routers listen, or have failed to; those are tried again."""
        await DeferredList([router.ready() for router in self._routers], consumeErrors=True)

    @property
    def _routers(self) -> list[Any]:
        return [worker.part for worker in self.workers if isinstance(worker.section, RouterWorker)]

    @property
    def places(self) -> list[str]:
        """Where the routers among them listen."""
        return [place for router in self._routers for place in router.places]

    async def stop(self) -> None:
        """End all of them at once, and wait for it."""
        await self._ended(self.workers)

    async def _ended(self, workers: Collection[Apart]) -> None:
        await DeferredList([worker.part.stop() for worker in workers], consumeErrors=True)

    def close(self) -> None:
        """Kill what is left."""
        for worker in self.workers:
            worker.part.close()
        if self._nursery is not None:
            self._nursery.close()
        self._guard.close()

    def info(self) -> list[dict[str, Any]]:
        """Facts for the info page and `status`, JSON-like."""
        return [worker.part.info() for worker in self.workers]


def _class_of(section: Any) -> Any:
    """What runs a worker that is not in the node's process."""
    if isinstance(section, RouterWorker):
        return registry.load("edge_router.node.apart:RouterApart")
    return registry.part_class("worker", section)
