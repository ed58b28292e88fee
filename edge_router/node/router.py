"""The `router` worker: a router with its realms, and the transports that clients come in by, in the node's process."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Component, Realm
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.node.doors import Doors
from edge_router.node.logins import Logins
from edge_router.node.refusals import Refusals
from edge_router.node.stores import Stores
from edge_router.router.router import Router
from edge_router.router.session import RouterSession
from edge_router.transports.outbox import Outbox
from edge_router.transports.tally import Tally
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN

#: seconds between two looks whether all clients have answered GOODBYE
LOOK_EVERY = 0.02


class Hosted(NamedTuple):
    """A component in the router's process. section: its configuration. part: the `components.HostedComponent`."""

    section: Component
    part: Any


class RouterWorker:
    """The router of one worker.

    config: its section. directory: the node directory. reactor: Twisted's. info: facts about the node, for info pages.
    changed: called when a component has begun or ended. name: in the log, where it is not the section's `id`.
    """

    log = Logger()

    def __init__(
        self,
        config: RouterConfig,
        directory: Path,
        reactor: Any,
        info: Callable[[], dict[str, Any]],
        changed: Callable[[], None] = lambda: None,
        name: str = "",
    ) -> None:
        self.name = name or config.id or "router"
        self._changed = changed
        self._config = config
        self._directory = directory
        self._reactor = reactor
        self._refusals = Refusals(reactor)
        self._complaints = Tally(reactor, self._complained)
        self.router = Router(reactor, on_refused=self._refused, on_complaint=self._complaints.add)
        for realm in config.realms:
            self.router.add_realm(realm)
        self._stores = Stores(directory, reactor)
        self.logins = Logins(directory, reactor, self.router)
        self._outbox = Outbox(reactor)
        self.doors = Doors(self.router, self.logins, self._outbox, directory, reactor, info, self.join_local)
        self.doors.all = [self.doors.made(transport) for transport in config.transports]
        self._components_host: Any = None
        self.components: list[Hosted] = [
            self._component(section, place) for place, section in enumerate(config.components, 1)
        ]

    def _component(self, section: Component, place: int) -> Hosted:
        """An embedded component. place: in the list, from 1. autobahn is loaded for the first one."""
        if self._components_host is None:
            shared: dict[Any, Any] | None = {} if self._config.options.expose_shared else None
            self._components_host = registry.load("edge_router.node.components:Host")(
                self._directory, shared, "twisted", "restart-on-failed", self._reactor, None, self._changed
            )
        name = section.id or f"component{place:03}"
        embedded = registry.load("edge_router.node.components:embedded")
        realm = self.router.realms[section.realm]
        return Hosted(section, embedded(name, section, realm, self._outbox, self._components_host))

    def _refused(self, session: RouterSession, reason: str, message: str) -> None:
        self._refusals.add(session.peer.details.peer, reason, message)

    def _complained(self, count: int, last: str) -> None:
        more = f" ({count} such things in a short time, this is the last)" if count > 1 else ""
        self.log.warn("{last}{more}", last=last, more=more)

    def has_realm(self, name: str) -> bool:
        """Whether this worker has a realm of that name."""
        return name in self.router.realms

    def join_local(self, realm: str, role: str, authid: str, kind: Any = None) -> Any:
        """Join a realm from inside the node. Result: a client's Session. Raises LookupError for an unknown realm or
        role. kind: of session, where it is not `client.Session`; its `features` are what it can do.

        What it takes is loaded when the first part of a node asks for it.
        """
        if realm not in self.router.realms:
            raise LookupError(f"this worker has no realm '{realm}'")
        join = registry.load("edge_router.client.local:join")
        if kind is None:
            return join(lambda peer: self.router.realms[realm].admit(peer, role, authid), self._outbox)
        return join(
            lambda peer: self.router.realms[realm].admit(peer, role, authid, kind.features), self._outbox, kind
        )

    async def start(self) -> None:
        """Open all transports. Raises `transports.listen.CannotListen` for the first that cannot be opened.

        Raises `node.logins.Unusable` for a function that is to decide about logins and cannot.
        """
        for realm in self.router.realms.values():
            self._stores.open(realm)
        self._find_modules()
        await self.logins.start()
        for component in self.components:
            component.part.start()
        for door in self.doors.all:
            await self.doors.open(door)
            self.log.info("{kind} listens on {place}", kind=registry.type_name(door.section), place=door.place)

    def _find_modules(self) -> None:
        """For components, functions that decide about logins, and web services that run Python."""
        if self._config.options.pythonpath:
            registry.load("edge_router.node.pythonpath:extend")(self._config.options.pythonpath, self._directory)

    @property
    def places(self) -> list[str]:
        """Where it listens."""
        return self.doors.places

    @property
    def section(self) -> RouterConfig:
        """Its configuration as it is now."""
        return structs.replace(
            self._config,
            realms=[
                structs.replace(realm.config, roles=list(realm.roles.declared.values()))
                for realm in self.router.realms.values()
            ],
            transports=[door.section for door in self.doors.all],
            components=[component.section for component in self.components],
        )

    # --- changes -----------------------------------------------------------------------------------------------

    def follow(self, config: RouterConfig) -> None:
        """Take over what of a section is in no part of the worker. config: the section as it is to be."""
        self.name = config.id or self.name
        self._config = structs.replace(self._config, id=config.id, options=structs.replace(
            self._config.options, pythonpath=config.options.pythonpath))  # fmt: skip
        self._find_modules()

    def add_component(self, section: Component) -> None:
        """Start one more component."""
        names = {component.part.name for component in self.components}
        place = next(place for place in count(1) if f"component{place:03}" not in names)
        component = self._component(section, place)
        self.components.append(component)
        component.part.start()

    def add_realm(self, config: Realm) -> None:
        """Open a realm."""
        self._stores.open(self.router.add_realm(config))

    def close_realm(self, name: str, message: str) -> list[RouterSession]:
        """Close a realm. message: told to its sessions. Result: those."""
        told = self.router.close_realm(name, message)
        self._stores.close(name)
        return told

    def reopen_realm(self, config: Realm, message: str) -> list[RouterSession]:
        """Close a realm, and open it again with another section. It keeps its events. message: told to its sessions.
        Result: those.
        """
        old = self.router.realms[config.name]
        told = self.close_realm(config.name, message)
        self.add_realm(config)
        file, other = (getattr(store, "path", None) for store in (old.config.store, config.store))
        if file is None or file != other:  # else they come from the file
            broker = self.router.realms[config.name].broker
            broker.take_over(old.broker.snapshot())
            broker.arrivals.take_over(old.broker.arrivals)
        return told

    # --- the end -----------------------------------------------------------------------------------------------

    async def stop_components(self) -> None:
        """Have all components leave, and wait until they have."""
        await DeferredList([component.part.stop() for component in reversed(self.components)], consumeErrors=True)

    async def say_goodbye(self) -> None:
        """Tell all sessions that the router is about to end, and wait until all have answered. Nobody can join then."""
        await self.farewell(self.router.goodbye(CLOSE_SYSTEM_SHUTDOWN))

    async def farewell(self, told: list[RouterSession]) -> None:
        """Wait until all these have answered GOODBYE, or are gone; each has 5 s for it."""
        self._outbox.flush()
        while any(not session.ended for session in told):
            await deferLater(self._reactor, LOOK_EVERY)

    async def stop(self) -> None:
        """Close all transports and what is still connected. Idempotent."""
        try:
            await self.doors.close(self.doors.all)
        finally:
            self.logins.stop()
            self._stores.close_all()

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page, JSON-like."""
        return {
            "id": self.name,
            "transports": list(self.places),
            "ports": [{"place": door.place, **door.transport.statistics()} for door in self.doors.all if door.place],
            "realms": [
                {
                    "name": realm.name,
                    "sessions": len(realm.sessions),
                    "subscriptions": len(realm.broker.subscriptions),
                    "registrations": len(realm.dealer.registrations),
                    **realm.counts.shown(),
                    "retained": len(realm.broker.retained),
                    "retained_dropped": realm.broker.retained.dropped,
                    "events_repeated": realm.broker.arrivals.repeated,
                    "origins_forgotten": realm.broker.arrivals.forgotten,
                }
                for realm in self.router.realms.values()
            ],
            **({"components": [component.part.info() for component in self.components]} if self.components else {}),
            "sessions_refused": self.router.aborted,
            "events_dropped": self._outbox.dropped,
        }

