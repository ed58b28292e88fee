"""The configuration as a whole, with which its rules compare each section; and what several rules need.

(`check` and its neighbours have the rules.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path as FilePath
from typing import Any, Final, TypeAlias

from msgspec import Struct

from edge_router import registry
from edge_router.config import schema
from edge_router.config.problems import Path, Problem

#: the role that always exists, for parts of the node itself; who has it may do everything
TRUSTED: Final = "trusted"

Found: TypeAlias = Iterator[Problem]


class Whole:
    """The configuration, and what has been seen of it so far.

    taken: (what, name) -> the first place that took it. realms: name -> realm. node: the node's id. uplinks: all.
    """

    def __init__(self, config: schema.Config, directory: FilePath, names_known: bool) -> None:
        self.directory = directory
        self.names_known = names_known
        self._workers: Any = config.workers
        self.node = config.controller.id
        self.uplinks = config.uplinks
        self.realms = {realm.name: realm for worker in _routers(config) for realm in worker.realms}
        #: names of realms in routers with processes of their own
        self.apart = {
            realm.name for worker in _routers(config) if worker.options.process == "own" for realm in worker.realms
        }
        self.roles = {role.name for realm in self.realms.values() for role in realm.roles}
        self.taken: dict[tuple[object, ...], Path] = {}
        self.notices: list[Problem] = []

    def take(self, path: Path, *what: object) -> Path | None:
        """Take a name; result: who had it before, or None."""
        before = self.taken.setdefault(what, path)
        return None if before is path else before

    def joins(self, realm: str, role: str, path: Path) -> Found:
        """What is wrong with the realm and role that a part of the node wants to join. path: of the part."""
        if not self.names_known:
            return
        found = self.realms.get(realm)
        if found is None:
            yield Problem((*path, "realm"), f"there is no realm {realm!r}{of(realm, self.realms)}")
        elif path[0] == "workers" and all(found is not other for other in self._workers[int(path[1])].realms):
            yield Problem((*path, "realm"), f"realm {realm!r} is of another worker; serve this there")
        else:
            yield from self.has_role(found, role, path)

    def has_role(self, realm: schema.Realm, role: str, path: Path) -> Found:
        """What is wrong with a role of a part of the node, in a realm that there is. path: of the part."""
        roles = [each.name for each in realm.roles]
        for name in role_names(role) if role != TRUSTED else ():
            if name == TRUSTED:
                yield Problem((*path, "role"), "the role 'trusted' may do everything; write it alone")
            elif name not in roles:
                hint = of(name, [*roles, TRUSTED])
                yield Problem((*path, "role"), f"realm {realm.name!r} has no role {name!r}{hint}")


def role_names(role: str) -> list[str]:
    """What a `role` names: one role, or several as `reader,operator`."""
    return [name.strip() for name in role.split(",")]


def _routers(config: schema.Config) -> Iterator[schema.RouterWorker]:
    """The workers with realms, those that are disabled aside."""
    for worker in config.workers:
        if isinstance(worker, schema.RouterWorker) and not worker.options.disabled:
            yield worker


def sections(value: Any, path: Path) -> Iterator[tuple[Path, Struct]]:
    """Every section of a configuration with its path, outer ones first."""
    if isinstance(value, Struct):
        yield path, value
        for name, key in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from sections(getattr(value, name), (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from sections(item, (*path, place))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from sections(item, (*path, key))


def twice(whole: Whole, path: Path, kind: str, name: object, *within: object) -> Found:
    before = whole.take(path, kind, *within, name)
    if before is not None:
        yield Problem(path, f"{kind} {name!r} given twice, first at {shown(before)}; give each its own")


def shown(path: Path) -> str:
    return ".".join(str(step) for step in path)


def of(name: str, known: Collection[str]) -> str:
    """What to take instead of a name. A good configuration never needs it, so it is loaded only now."""
    suggestion: str = registry.load("edge_router.config.describe:suggestion")(name, known)
    return suggestion or f"; there are: {', '.join(sorted(known)) or 'none'}"


def account(key: str, kind: str, name: str | None, path: Path, find: Callable[[str], object]) -> Found:
    if name is None or name.isdecimal():
        return
    try:
        find(name)
    except (KeyError, ValueError):
        yield Problem((*path, key), f"there is no {kind} {name!r} on this machine")


Rule: TypeAlias = Callable[[Any, Path, Whole], Found]
