"""The node itself: its workers and bridges, and the file as a whole."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from edge_router.config.schema.management import Management
from edge_router.config.schema.realms import Realm
from edge_router.config.schema.section import Bridge, Section, Transport
from edge_router.config.schema.uplinks import Uplink
from edge_router.config.schema.workers import Component, ContainerWorker, GuestWorker, RouterOptions, Size


class RouterWorker(Section, tag="router"):
    """The router: realms, and the transports that clients come in by. It runs in the node's own process.

    id: a name for management. realms: the realms. transports: where clients connect. components: programs in Python
    that run in the router's own process, each with a session of its own. options: details.
    """

    id: str | None = None
    realms: list[Realm] = []
    transports: list[Transport] = []
    components: list[Component] = []
    options: RouterOptions = field(default_factory=RouterOptions)


class Controller(Section):
    """The node itself.

    id: its name, in logs and on the info page. management: procedures for who runs the node; left out, there are none.
    memory_limit: resident memory of the node's process, as `200M`; over it the node gives back what it can, and if that
    is not enough for half a minute it ends with a failure, so that systemd starts it anew. Workers in processes of
    their own have limits of their own.
    """

    id: str | None = None
    management: Management | None = None
    memory_limit: Size | None = None


Worker = RouterWorker | ContainerWorker | GuestWorker


class Config(Section):
    """The whole file. An empty one is a node that does nothing.

    $schema: for editors. version: 2; the older forms of 1 are upgraded in memory. controller: the node itself.
    workers: what the node runs. bridges: devices, each as topics and procedures of a realm. uplinks: links to central
    routers.
    """

    schema: str | None = field(name="$schema", default=None)
    version: Literal[1, 2] = 2
    controller: Controller = field(default_factory=Controller)
    workers: list[Worker] = []
    bridges: list[Bridge] = []
    uplinks: list[Uplink] = []
