"""Older forms of Crossbar's configuration, rewritten as version 2, with the way back to where each value stood.

Version 1 has actions beside a permission's URI, stars for patterns, one `serializer` of a RawSocket and the type
`pusher`; before it there were `classpaths` and `classes`. Router links (`rlinks`) are uplinks here.
The form of February 2014 (`processes`) is in `oldest`. Values of unexpected kinds are left as they are: the walk over
the result says what is wrong with them. Source: crossbar.io's documentation of its upgrade, and its first README.
"""

from __future__ import annotations

from typing import Any

from edge_router import registry
from edge_router.config.problems import Path, Problem

UPGRADE = "`edge-router upgrade` rewrites the file"

_ACTIONS = ("call", "register", "publish", "subscribe")


class Upgraded:
    """A configuration in the form of version 2.

    tree: plain values; what was given stays as it was. notices: what had an older form, with paths of the file.
    moved: path in `tree` -> path in the file, where they differ.
    """

    def __init__(self, tree: object) -> None:
        self.notices: list[Problem] = []
        self.moved: dict[Path, Path] = {}
        self._permissions: list[Problem] = []
        self._uplinks: list[tuple[dict[str, Any], Path]] = []
        if isinstance(tree, dict) and "processes" in tree and "workers" not in tree:
            oldest = registry.load("edge_router.config.oldest:Oldest")(tree)
            tree, self.moved, self.notices = oldest.tree, oldest.moved, oldest.notices
        if isinstance(tree, dict) and isinstance(tree.get("workers"), list):
            workers = [self._worker(w, ("workers", i)) for i, w in enumerate(tree["workers"])]
            tree = self._with_uplinks({**tree, "workers": workers})
        self.tree = tree
        self._tell_permissions()

    def original(self, path: Path) -> Path:
        """A path in `tree` -> the path in the file."""
        for length in range(len(path), 0, -1):
            before = self.moved.get(path[:length])
            if before is not None:
                return before + path[length:]
        return path

    def _say(self, path: Path, text: str) -> None:
        self.notices.append(Problem(self.original(path), text))

    # --- classpaths and classes

    def _worker(self, worker: Any, path: Path) -> Any:
        if not isinstance(worker, dict):
            return worker
        worker = self._with_pythonpath(worker, path)
        listed = worker.get("transports")
        if isinstance(listed, list):
            transports = [self._transport(each, (*path, "transports", place)) for place, each in enumerate(listed)]
            worker = {**worker, "transports": transports}
        realms = worker.get("realms")
        if not isinstance(realms, list):
            return worker
        if "classes" in worker and len(realms) == 1 and isinstance(realms[0], dict):
            worker = self._with_components(worker, worker["classes"], realms[0].get("name"), path, (*path, "classes"))
            del worker["classes"]
        for place, realm in enumerate(realms):
            if isinstance(realm, dict) and "classes" in realm:
                at = (*path, "realms", place, "classes")
                worker = self._with_components(worker, realm["classes"], realm.get("name"), path, at)
        return {**worker, "realms": [self._realm(r, (*path, "realms", i)) for i, r in enumerate(realms)]}

    def _with_pythonpath(self, worker: dict[str, Any], path: Path) -> dict[str, Any]:
        options = worker.get("options")
        if not isinstance(options, dict) or "classpaths" not in options or "pythonpath" in options:
            return worker
        options = {"pythonpath" if key == "classpaths" else key: value for key, value in options.items()}
        at = (*path, "options", "classpaths")
        self._say(at, f"read as `pythonpath`; {UPGRADE}")
        self.moved[(*path, "options", "pythonpath")] = self.original(at)
        return {**worker, "options": options}

    def _with_components(self, worker: dict[str, Any], classes: Any, realm: Any, path: Path, at: Path) -> Any:
        """A worker that has a component for each of `classes`."""
        if not isinstance(classes, list):
            classes = [classes]
        components = list(worker.get("components", ()))
        self._say(at, f"read as `components` of the worker; {UPGRADE}")
        for place, name in enumerate(classes):
            here = (*path, "components", len(components))
            self.moved[here] = self.moved[(*here, "classname")] = self.original((*at, place))
            components.append({"type": "class", "realm": realm, "classname": name})
        return {**worker, "components": components}

    def _with_uplinks(self, tree: dict[str, Any]) -> dict[str, Any]:
        """With an uplink for each router link of a realm."""
        given = tree.get("uplinks", [])
        if not self._uplinks or not isinstance(given, list):
            return tree
        for place, (_, path) in enumerate(self._uplinks, len(given)):
            self._say(path, "read as one of `uplinks`, whose rules can say what is handed on; see docs/uplink.md")
            self.moved["uplinks", place] = self.original(path)
            self.moved["uplinks", place, "remote_realm"] = self.original((*path, "realm"))
        return {**tree, "uplinks": [*given, *(uplink for uplink, _ in self._uplinks)]}

    # --- transports

    def _transport(self, transport: Any, path: Path) -> Any:
        """Once a RawSocket had one `serializer`."""
        if not isinstance(transport, dict):
            return transport
        if transport.get("type") == "rawsocket" and isinstance(transport.get("serializer"), str):
            self._say((*path, "serializer"), f"read as `serializers`; {UPGRADE}")
            self.moved[(*path, "serializers")] = self.original((*path, "serializer"))
            rest = {key: value for key, value in transport.items() if key != "serializer"}
            transport = {"serializers": [transport["serializer"]], **rest}
        return self._paths(transport, path)

    def _paths(self, section: dict[str, Any], path: Path) -> dict[str, Any]:
        """A path of type `publisher` was once called `pusher`."""
        paths = section.get("paths")
        if not isinstance(paths, dict):
            return section
        new = {}
        for name, service in paths.items():
            at = (*path, "paths", name)
            if isinstance(service, dict):
                if service.get("type") == "pusher":
                    self._say((*at, "type"), f"read as `publisher`; {UPGRADE}")
                    service = {**service, "type": "publisher"}
                service = self._paths(service, at)
            new[name] = service
        return {**section, "paths": new}

    # --- permissions

    def _realm(self, realm: Any, path: Path) -> Any:
        if not isinstance(realm, dict):
            return realm
        realm = {key: value for key, value in realm.items() if key != "classes"}
        if realm.get("rlinks"):
            realm, uplinks = registry.load("edge_router.config.rlinks:uplinks")(realm, path)
            self._uplinks += uplinks
        roles = realm.get("roles")
        if not isinstance(roles, list):
            return realm
        return {**realm, "roles": [self._role(role, (*path, "roles", place)) for place, role in enumerate(roles)]}

    def _role(self, role: Any, path: Path) -> Any:
        permissions = role.get("permissions") if isinstance(role, dict) else None
        if not isinstance(permissions, list):
            return role
        new = [self._permission(each, (*path, "permissions", place)) for place, each in enumerate(permissions)]
        return {**role, "permissions": new}

    def _permission(self, value: Any, path: Path) -> Any:
        old = {key: item for key, item in value.items() if key in _ACTIONS} if isinstance(value, dict) else {}
        if not old or "allow" in value:
            return value
        new: dict[Any, Any] = {}
        for key, item in value.items():
            if key == "uri" and "match" not in value and isinstance(item, str) and "*" in item:
                new |= _pattern(item)
            elif key not in old:
                new[key] = item
        new["allow"] = old
        for action in old:
            self.moved[(*path, "allow", action)] = self.original((*path, action))
        self._permissions.append(Problem(self.original(path), _in_words(new)))
        return new

    def _tell_permissions(self) -> None:
        if self._permissions:
            path, words = self._permissions[0]
            more = f", and {len(self._permissions) - 1} more" if len(self._permissions) > 1 else ""
            self.notices.append(Problem(path, f"version 1 form, read as {words}{more}; {UPGRADE}"))


def _pattern(uri: str) -> dict[str, str]:
    """The URI of a permission of version 1 that has stars."""
    starless = uri.removesuffix("*")
    wildcard = "*" in starless
    parts = (uri if wildcard else starless).split(".")
    starred = ".".join("" if part == "*" else part for part in parts)
    return {"uri": starred, "match": "wildcard" if wildcard else "prefix"}


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items()) + "}"
    return {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)
