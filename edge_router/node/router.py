"""The `router` worker: a router with its realms, and the transports that clients come in by, in the node's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Auth, Limits
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.node.logins import Logins
from edge_router.node.refusals import Refusals
from edge_router.node.stores import Stores
from edge_router.router.interfaces import Authenticator, Peer
from edge_router.router.router import Router
from edge_router.router.session import RouterSession
from edge_router.transports.host import Host, Transport
from edge_router.transports.listen import CannotListen
from edge_router.transports.outbox import Outbox
from edge_router.transports.tally import Tally
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN

#: seconds between two looks whether all clients have answered GOODBYE
LOOK_EVERY = 0.02


class RouterWorker:
    """The router of one worker.

    config: its section. directory: the node directory. reactor: Twisted's. info: facts about the node, for info pages.
    changed: called when a component has begun or ended.
    """

    log = Logger()

    def __init__(
        self,
        config: RouterConfig,
        directory: Path,
        reactor: Any,
        info: Callable[[], dict[str, Any]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = changed
        self.places: list[str] = []
        self._config = config
        self._directory = directory
        self._reactor = reactor
        self._refusals = Refusals(reactor)
        self._complaints = Tally(reactor, self._complained)
        self._router = Router(reactor, on_refused=self._refused, on_complaint=self._complaints.add)
        for realm in config.realms:
            self._router.add_realm(realm)
        self._stores = Stores(config.realms, directory, reactor)
        self._logins = Logins(directory, reactor, self._router)
        self._outbox = Outbox(reactor)
        self._components_host: Any = None
        self._host = Host(reactor, self._outbox, self._attach, directory, info, self.join_local, self._logins.jar)
        self._transports: list[Transport] = [
            registry.part_class("transport", transport)(transport, self._host) for transport in config.transports
        ]
        self._listening: list[Transport] = []
        self._components: list[Any] = [self._component(place) for place in range(len(config.components))]
        # now, not at the first login: what is wrong with a secret should be known when the node starts
        self._authenticators: dict[int, Mapping[str, Authenticator]] = {
            id(auth): self._logins.methods(auth) for auth in _auths_in(config.transports)
        }

    def _component(self, place: int) -> Any:
        """The embedded component at a place of the list. autobahn is loaded for the first one."""
        section = self._config.components[place]
        if self._components_host is None:
            shared: dict[Any, Any] | None = {} if self._config.options.expose_shared else None
            self._components_host = registry.load("edge_router.node.components:Host")(
                self._directory, shared, "twisted", "restart-on-failed", self._reactor, None, self._changed
            )
        name = section.id or f"component{place + 1:03}"
        embedded = registry.load("edge_router.node.components:embedded")
        return embedded(name, section, self._router.realms[section.realm], self._outbox, self._components_host)

    def _attach(self, peer: Peer, auth: Auth | None, limits: Limits) -> RouterSession:
        methods = self._authenticators.get(id(auth))
        if methods is None:
            methods = self._authenticators[id(auth)] = self._logins.methods(auth)
        return self._router.attach(peer, methods, limits)

    def _refused(self, session: RouterSession, reason: str, message: str) -> None:
        self._refusals.add(session.peer.details.peer, reason, message)

    def _complained(self, count: int, last: str) -> None:
        more = f" ({count} such things in a short time, this is the last)" if count > 1 else ""
        self.log.warn("{last}{more}", last=last, more=more)

    def has_realm(self, name: str) -> bool:
        """Whether this worker has a realm of that name."""
        return name in self._router.realms

    def join_local(self, realm: str, role: str, authid: str) -> Any:
        """Join a realm from inside the node. Result: a client's Session. Raises LookupError for an unknown realm or
        role.

        What it takes is loaded when the first part of a node asks for it.
        """
        if realm not in self._router.realms:
            raise LookupError(f"this worker has no realm '{realm}'")
        join = registry.load("edge_router.client.local:join")
        return join(lambda peer: self._router.realms[realm].admit(peer, role, authid), self._outbox)

    async def start(self) -> None:
        """Open all transports. Raises `transports.listen.CannotListen` for the first that cannot be opened.

        Raises `node.logins.Unusable` for a function that is to decide about logins and cannot.
        """
        self._stores.open(self._router)
        if self._components or self._logins.has_functions:
            registry.load("edge_router.node.pythonpath:extend")(self._config.options.pythonpath, self._directory)
        await self._logins.start()
        for component in self._components:
            component.start()
        for transport, config in zip(self._transports, self._config.transports, strict=True):
            place = await transport.start()
            self._listening.append(transport)
            self.places.append(place)
            self.log.info("{kind} listens on {place}", kind=registry.type_name(config), place=place)

    @property
    def reloads(self) -> bool:
        """Whether `reload` has anything to do."""
        return any(transport.reloads for transport in self._transports)

    def reload(self) -> None:
        """Read certificates and keys of all transports again. Sessions stay; what cannot be used changes nothing."""
        for transport, place in zip(self._listening, self.places, strict=True):
            if not transport.reloads:
                continue
            try:
                transport.reload()
            except CannotListen as error:
                self.log.error("the certificate in use stays: {reason}", reason=str(error))
            else:
                self.log.info("{place}: certificate and key were read again", place=place)

    async def stop_components(self) -> None:
        """Have all components leave, and wait until they have."""
        await DeferredList([component.stop() for component in reversed(self._components)], consumeErrors=True)

    async def say_goodbye(self) -> None:
        """Tell all sessions that the router is about to end, and wait until all have answered. Nobody can join then."""
        told = self._router.goodbye(CLOSE_SYSTEM_SHUTDOWN)
        self._outbox.flush()
        while any(not session.ended for session in told):
            await deferLater(self._reactor, LOOK_EVERY)

    async def stop(self) -> None:
        """Close all transports and what is still connected. Idempotent."""
        listening, self._listening = self._listening, []
        self.places.clear()
        try:
            await DeferredList([transport.stop() for transport in reversed(listening)], consumeErrors=True)
        finally:
            self._logins.stop()
            self._stores.close()

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page, JSON-like."""
        return {
            "id": self._config.id,
            "transports": list(self.places),
            "realms": [
                {
                    "name": realm.name,
                    "sessions": len(realm.sessions),
                    "retained": len(realm.broker.retained),
                    "retained_dropped": realm.broker.retained.dropped,
                }
                for realm in self._router.realms.values()
            ],
            **({"components": [component.info() for component in self._components]} if self._components else {}),
            "sessions_refused": self._router.aborted,
            "events_dropped": self._outbox.dropped,
        }


def _auths_in(value: Any) -> Iterator[Auth]:
    """Every `auth` section, however deep below the transports."""
    if isinstance(value, Auth):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _auths_in(getattr(value, name))
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _auths_in(item)
