"""The management realm: procedures that look at the node and change it while it runs.

It has a router of its own, which only its own Unix socket leads to, so that nobody can get there by a mistake in the
roles of other realms. The procedures stand in tables (`management_node`, `management_router`, `management_change`);
here is who may call them, how a call finds its procedure, and what is told when the state of a part changes.
Names and realm are Crossbar's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger, globalLogPublisher

from edge_router.auth.peercred import PeerCredentials
from edge_router.client.local import join
from edge_router.client.values import CallError, Invoked
from edge_router.config.schema import (
    Allow,
    PeerCredentialsAuth,
    Permission,
    RawSocket,
    Realm,
    Role,
    UnixEndpoint,
)
from edge_router.config.schema import Management as ManagementConfig
from edge_router.node.management_calls import Procedure, answer, failure
from edge_router.node.management_change import CHANGES_OF_NODE, CHANGES_OF_ROUTER
from edge_router.node.management_log import Recent
from edge_router.node.management_node import PROCEDURES_OF_NODE
from edge_router.node.management_router import PROCEDURES_OF_ROUTER
from edge_router.node.refusals import Refusals
from edge_router.router.router import Router
from edge_router.router.session import RouterSession
from edge_router.transports.host import Host
from edge_router.transports.outbox import Outbox
from edge_router.transports.rawsocket import RawSocketTransport
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN, NO_SUCH_PROCEDURE

if TYPE_CHECKING:
    from edge_router.node.node import Node

REALM: Final = "crossbar"
ROLE: Final = "admin"
PREFIX: Final = "crossbar."
WORKER_PREFIX: Final = "crossbar.worker."


class Management:
    """The management of one node.

    config: its section. node: the node. environment: who the node is: its user's number.
    """

    log = Logger()
    #: by name, without their prefixes
    of_node: Final[Mapping[str, Procedure]] = {**PROCEDURES_OF_NODE, **CHANGES_OF_NODE}
    of_router: Final[Mapping[str, Procedure]] = {**PROCEDURES_OF_ROUTER, **CHANGES_OF_ROUTER}

    def __init__(self, config: ManagementConfig, node: Node, user: Callable[[], int] = os.geteuid) -> None:
        self.node = node
        #: the last lines of the log
        self.recent = Recent()
        #: whether something is being changed
        self._busy = False
        self._session: Any = None
        self._rereading: list[Deferred[Any]] = []
        self._states: dict[str, tuple[str, str]] = {}
        refusals = Refusals(node.reactor)
        self._router = Router(
            node.reactor,
            on_refused=lambda session, why, text: refusals.add(session.peer.details.peer, why, text),
        )
        allow = Allow(call=True, subscribe=True)
        role = Role(name=ROLE, permissions=[Permission(uri="", match="prefix", allow=allow)])
        self._realm = self._router.add_realm(Realm(name=REALM, roles=[role]))
        users = dict.fromkeys(("0", str(user()), *config.users), ROLE)
        login = PeerCredentials(PeerCredentialsAuth(users=users))
        methods = {"peercred": login, "anonymous": login}
        self._outbox = Outbox(node.reactor)
        endpoint = UnixEndpoint(path=config.path, mode=config.mode, owner=config.owner, group=config.group)
        host = Host(
            node.reactor,
            self._outbox,
            lambda peer, _auth, limits: self._router.attach(peer, methods, limits),
            node.directory,
            node.info,
        )
        self._transport = RawSocketTransport(RawSocket(endpoint=endpoint), host)

    async def start(self) -> None:
        """Open the socket. Raises `transports.listen.CannotListen`."""
        globalLogPublisher.addObserver(cast(ILogObserver, self.recent))
        place = await self._transport.start()
        self._session = join(self._admitted, self._outbox)
        await self._session.register(PREFIX, self._called, details=True, match="prefix")
        self.log.info("management: realm {realm} on {place}", realm=REALM, place=place)

    def _admitted(self, peer: Any) -> RouterSession:
        return self._realm.admit(peer, "trusted", "node")

    async def stop(self) -> None:
        """Say GOODBYE, and close the socket. Idempotent."""
        self.publish("on_shutdown", self.node.id)
        globalLogPublisher.removeObserver(cast(ILogObserver, self.recent))
        self._router.goodbye(CLOSE_SYSTEM_SHUTDOWN)
        self._outbox.flush()
        await self._transport.stop()

    def publish(self, topic: str, *values: Any) -> None:
        """Tell those who subscribe. topic: without its prefix."""
        if self._session is not None and self._session.is_open:
            self._session.publish(PREFIX + topic, values)

    # --- calls -------------------------------------------------------------------------------------------------

    def _called(self, invoked: Invoked, *args: Any, **kwargs: Any) -> Any:
        procedure, subject = self._find(invoked.procedure)
        changes = procedure in _CHANGES
        if changes and self._busy:
            raise failure("operation_in_progress", "something else is being changed just now; try again")
        answered = maybeDeferred(answer, procedure, subject, args, kwargs)
        if changes:
            self._busy = True
            answered.addBoth(self._has_changed)
        return answered

    def _has_changed(self, result: Any) -> Any:
        self._busy = False
        self.changed()
        return result

    def _find(self, uri: str) -> tuple[Procedure, tuple[Any, ...]]:
        """A procedure, and what it is about: the management, and the worker if it is one of a worker's."""
        if uri.startswith(WORKER_PREFIX):
            worker, _, name = uri.removeprefix(WORKER_PREFIX).rpartition(".")
            found = self.of_router.get(name)
            if found is not None:
                return found, (self, self.router_worker(worker))
        found = self.of_node.get(uri.removeprefix(PREFIX))
        if found is None:
            raise CallError(NO_SUCH_PROCEDURE, f"there is no '{uri[:80]}'; crossbar.get_procedures lists what there is")
        return found, (self,)

    def router_worker(self, name: str) -> Any:
        """A router in the node's process. Raises CallError."""
        for worker in self.node.workers:
            if worker.name == name:
                return worker
        routers = ", ".join(worker.name for worker in self.node.workers) or "none"
        raise failure("no_such_worker", f"no router '{name[:80]}' in the node's process; there are: {routers}")

    def reread(self) -> Deferred[Any]:
        """Have the node read its configuration again. Result: the outcome of the next reload that ends."""
        waiting: Deferred[Any] = Deferred()
        self._rereading.append(waiting)
        self.node.reread()
        return waiting

    def has_reread(self, outcome: dict[str, Any]) -> None:
        """A reload is over."""
        self.publish("on_reloaded", outcome)
        waiting, self._rereading = self._rereading, []
        for each in waiting:
            each.callback(outcome)

    # --- what changes ------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """The state of some part may be another one."""
        if self._session is None:
            return
        for kind, name, state, facts in self._parts():
            before = self._states.get(f"{kind} {name}")
            if before != (kind, state):
                self._states[f"{kind} {name}"] = kind, state
                self.publish(f"on_{kind}_{_EVENTS.get(state, state)}", facts)

    def _parts(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        node = self.node
        found = [("node", node.id, node.state, {"id": node.id, "state": node.state})]
        info = node.info()
        for worker in info["workers"]:
            if "state" in worker:
                found.append((worker["type"], worker["id"], worker["state"], worker))
            for component in worker.get("components", ()):
                found.append(("component", f"{worker['id']} {component['id']}", component["state"], component))
        found += [("bridge", bridge["id"], bridge["state"], bridge) for bridge in info["bridges"]]
        found += [("uplink", uplink["id"], uplink["link"], uplink) for uplink in info.get("uplinks", ())]
        return found


#: the procedures of which one runs at a time
_CHANGES: Final = frozenset((*CHANGES_OF_NODE.values(), *CHANGES_OF_ROUTER.values()))
#: states that Crossbar's events call otherwise
_EVENTS: Final = {"running": "started", "given up": "given_up"}

