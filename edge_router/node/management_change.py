"""Procedures that change parts of the node: start, stop, restart. One at a time.

What they change lasts until the node ends, or reads its configuration again. A section that they take is one as in the
configuration file, and has to fit with all the rest as it has there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import ValidationError, convert, structs

from edge_router import registry
from edge_router.client.values import CallError
from edge_router.config.check import check
from edge_router.config.parts import as_part
from edge_router.config.schema import Config, Realm, Role, Transport
from edge_router.config.secret import Missing
from edge_router.node.logins import Unusable
from edge_router.node.management_calls import Procedure, failure
from edge_router.node.management_router import component_of, door_of, doors_of, realm_of
from edge_router.transports.listen import CannotListen
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN

if TYPE_CHECKING:
    from edge_router.node.bridges import RunningBridge
    from edge_router.node.management import Management
    from edge_router.node.router import RouterWorker

T = TypeVar("T")


def _section(kind: type[T], value: dict[str, Any]) -> T:
    """A section of the configuration. Raises CallError."""
    try:
        return convert(value, kind, dec_hook=as_part)
    except ValidationError as problem:
        raise failure("invalid_configuration", str(problem)) from None


def _fitting(management: Management, worker: RouterWorker, **lists: list[Any]) -> None:
    """Raises CallError unless the configuration is right with other lists in a router's section."""
    node = management.node
    routers = [structs.replace(each.section, **lists) if each is worker else each.section for each in node.workers]
    apart = [each.section for each in node.apart]
    config = Config(controller=node.config.controller, workers=[*routers, *apart], bridges=[])
    problems, _ = check(config, node.directory.absolute())
    if problems:
        raise failure("invalid_configuration", "; ".join(problem.text for problem in problems[:3]))


# --- workers, bridges and uplinks --------------------------------------------------------------------------------


def _process(management: Management, worker_id: str) -> Any:
    for worker in management.node.apart:
        if worker.name == worker_id:
            return worker.part
    if any(worker.name == worker_id for worker in management.node.workers):
        raise failure("cannot_stop", f"'{worker_id}' runs in the node's own process; `crossbar.shutdown` ends that")
    raise failure("no_such_worker", f"there is no worker '{worker_id[:80]}'")


def _runs(worker: Any) -> bool:
    return worker.process.state in ("starting", "running", "stopping")


def start_worker(management: Management, worker_id: str) -> None:
    """Start a container, a guest or a router with a process of its own that was stopped, has ended or was given up."""
    worker = _process(management, worker_id)
    if _runs(worker):
        raise failure("worker_already_running", f"'{worker_id}' is {worker.process.state}")
    worker.start()


async def stop_worker(management: Management, worker_id: str) -> None:
    """End a container, a guest or a router with a process of its own, and do not start it again."""
    worker = _process(management, worker_id)
    if not _runs(worker) and worker.process.state != "failed":
        raise failure("worker_not_running", f"'{worker_id}' is {worker.process.state}")
    await worker.stop()


async def restart_worker(management: Management, worker_id: str) -> None:
    """End a container, a guest or a router with a process of its own, and start it again."""
    worker = _process(management, worker_id)
    await worker.stop()
    worker.start()


def _part(kind: str, parts: Sequence[RunningBridge], part_id: str) -> RunningBridge:
    """A bridge or an uplink."""
    for part in parts:
        if part.config.id == part_id:
            return part
    raise failure("no_such_object", f"there is no {kind} '{part_id[:80]}'")


def _start(part: RunningBridge) -> None:
    if part.state != "stopped":
        raise failure("already_started", f"'{part.config.id}' is {part.state}")
    part.start()


async def _stop(part: RunningBridge) -> None:
    if part.state == "stopped":
        raise failure("not_started", f"'{part.config.id}' is stopped")
    await part.stop()


async def _restart(part: RunningBridge) -> None:
    await part.stop()
    part.start()


def start_bridge(management: Management, bridge_id: str) -> None:
    """Start a bridge that was stopped."""
    _start(_part("bridge", management.node.bridges, bridge_id))


async def stop_bridge(management: Management, bridge_id: str) -> None:
    """Stop a bridge: its device is let go of, its procedures and topics end."""
    await _stop(_part("bridge", management.node.bridges, bridge_id))


async def restart_bridge(management: Management, bridge_id: str) -> None:
    """Stop a bridge and start it again."""
    await _restart(_part("bridge", management.node.bridges, bridge_id))


def start_uplink(management: Management, uplink_id: str) -> None:
    """Start an uplink that was stopped."""
    _start(_part("uplink", management.node.uplinks, uplink_id))


async def stop_uplink(management: Management, uplink_id: str) -> None:
    """Stop an uplink: it leaves the central router; events are not kept either until it is started again."""
    await _stop(_part("uplink", management.node.uplinks, uplink_id))


async def restart_uplink(management: Management, uplink_id: str) -> None:
    """Stop an uplink and start it again, by its first address."""
    await _restart(_part("uplink", management.node.uplinks, uplink_id))


# --- realms and roles --------------------------------------------------------------------------------------------


def start_router_realm(
    management: Management, worker: RouterWorker, realm_id: str, realm_config: dict[str, Any]
) -> None:
    """Open a realm. realm_config: as an item of `realms`; its id is `realm_id`."""
    section = _section(Realm, {**realm_config, "id": realm_id})
    if any(realm_id in (each.config.id, each.name) for each in worker.router.realms.values()):
        raise failure("already_started", f"there is a realm '{realm_id}'")
    _fitting(management, worker, realms=[*worker.section.realms, section])
    worker.add_realm(section)
    management.publish("on_realm_started", {"worker": worker.name, "realm": realm_id, "name": section.name})


async def stop_router_realm(management: Management, worker: RouterWorker, realm_id: str) -> None:
    """Close a realm: its sessions end. One that bridges, components or logins need stays."""
    realm = realm_of(worker, realm_id)
    needed = [f"bridge {bridge.info()['id']}" for bridge in management.node.bridges
              if bridge.state != "stopped" and bridge.info()["realm"] == realm.name]  # fmt: skip
    needed += [f"uplink {uplink.config.id}" for uplink in management.node.uplinks
               if uplink.state != "stopped" and uplink.config.realm == realm.name]  # fmt: skip
    if needed:
        raise failure("dependent_objects", f"'{realm_id}' is in use by {', '.join(needed)}")
    try:
        _fitting(management, worker, realms=[each for each in worker.section.realms if each.name != realm.name])
    except CallError as problem:
        raise failure("dependent_objects", f"'{realm_id}' is in use: {problem.error_args[0]}") from None
    told = worker.close_realm(realm.name, "this realm was closed")
    await management.node.within_patience("sessions", lambda: worker.farewell(told))
    management.publish("on_realm_stopped", {"worker": worker.name, "realm": realm_id, "name": realm.name})


def start_router_realm_role(
    management: Management, worker: RouterWorker, realm_id: str, role_id: str, role_config: dict[str, Any]
) -> None:
    """Add a role, or give one other permissions, at once and for sessions that have it. role_config: as of `roles`."""
    realm = realm_of(worker, realm_id)
    section = _section(Role, {"name": role_id, **role_config})
    if section.name != role_id:
        raise failure("invalid_configuration", f"the role's name is '{section.name}', not '{role_id}'")
    roles = {**realm.roles.declared, section.name: section}
    _fitting(management, worker, realms=[
        structs.replace(each, roles=list(roles.values())) if each.name == realm.name else each
        for each in worker.section.realms
    ])  # fmt: skip
    realm.roles.set(section)
    management.publish("on_router_realm_role_started", {"worker": worker.name, "realm": realm_id, "role": role_id})


def stop_router_realm_role(management: Management, worker: RouterWorker, realm_id: str, role_id: str) -> None:
    """Take a role away; sessions that have it end."""
    realm = realm_of(worker, realm_id)
    if role_id not in realm.roles.declared:
        raise failure("no_such_object", f"the realm has no role '{role_id[:80]}'")
    realm.roles.remove(role_id)
    management.publish("on_router_realm_role_stopped", {"worker": worker.name, "realm": realm_id, "role": role_id})


def _has_tls() -> bool:
    """Whether OpenSSL may be loaded; `lean` keeps it out of a node that was started without TLS."""
    return sys.modules.get("OpenSSL", True) is not None


# --- transports --------------------------------------------------------------------------------------------------


async def start_router_transport(
    management: Management, worker: RouterWorker, transport_id: str, transport_config: dict[str, Any]
) -> str:
    """Open a transport; gives where it listens. transport_config: as an item of `transports`."""
    if transport_id in doors_of(worker):
        raise failure("already_running", f"there is a transport '{transport_id}'")
    section: Any = _section(Transport, {**transport_config, "id": transport_id})  # type: ignore[type-abstract]
    _fitting(management, worker, transports=[*worker.section.transports, section])
    if getattr(getattr(section, "endpoint", None), "tls", None) is not None and not _has_tls():
        raise failure("cannot_start", "TLS takes a node that had it when it was started; restart the node")
    try:
        door = worker.doors.made(section)
        await worker.logins.start()
        await worker.doors.open(door)
    except CannotListen as problem:
        raise failure("cannot_listen", str(problem)) from None
    except (Unusable, Missing) as problem:
        raise failure("cannot_start", str(problem)) from None
    management.publish(
        "on_router_transport_started",
        {"worker": worker.name, "transport": transport_id, "type": registry.type_name(section), "place": door.place},
    )
    return door.place


async def stop_router_transport(management: Management, worker: RouterWorker, transport_id: str) -> None:
    """Close a transport: sessions that came in by it end."""
    door, node = door_of(worker, transport_id), management.node
    told = worker.doors.sessions([door])
    for session in told:
        session.goodbye(CLOSE_SYSTEM_SHUTDOWN, "this transport was closed")
    await node.within_patience("sessions", lambda: worker.farewell(told))
    await node.within_patience("transport", lambda: worker.doors.close([door]))
    management.publish("on_router_transport_stopped", {"worker": worker.name, "transport": transport_id})


# --- components --------------------------------------------------------------------------------------------------


def start_router_component(_management: Management, worker: RouterWorker, component_id: str) -> None:
    """Start a component of the router that was stopped or has ended."""
    part = component_of(worker, component_id).part
    if part.state in ("starting", "running", "stopping"):
        raise failure("already_started", f"'{component_id}' is {part.state}")
    part.start()


async def stop_router_component(_management: Management, worker: RouterWorker, component_id: str) -> None:
    """Have a component of the router leave."""
    await component_of(worker, component_id).part.stop()


async def restart_router_component(_management: Management, worker: RouterWorker, component_id: str) -> None:
    """Have a component of the router leave, and start it again."""
    part = component_of(worker, component_id).part
    await part.stop()
    part.start()


CHANGES_OF_NODE: Final[Mapping[str, Procedure]] = {
    function.__name__: function
    for function in (
        start_worker, stop_worker, restart_worker, start_bridge, stop_bridge, restart_bridge, start_uplink,
        stop_uplink, restart_uplink,
    )
}  # fmt: skip
CHANGES_OF_ROUTER: Final[Mapping[str, Procedure]] = {
    function.__name__: function
    for function in (
        start_router_realm, stop_router_realm, start_router_realm_role, stop_router_realm_role,
        start_router_transport, stop_router_transport, start_router_component, stop_router_component,
        restart_router_component,
    )
}  # fmt: skip
