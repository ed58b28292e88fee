"""Procedures about one router in the node's process: `crossbar.worker.<id>.` and the name here. They change no part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from edge_router import registry
from edge_router.node.management_calls import Procedure, failure
from edge_router.node.statistics import realm_figures, session_figures
from edge_router.wamp.errors import CLOSE_KILLED, NO_SUCH_SESSION, WampError

if TYPE_CHECKING:
    from edge_router.node.doors import Door
    from edge_router.node.management import Management
    from edge_router.node.router import Hosted, RouterWorker
    from edge_router.router.realm import Realm


def realm_of(worker: RouterWorker, realm_id: str) -> Realm:
    """A realm by its id or name. Raises CallError."""
    for realm in worker.router.realms.values():
        if realm_id in (realm.config.id, realm.name):
            return realm
    raise failure("no_such_object", f"there is no realm '{realm_id[:80]}' here")


def doors_of(worker: RouterWorker) -> dict[str, Door]:
    """The transports by their ids: the configuration's, else `transport001`, ... as they stand there."""
    return {door.section.id or f"transport{place:03}": door for place, door in enumerate(worker.doors.all, 1)}


def door_of(worker: RouterWorker, transport_id: str) -> Door:
    """A transport by its id. Raises CallError."""
    found = doors_of(worker).get(transport_id)
    if found is None:
        raise failure("no_such_object", f"there is no transport '{transport_id[:80]}' here")
    return found


def component_of(worker: RouterWorker, component_id: str) -> Hosted:
    """A component by its id. Raises CallError."""
    for component in worker.components:
        if component.part.name == component_id:
            return component
    raise failure("no_such_object", f"there is no component '{component_id[:80]}' here")


# --- realms and roles --------------------------------------------------------------------------------------------


def get_router_realms(_management: Management, worker: RouterWorker) -> list[str]:
    """The realms: ids where they have one, else names."""
    return [realm.config.id or realm.name for realm in worker.router.realms.values()]


def get_router_realm(_management: Management, worker: RouterWorker, realm_id: str) -> dict[str, Any]:
    """A realm, by id or name: id, name, roles, sessions, what is subscribed to and served, figures."""
    realm = realm_of(worker, realm_id)
    (figures,) = (each for each in realm_figures(worker) if each["name"] == realm.name)
    return {"id": realm.config.id, "roles": list(realm.roles.declared), **figures}


def get_router_realm_by_name(management: Management, worker: RouterWorker, realm_name: str) -> dict[str, Any]:
    """As `get_router_realm`."""
    return get_router_realm(management, worker, realm_name)


def get_router_realm_stats(
    _management: Management, worker: RouterWorker, realm_id: str | None = None
) -> list[dict[str, Any]]:
    """Figures of one realm or of all: sessions, messages and bytes of both ways, retained events."""
    wanted = None if realm_id is None else realm_of(worker, realm_id).name
    return [figures for figures in realm_figures(worker) if wanted in (None, figures["name"])]


def get_router_realm_roles(_management: Management, worker: RouterWorker, realm_id: str) -> list[str]:
    """The roles of a realm."""
    return list(realm_of(worker, realm_id).roles.declared)


def get_router_realm_role(_management: Management, worker: RouterWorker, realm_id: str, role_id: str) -> Any:
    """A role of a realm, as in the configuration."""
    role = realm_of(worker, realm_id).roles.declared.get(role_id)
    if role is None:
        raise failure("no_such_object", f"the realm has no role '{role_id[:80]}'")
    return to_builtins(role)


# --- sessions ----------------------------------------------------------------------------------------------------


def get_router_realm_sessions(_management: Management, worker: RouterWorker, realm_id: str) -> list[dict[str, Any]]:
    """The sessions of a realm: who, how connected, for how long (s), how much was sent and received, what waits."""
    return [session_figures(session) for session in realm_of(worker, realm_id).sessions.values()]


def kill_session(
    _management: Management,
    worker: RouterWorker,
    realm_id: str,
    session: int,
    reason: str = CLOSE_KILLED,
    message: str | None = None,
) -> None:
    """End a session with GOODBYE."""
    found = realm_of(worker, realm_id).sessions.get(session)
    if found is None:
        raise WampError(NO_SUCH_SESSION, f"the realm has no session {session}")
    found.goodbye(reason, message)


def kill_by_authid(
    _management: Management,
    worker: RouterWorker,
    realm_id: str,
    authid: str,
    reason: str = CLOSE_KILLED,
    message: str | None = None,
) -> list[int]:
    """End all sessions of an authid with GOODBYE; gives their ids."""
    told = [session for session in realm_of(worker, realm_id).sessions.values() if session.authid == authid]
    for session in told:
        session.goodbye(reason, message)
    return [session.id for session in told]


# --- transports and components -----------------------------------------------------------------------------------


def get_router_transports(_management: Management, worker: RouterWorker) -> list[str]:
    """The ids of the transports."""
    return list(doors_of(worker))


def get_router_transport(_management: Management, worker: RouterWorker, transport_id: str) -> dict[str, Any]:
    """A transport: id, type, where it listens, connections, messages and bytes of both ways."""
    door = door_of(worker, transport_id)
    return {
        "id": transport_id,
        "type": registry.type_name(door.section),
        "place": door.place,
        **(door.transport.statistics() if door.place else {}),
    }


def get_router_components(_management: Management, worker: RouterWorker) -> list[str]:
    """The ids of the components."""
    return [component.part.name for component in worker.components]


def get_router_component(_management: Management, worker: RouterWorker, component_id: str) -> dict[str, Any]:
    """A component: id, state, restarts."""
    info: dict[str, Any] = component_of(worker, component_id).part.info()
    return info


PROCEDURES_OF_ROUTER: Final[Mapping[str, Procedure]] = {
    function.__name__: function
    for function in (
        get_router_realms, get_router_realm, get_router_realm_by_name, get_router_realm_stats, get_router_realm_roles,
        get_router_realm_role, get_router_realm_sessions, kill_session, kill_by_authid, get_router_transports,
        get_router_transport, get_router_components, get_router_component,
    )
}  # fmt: skip
