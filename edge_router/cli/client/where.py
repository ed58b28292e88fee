"""Finding the node of this machine: the first door in its configuration that a program here can go in by.

The file is looked at as it is first: that is quick, and a mistake in it is no reason not to reach the node that runs.
Of older forms and variables, what reads configurations for the node makes sense.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import to_builtins

from edge_router import registry
from edge_router.cli.words import in_words
from edge_router.config.find import config_file, node_directory
from edge_router.config.problems import ConfigErrors, Unreadable

_READERS = {".json": "edge_router.config.json_file:read"}
#: the realm of a node's management
MANAGEMENT = "crossbar"
_YAML = "edge_router.config.yaml_file:read"


class NotFound(Exception):
    """There is no such door. The text says where it was looked for, and what would help."""


class Door(NamedTuple):
    """A way in. url: as `client.address.transport_for` takes it. realm: the first of the same worker, if it has one."""

    url: str
    realm: str | None


def find_door(args: argparse.Namespace) -> Door:
    """The first Unix socket of the node, else its first TCP port without TLS; for the realm of its management, the
    socket of that.

    args: with `cbdir`, `config` and, if there is one, `realm`. Raises NotFound.
    """
    directory = node_directory(args.cbdir)
    path = config_file(directory, args.config)
    if getattr(args, "realm", None) == MANAGEMENT:
        management = _get(_get(_raw(path), "controller"), "management")
        if isinstance(management, dict):
            return Door(f"unix:{directory / str(management.get('path', 'management.sock'))}", MANAGEMENT)
    doors = _by_preference(_raw(path), directory) or _by_preference(_understood(path, directory), directory)
    if not doors:
        raise NotFound(f"{path} has no Unix socket, nor a TCP port without TLS; say where the router is by --url")
    return doors[0]


def _raw(path: Path) -> object:
    """What is in the file. Raises NotFound."""
    try:
        tree: object = registry.load(_READERS.get(path.suffix.lower(), _YAML))(path.read_text("utf-8-sig"))[0]
    except FileNotFoundError:
        raise NotFound(
            f"there is no configuration {path}; say where the node is by --cbdir, or where the router is by --url"
        ) from None
    except OSError as problem:
        raise NotFound(in_words(problem)) from None
    except (ValueError, Unreadable) as problem:
        raise NotFound(f"{path} cannot be read: {problem}") from None
    return tree


def _understood(path: Path, directory: Path) -> object:
    """What is in the file, upgraded, with variables in their places; nothing if it has mistakes."""
    try:
        return to_builtins(registry.load("edge_router.config.load:load")(path, directory).config)
    except ConfigErrors:
        return None


def _by_preference(tree: object, directory: Path) -> list[Door]:
    return sorted(_doors(tree, directory), key=lambda door: not door.url.startswith("unix:"))


def _doors(tree: object, directory: Path) -> Iterator[Door]:
    for worker in _list(_get(tree, "workers")):
        names = [name for realm in _list(_get(worker, "realms")) if isinstance(name := _get(realm, "name"), str)]
        for transport in _list(_get(worker, "transports")):
            url = _url(transport, directory)
            if url is not None:
                yield Door(url, names[0] if names else None)


def _url(transport: object, directory: Path) -> str | None:
    """Where a transport listens, if a client can go in there without further ado."""
    endpoint, kind = _get(transport, "endpoint"), _get(transport, "type")
    if kind == "universal" and _get(transport, "rawsocket") is not None:
        kind = "rawsocket"
    if _get(endpoint, "type") == "unix" and isinstance(path := _get(endpoint, "path"), str) and kind == "rawsocket":
        return None if "$" in path else f"unix:{directory / path}"
    port = _get(endpoint, "port")
    if not isinstance(port, int) or not port or _get(endpoint, "tls") is not None:
        return None
    host = _get(endpoint, "interface") or ("::1" if _get(endpoint, "version") == 6 else "127.0.0.1")
    place = f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if kind == "rawsocket":
        return f"rs://{place}"
    path = _websocket_path(transport, kind)
    return None if path is None else f"ws://{place}/{path}"


def _websocket_path(transport: object, kind: object) -> str | None:
    if kind == "websocket":
        return ""
    paths = _get(transport, "paths" if kind == "web" else "websocket")
    if not isinstance(paths, dict):
        return None
    found = (name for name, path in paths.items() if kind != "web" or _get(path, "type") == "websocket")
    return next((str(name).strip("/") for name in found), None)


def _get(section: Any, key: str) -> Any:
    return section.get(key) if isinstance(section, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
