"""A changed configuration, brought about in a node that runs.

The order lets a port that one transport leaves be taken by another, and has everything that somebody may need be there
before, and everything that was needed go after: realms, roles and logins first; then what ends: bridges, uplinks,
processes, components, sessions of what closes, transports; then what begins, the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs
from twisted.internet.defer import DeferredList
from twisted.logger import Logger

from edge_router.config.schema import Config
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.node.changes import Pairs, Plan, address, differing, plan, router_plan
from edge_router.node.node import LISTEN_WITHIN, Node, is_within, named
from edge_router.node.record import Record
from edge_router.node.reload_router import RouterReload


class Reload:
    """One reload.

    node: that runs. config: as it is to be, loaded and checked. record: takes what was done.
    """

    log = Logger()

    def __init__(self, node: Node, config: Config, record: Record) -> None:
        self._node = node
        self._config = config
        self._record = record
        #: parts that others take the place of, by the identity of their sections
        self._replaced: dict[int, Any] = {}
        self._before = structs.replace(
            node.config,
            bridges=[bridge.config for bridge in node.bridges],
            uplinks=[uplink.config for uplink in node.uplinks],
        )
        self._plan: Plan = plan(self._before, node.running, config, named(config))

    async def carry_out(self) -> None:
        """Do it. Never raises; a part that cannot follow is told, and tried again with the next reload."""
        try:
            await self._carry_out()
        except Exception as problem:  # noqa: BLE001 - a bug of ours; sessions go on
            self.log.failure("a reload failed")
            self._record.failed(f"the rest was not done: {type(problem).__name__}: {problem}")

    async def _carry_out(self) -> None:
        node = self._node
        routers = await self._routers()
        for router in routers:
            await router.begin()
        await self._stop_parts("bridge", self._plan.bridges, node.bridges)
        await self._stop_parts("uplink", self._plan.uplinks, node.uplinks)
        await self._stop_processes()
        for router in routers:
            await self._stop_components(router)
        for router in routers:
            await node.within_patience("sessions", router.say_goodbye)
        for router in routers:
            await node.within_patience("transports", router.close)
        for name, section in self._plan.workers.removed:
            if is_within(section):
                await self._stop_router(name)
        for router in routers:
            await router.open()
            router.start_components()
        await self._start_processes()
        self._start_parts("uplink", self._plan.uplinks, node.uplinks, node.uplink)
        self._start_parts("bridge", self._plan.bridges, node.bridges, node.bridge)
        node.say_outputs()
        for router in routers:
            router.read_certificates()
        self._read_certificates_apart()
        self._finish()

    # --- routers -----------------------------------------------------------------------------------------------

    async def _routers(self) -> list[RouterReload]:
        """The changes of all routers. One that is new begins empty, and differs in all that it has."""
        plans = list(self._plan.routers)
        for name, section in self._plan.workers.added:
            if is_within(section):
                bare = structs.replace(section, realms=[], transports=[], components=[])
                worker = self._node.router(name, bare)
                await worker.start()
                self._node.workers.append(worker)
                self._record.done(f"worker {name}: started")
                plans.append(router_plan(name, bare, section))
        removed = self._ending_routers()
        leaving = {address(transport) for transport in self._leaving(removed)} - {None}
        closing = {name for each in plans for name in each.closed} | {
            realm.name for section in removed for realm in section.realms
        }
        workers = {worker.name: worker for worker in self._node.workers}
        return [RouterReload(workers[each.name], each, self._record, leaving, closing) for each in plans]

    def _leaving(self, removed: list[RouterConfig]) -> Iterator[Any]:
        """The transports that close, for good or to be opened again."""
        for section in removed:
            yield from section.transports
        for each in self._plan.routers:
            yield from each.transports.removed
            yield from (old for old, _ in each.transports.changed)

    def _ending_routers(self) -> list[RouterConfig]:
        """Those that end, also those with processes of their own that start again."""
        workers = self._plan.workers
        ending = [*workers.removed, *(old for old, _ in workers.changed)]
        return [section for _, section in ending if isinstance(section, RouterConfig)]

    async def _stop_router(self, name: str) -> None:
        worker = next(worker for worker in self._node.workers if worker.name == name)
        await self._node.stop_router(worker)
        self._node.workers.remove(worker)
        self._record.done(f"worker {name}: stopped")

    async def _stop_components(self, router: RouterReload) -> None:
        stopping = router.components_to_stop()
        if stopping:
            stops = [component.part.stop() for component in reversed(stopping)]
            await self._node.within_patience("components", lambda: DeferredList(stops, consumeErrors=True))
            router.forget_components(stopping)

    # --- processes -----------------------------------------------------------------------------------------------

    async def _stop_processes(self) -> None:
        changes = self._plan.workers
        ending = {name for name, section in changes.removed if not is_within(section)}
        again = {name for (name, _), _ in changes.changed}
        if ending | again:
            processes = self._node.processes
            stopping = [each for each in processes.workers if each.name in ending | again]
            await self._node.within_patience("processes", lambda: processes.remove(stopping), processes.patience)
        for name in sorted(ending):
            self._record.done(f"worker {name}: stopped")

    async def _start_processes(self) -> None:
        changes = self._plan.workers
        started = False
        for (_, old), (name, new) in changes.changed:
            started |= self._start_process(name, new)
            self._record.done(f"worker {name}: started again, since it was changed ({', '.join(differing(old, new))})")
        for name, section in changes.added:
            if not is_within(section):
                started |= self._start_process(name, section)
                self._record.done(f"worker {name}: started")
        if started:
            await self._node.within_patience("routers apart", self._node.processes.listening, LISTEN_WITHIN)

    def _start_process(self, name: str, section: Any) -> bool:
        """Result: whether it is a router, which is waited for until it listens."""
        self._node.processes.add(name, section).part.start()
        return isinstance(section, RouterConfig)

    def _read_certificates_apart(self) -> None:
        """Routers with processes of their own say themselves what becomes of it."""
        kept = {name for (name, section), _ in self._plan.workers.kept if not is_within(section)}
        for each in self._node.processes.workers if kept else ():
            if each.name in kept and isinstance(each.section, RouterConfig):
                each.part.reload()

    # --- bridges and uplinks -------------------------------------------------------------------------------------

    async def _stop_parts(self, kind: str, changes: Pairs, running: list[Any]) -> None:
        """At once, since each may take its time. kind: `bridge` or `uplink`. running: the node's; those go."""
        ending = [*changes.removed, *(old for old, _ in changes.changed)]
        stopping = [part for part in running if any(part.config is section for section in ending)]
        successors = {id(old): new for old, new in changes.changed}
        for part in stopping:
            if id(part.config) in successors:
                part.leave_to(successors[id(part.config)])
                self._replaced[id(part.config)] = part
        if stopping:
            stops = [part.stop() for part in reversed(stopping)]
            await self._node.within_patience(f"{kind}s", lambda: DeferredList(stops, consumeErrors=True))
        running[:] = [part for part in running if part not in stopping]
        for section in changes.removed:
            self._record.done(f"{kind} {section.id}: stopped")

    def _start_parts(self, kind: str, changes: Pairs, running: list[Any], make: Callable[[Any], Any]) -> None:
        """kind, running: as above. make: a section -> a part, not started yet."""
        for old, new in changes.changed:
            keys = ", ".join(differing(old, new)) or f"realm {new.realm}"
            what = f"started again, since it was changed ({keys})"
            self._start_part(kind, new, running, make, what, self._replaced.get(id(old)))
        for section in changes.added:
            self._start_part(kind, section, running, make, "started")

    def _start_part(
        self, kind: str, section: Any, running: list[Any], make: Callable[[Any], Any], what: str, before: Any = None
    ) -> None:
        try:
            part = make(section)
        except Exception as problem:  # noqa: BLE001 - the other parts are to start all the same
            self.log.failure("a part cannot be made")
            self._record.failed(f"{kind} {section.id}: {type(problem).__name__}: {problem}")
            return
        if before is not None:
            part.take_over(before)
        running.append(part)
        part.start()
        self._record.done(f"{kind} {section.id}: {what}")

    def _finish(self) -> None:
        if self._config.controller != self._before.controller:
            self._node.follow(self._config.controller)
            self._record.done(f"node: its id is {self._node.id}")
        for key in self._plan.restart:
            self._record.told(f"{key}: cannot change while the node runs; it takes a restart")
