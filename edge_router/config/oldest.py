"""The form of February 2014, before there was a version: `processes` in place of workers, mappings in place of lists.

Whoever has such a file wrote it for Crossbar's first releases on WAMP 2; no later Crossbar reads it. Only the shapes
that its README shows are known: routers with `realms` by name, roles with `grants.access`, endpoints as text, and
`component.python` processes. Source: crossbar.io, README of 2014-02-25.
"""

from __future__ import annotations

from typing import Any

from edge_router.config.endpoint_text import connecting, listening
from edge_router.config.problems import Path, Problem


class Oldest:
    """A configuration of version 2, but for what `older` rewrites. Attributes as those of `older.Upgraded`."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.notices = [Problem(("processes",), "a form from 2014, read as `workers` of version 2")]
        self.moved: dict[Path, Path] = {("workers",): ("processes",)}
        processes = tree["processes"]
        workers: Any = processes
        if isinstance(processes, list):
            workers = [self._process(each, place) for place, each in enumerate(processes)]
        self.tree = {"workers" if key == "processes" else key: value for key, value in tree.items()} | {
            "workers": workers
        }

    def _process(self, process: Any, place: int) -> Any:
        before, path = ("processes", place), ("workers", place)
        self.moved[path] = before
        if not isinstance(process, dict):
            return process
        if process.get("type") == "component.python":
            return self._container(process, path, before)
        realms = process.get("realms")
        if isinstance(realms, dict):
            process = {**process, "realms": self._named(realms, (*path, "realms"), (*before, "realms"), self._realm)}
        transports = process.get("transports")
        if isinstance(transports, list):
            process = {**process, "transports": [_with_endpoint(each, listening) for each in transports]}
        return process

    def _named(self, mapping: dict[str, Any], path: Path, before: Path, read: Any) -> list[Any]:
        """A list of what was a mapping by name."""
        items = []
        for place, (name, value) in enumerate(mapping.items()):
            here, there = (*path, place), (*before, name)
            self.moved[here] = there
            items.append({"name": name, **read(value, here, there)} if isinstance(value, dict) else value)
        return items

    def _realm(self, realm: dict[str, Any], path: Path, before: Path) -> dict[str, Any]:
        roles = realm.get("roles")
        if not isinstance(roles, dict):
            return realm
        named = self._named(roles, (*path, "roles"), (*before, "roles"), self._role)
        unnamed = [role for role in named if isinstance(role, dict) and role.pop("authentication", None) is None]
        if len(unnamed) == 1:
            unnamed[0]["name"] = "anonymous"  # it is for those who do not log in, and that is now said by this name
        return {**realm, "roles": named}

    def _role(self, role: dict[str, Any], path: Path, before: Path) -> dict[str, Any]:
        grants = role.get("grants")
        access = grants.get("access") if isinstance(grants, dict) else None
        if not isinstance(access, dict):
            return role
        permissions = []
        for place, (uri, actions) in enumerate(access.items()):
            self.moved[(*path, "permissions", place)] = (*before, "grants", "access", uri)
            permissions.append({"uri": uri, **actions} if isinstance(actions, dict) else actions)
        return {**{key: value for key, value in role.items() if key != "grants"}, "permissions": permissions}

    def _container(self, process: dict[str, Any], path: Path, before: Path) -> dict[str, Any]:
        router = process.get("router")
        router = router if isinstance(router, dict) else {}
        here = (*path, "components", 0)
        self.moved |= {
            here: before,
            (*here, "classname"): (*before, "class"),
            (*here, "realm"): (*before, "router", "realm"),
            (*here, "transport"): (*before, "router"),
        }
        transport = {key: value for key, value in router.items() if key != "realm"}
        component = {
            "type": "class",
            "classname": process.get("class"),
            "realm": router.get("realm"),
            "transport": _with_endpoint(transport, connecting),
        }
        rest = {key: value for key, value in process.items() if key not in ("type", "class", "router")}
        return {"type": "container", **rest, "components": [component]}


def _with_endpoint(transport: Any, read: Any) -> Any:
    """A transport whose endpoint was a text."""
    text = transport.get("endpoint") if isinstance(transport, dict) else None
    section = read(text) if isinstance(text, str) else None
    return transport if section is None else {**transport, "endpoint": section}
