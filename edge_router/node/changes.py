"""What is different in another configuration: a plan, made of sections alone, before anything is done.

What does not differ is in no list, and nothing is done to it. What a part consists of is compared with what runs, so
that whatever could not be done is tried again with the next plan. Only the comparing may live here; `reload` acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from edge_router import registry
from edge_router.config.schema import Auth, Config, Realm, Role, RouterWorker
from edge_router.node.node import is_within

#: what can change while a realm is open; all else closes it, and opens it again
_LIVE_OF_REALM: Final = frozenset({"id", "roles", "options.max_sessions", "options.error_style"})
#: what `RouterPlan` and `Plan` see to; all else takes a restart of the node
_SEEN_TO_OF_ROUTER: Final = frozenset({"id", "realms", "transports", "components", "options.pythonpath"})
_SEEN_TO: Final = frozenset({"version", "$schema", "controller.id", "workers", "bridges", "uplinks"})


class Pairs(Struct):
    """Two lists of sections, compared.

    kept: those that are equal. changed: as they were and as they are to be. removed, added: those in one list only.
    """

    kept: list[tuple[Any, Any]]
    changed: list[tuple[Any, Any]]
    removed: list[Any]
    added: list[Any]

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed or self.added)


def pairs(old: Sequence[Any], new: Sequence[Any], *keys: Callable[[Any], object]) -> Pairs:
    """Which section of a list has become which of another: equal ones first, then those with the same key, in order.

    keys: what a section is the same by; the second counts for those that the first has left, and so on.
    """
    left, rest, found = list(old), list(new), Pairs([], [], [], [])
    rest = _match(left, rest, lambda one, other: bool(one == other), found.kept)
    for key in keys:
        rest = _match(left, rest, lambda one, other: key(one) == key(other), found.changed)  # noqa: B023 - called at once
    found.removed, found.added = left, rest
    return found


def _match(
    left: list[Any], rest: list[Any], same: Callable[[Any, Any], bool], found: list[tuple[Any, Any]]
) -> list[Any]:
    """Take out of `left` what corresponds to something in `rest`. Result: what nothing corresponds to."""
    alone = []
    for section in rest:
        before = _take(left, section, same)
        if before is None:
            alone.append(section)
        else:
            found.append((before, section))
    return alone


def _take(sections: list[Any], wanted: Any, same: Callable[[Any, Any], bool]) -> Any:
    """The first that is the same, taken out of a list; None if none is."""
    for place, section in enumerate(sections):
        if same(section, wanted):
            return sections.pop(place)
    return None


# --- routers ---------------------------------------------------------------------------------------------------------


class Entry(Struct):
    """The `auth` sections of a transport that is the same otherwise. auths: as they were and as they are to be."""

    old: Any
    new: Any
    auths: list[tuple[Auth, Auth | None]]


class RouterPlan(Struct):
    """What is different in a router.

    name: of the worker. new: its section as it is to be. realms: changed ones can follow while they are open. reopened:
    those that cannot. roles: to be set, by realm. lost_roles: to be removed, by realm. entries: where only logins
    differ. restart: keys that take a restart of the node.
    """

    name: str
    new: RouterWorker
    realms: Pairs
    reopened: list[tuple[Realm, Realm]]
    roles: list[tuple[str, Role]]
    lost_roles: list[tuple[str, str]]
    transports: Pairs
    entries: list[Entry]
    components: Pairs
    restart: list[str]

    @property
    def closed(self) -> set[str]:
        """The realms that close, for good or to be opened again."""
        return {realm.name for realm in self.realms.removed} | {old.name for old, _ in self.reopened}


def router_plan(name: str, old: RouterWorker, new: RouterWorker) -> RouterPlan:
    """What is different in a router. old: as it runs."""
    realms = pairs(old.realms, new.realms, lambda realm: realm.name)
    reopened = [(was, now) for was, now in realms.changed if set(differing(was, now)) - _LIVE_OF_REALM]
    realms.changed = [pair for pair in realms.changed if pair not in reopened]
    roles, lost = _roles(realms.changed)
    transports = pairs(old.transports, new.transports, where, registry.type_name)
    entries = [_entry(was, now) for was, now in transports.changed]
    plan = RouterPlan(
        name=name,
        new=new,
        realms=realms,
        reopened=reopened,
        roles=roles,
        lost_roles=lost,
        transports=transports,
        entries=[entry for entry in entries if entry is not None],
        components=pairs(old.components, new.components, _component_key),
        restart=[key for key in differing(old, new) if key not in _SEEN_TO_OF_ROUTER],
    )
    transports.changed = [pair for pair, entry in zip(transports.changed, entries, strict=True) if entry is None]
    moved = [pair for pair in plan.components.kept if pair[0].realm in plan.closed]
    plan.components.kept = [pair for pair in plan.components.kept if pair not in moved]
    plan.components.changed += moved
    return plan


def _roles(realms: list[tuple[Realm, Realm]]) -> tuple[list[tuple[str, Role]], list[tuple[str, str]]]:
    set_, lost = [], []
    for old, new in realms:
        before, after = ({role.name: role for role in realm.roles} for realm in (old, new))
        set_ += [(new.name, role) for name, role in after.items() if before.get(name) != role]
        lost += [(new.name, name) for name in before if name not in after]
    return set_, lost


def where(transport: Any) -> object:
    """What a transport is the same by, whatever else of it changes: its `id`, else where it listens."""
    if transport.id is not None:
        return transport.id
    return address(transport) or registry.type_name(transport)


def address(transport: Any) -> tuple[Any, ...] | None:
    """What two transports cannot have at the same time; None for a port that the system chooses."""
    endpoint = getattr(transport, "endpoint", None)
    path = getattr(endpoint, "path", None)
    if path is not None:
        return "unix", path
    port = getattr(endpoint, "port", 0)
    return ("tcp", port) if port else None


def _component_key(component: Any) -> object:
    return component.id if component.id is not None else (registry.type_name(component), component.realm)


def _entry(old: Any, new: Any) -> Entry | None:
    """How the logins of a transport differ; None if anything else does."""
    auths = _auths(old, new)
    return None if auths is None else Entry(old, new, auths)


def _auths(old: Any, new: Any) -> list[tuple[Auth, Auth | None]] | None:
    if old == new and type(old) is type(new):
        return []
    if isinstance(old, Auth) and (new is None or isinstance(new, Auth)):
        return [(old, new)]
    inner = _inner(old, new)
    if inner is None:
        return None
    found = [_auths(*pair) for pair in inner]
    return None if None in found else [auth for auths in found if auths is not None for auth in auths]


def _inner(old: Any, new: Any) -> list[tuple[Any, Any]] | None:
    """What corresponds in two values of the same shape; None if they have none."""
    if type(old) is not type(new):
        return None
    if isinstance(old, Struct):
        return [(getattr(old, name), getattr(new, name)) for name in old.__struct_fields__]
    if isinstance(old, dict) and old.keys() == new.keys():
        return [(old[key], new[key]) for key in old]
    return None


# --- the node --------------------------------------------------------------------------------------------------------


class Plan(Struct):
    """What is different in a configuration.

    workers: removed and added ones, and changed ones that are no routers; each as (name, section). routers: those that
    stay and differ. bridges, uplinks: those of realms that close are among the changed ones. restart: keys that take a
    restart of the node.
    """

    workers: Pairs
    routers: list[RouterPlan]
    bridges: Pairs
    uplinks: Pairs
    restart: list[str]


#: the name of a worker, and its section
Named = tuple[str, Any]


def plan(old: Config, running: Sequence[Named], new: Config, wanted: Sequence[Named]) -> Plan:
    """What is different.

    old, running: the configuration and its enabled workers, as they run. new, wanted: as they are to be.
    """
    workers = _workers(running, wanted)
    routers = [
        router_plan(was[0], was[1], now[1])
        for was, now in [*workers.kept, *workers.changed]
        if is_within(was[1])
    ]
    workers.changed = [pair for pair in workers.changed if not is_within(pair[0][1])]
    closed = {name for router in routers for name in router.closed} | _realms(workers.removed)
    bridges = _joining(old.bridges, new.bridges, closed)
    uplinks = _joining(old.uplinks, new.uplinks, closed)
    restart = [key for key in differing(old, new) if key not in _SEEN_TO]
    restart += [f"workers.{router.name}.{key}" for router in routers for key in router.restart]
    return Plan(workers, routers, bridges, uplinks, restart)


def _joining(old: Sequence[Any], new: Sequence[Any], closed: set[str]) -> Pairs:
    """Parts that join realms. closed: realms that close, whose parts start again."""
    found = pairs(old, new, lambda section: section.id)
    moved = [pair for pair in found.kept if pair[0].realm in closed]
    found.kept = [pair for pair in found.kept if pair not in moved]
    found.changed += moved
    return found


def _realms(workers: Sequence[Named]) -> set[str]:
    return {realm.name for _, section in workers if isinstance(section, RouterWorker) for realm in section.realms}


def _workers(running: Sequence[Named], wanted: Sequence[Named]) -> Pairs:
    """Workers are the same by `id`; those without one by what they are, and which of those they are."""
    names = {id(section): name for name, section in running}
    found = pairs([section for _, section in running], [section for _, section in wanted], _worker_key)
    _renamed(found)
    _moved(found)
    given = {id(section): name for name, section in wanted}
    taken = {names[id(old)] for old, _ in [*found.kept, *found.changed]}

    def was(section: Any) -> Named:
        return names[id(section)], section

    def becomes(section: Any) -> Named:
        name = _free(given[id(section)], taken)
        taken.add(name)
        return name, section

    return Pairs(
        kept=[(was(old), (names[id(old)], new)) for old, new in found.kept],
        changed=[(was(old), (names[id(old)], new)) for old, new in found.changed],
        removed=[was(section) for section in found.removed],
        added=[becomes(section) for section in found.added],
    )


def _renamed(found: Pairs) -> None:
    """Routers that go and come with the same realm are one, with another `id`."""
    for old in [worker for worker in found.removed if isinstance(worker, RouterWorker)]:
        realms = {realm.name for realm in old.realms}
        for new in [worker for worker in found.added if isinstance(worker, RouterWorker)]:
            if not realms.isdisjoint(realm.name for realm in new.realms):
                found.changed.append((old, new))
                found.removed = [worker for worker in found.removed if worker is not old]
                found.added = [worker for worker in found.added if worker is not new]
                break


def _moved(found: Pairs) -> None:
    """A router that goes into another process, or comes back, is none that stays."""
    moved = [(old, new) for old, new in found.changed if is_within(old) is not is_within(new)]
    found.changed = [pair for pair in found.changed if pair not in moved]
    found.removed += [old for old, _ in moved]
    found.added += [new for _, new in moved]


def _worker_key(worker: Any) -> object:
    return registry.type_name(worker), worker.id


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while name in taken:
        name, number = f"worker{number:03}", number + 1
    return name


def affects(old: Auth, new: Auth | None, method: str, authid: str) -> bool:
    """Whether a login that was made by an `auth` section could not be made like that any more.

    method: the authmethod, as the client calls it. authid: of the session.
    """
    names = [name for name in old.__struct_fields__ if name not in ("cookie", "failed_logins")]
    if method != "cookie":  # a browser may have logged in by any of them
        names = [name for name in names if name == method.removeprefix("wamp-")]
    return any(_affects(getattr(old, name), getattr(new, name, None), authid) for name in names)


def _affects(old: Any, new: Any, authid: str) -> bool:
    if old is None or old == new:
        return False
    was, now = (getattr(section, "principals", None) or getattr(section, "users", None) for section in (old, new))
    if isinstance(was, dict) and isinstance(now, dict) and authid in was:
        return bool(was[authid] != now.get(authid))
    return True


# --- in words --------------------------------------------------------------------------------------------------------


def differing(old: Any, new: Any) -> list[str]:
    """The keys by which two sections of one kind differ, two levels deep at most: `endpoint.port`, `options`."""
    return list(_differing(old, new, 2))


def _differing(old: Any, new: Any, depth: int) -> Iterator[str]:
    if type(old) is not type(new):
        yield "type"
        return
    for key, name in zip(old.__struct_encode_fields__, old.__struct_fields__, strict=True):
        was, now = getattr(old, name), getattr(new, name)
        if was == now:
            continue
        if depth > 1 and isinstance(was, Struct) and type(was) is type(now):
            yield from (f"{key}.{inner}" for inner in _differing(was, now, depth - 1))
        else:
            yield key
