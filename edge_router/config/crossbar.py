"""What Crossbar configurations may contain beyond our declarations.

Tables: keys and sections without effect here (accepted with a notice), what cannot be used (refused, and said so:
dropping it could open a door or lose data), and forms that are rewritten with a notice. Older forms are in `older`.
Sources: crossbar.io's documentation of its configuration, version 2, and of its upgrade from version 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from edge_router import registry
from edge_router.config import schema
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.connecting import ClientRawSocket, ClientWebSocketOptions
from edge_router.config.schema.webrealm import HttpBridgeOptions, LongPollOptions, WebhookOptions
from edge_router.config.schema.webserve import ArchivePath
from edge_router.config.schema.webupload import UploadOptions

LATER = "not available in this version of edge-router"

_ONE_PROCESS = "realms and transports run in the node's own process"
_NO_NEED = "edge-router has no need of it"
_NO_CONNECTIONS = "there are no connections to refer to"
_NEVER_HERE = "edge-router does not have it"
_NO_MQTT = "edge-router speaks no MQTT; run a broker beside it, and a program that is a client of both"
_ALWAYS = "edge-router always does what the WAMP and WebSocket specifications say"
_OBSOLETE = "nothing uses it any more"
_LOGLEVEL = "use `edge-router start --loglevel debug`"

_FOR_ROUTERS = "a client has no such choice"

_WEBSOCKET = {
    "external_port": "list the public address in `allowed_origins`",
    "enable_hybi10": _OBSOLETE,
    "enable_rfc6455": _ALWAYS,
    "enable_webstatus": "a page is always shown to a browser that asks without WebSocket",
    "validate_utf8": _ALWAYS,
    "mask_server_frames": _ALWAYS,
    "require_masked_client_frames": _ALWAYS,
    "apply_mask": _ALWAYS,
    "auto_fragment_size": "messages are never fragmented",
    "fail_by_drop": "a failed connection is told why, then closed",
    "echo_close_codereason": _ALWAYS,
    "tcp_nodelay": "always on",
    "auto_ping_size": _NO_NEED,
    "auto_ping_restart_on_any_traffic": "always so",
    "enable_flash_policy": _OBSOLETE,
    "flash_policy": _OBSOLETE,
    "show_server_version": "the version is never shown",
}

IGNORED: dict[type, dict[str, str]] = {
    schema.Controller: {
        "options": "the node runs until it is stopped, starts its parts in turn, and takes no title",
        "keyring": _NEVER_HERE,
        "enable_docker": _NEVER_HERE,
        "manhole": "local programs may use a Unix socket instead",
        "connections": _NO_NEED,
        "fabric": _NEVER_HERE,
        "blockchain": _NEVER_HERE,
    },
    schema.RouterWorker: {
        "manhole": "local programs may use a Unix socket instead",
        "connections": _NO_NEED,
    },
    schema.RouterOptions: {
        **dict.fromkeys(("title", "python", "cpu_affinity", "env", "reactor"), _ONE_PROCESS),
        "extra": _NO_NEED,
    },
    schema.ClassComponent: {"references": _NO_CONNECTIONS},
    schema.FunctionComponent: {"references": _NO_CONNECTIONS},
    schema.ContainerClass: {"references": _NO_CONNECTIONS},
    schema.ContainerFunction: {"references": _NO_CONNECTIONS},
    schema.ContainerWorker: {
        "manhole": "local programs may use a Unix socket instead",
        "connections": _NO_NEED,
    },
    schema.ContainerOptions: {
        "title": "containers are told apart by their ids, in the log and in `status`",
        "python": "containers run on the node's own Python, whose memory they share; a guest may run on another",
        "cpu_affinity": _NO_NEED,
        "reactor": _NO_NEED,
        "extra": _NO_NEED,
    },
    schema.RealmOptions: {
        "bridge_meta_api": _ONE_PROCESS,
        "event_dispatching_chunk_size": _NO_NEED,
    },
    schema.Realm: {"stats": LATER, "inventory": _NEVER_HERE, "trace": _LOGLEVEL},
    schema.TcpEndpoint: {"shared": "one process listens", "portrange": "give one `port`"},
    schema.RawSocket: {"debug": _LOGLEVEL},
    schema.UniversalRawSocket: {"debug": _LOGLEVEL},
    schema.WebSocket: {"debug": _LOGLEVEL},
    schema.WebSocketPath: {"debug": _LOGLEVEL, "url": "the web transport's endpoint and path decide"},
    schema.WebSocketOptions: _WEBSOCKET,
    ClientWebSocketOptions: {
        **_WEBSOCKET,
        "mask_client_frames": _ALWAYS,
        "accept_masked_server_frames": _ALWAYS,
        **dict.fromkeys(("allowed_origins", "allow_null_origin", "require_websocket_subprotocol"), _FOR_ROUTERS),
    },
    ClientRawSocket: {"debug": _LOGLEVEL},
    schema.Deflate: {
        "request_no_context_takeover": "what clients send is inflated as they offer it",
        "request_max_window_bits": "what clients send is inflated as they offer it",
    },
    schema.WebOptions: {"display_tracebacks": "tracebacks go to the log only"},
    HttpBridgeOptions: {"debug": _LOGLEVEL},
    ArchivePath: {
        "cache": "files are taken out as they are asked for",
        "download": "put the archive there",
    },
    UploadOptions: {"debug": _LOGLEVEL},
    WebhookOptions: {"debug": _LOGLEVEL},
    LongPollOptions: {
        "debug": _LOGLEVEL,
        "debug_transport_id": "ids are secrets, and chosen here",
        "queue_limit_messages": "`queue_limit_bytes` counts",
    },
    schema.Method: {
        "authenticator-role": "the router itself asks, and may",
        "expose_controller": "there is none; the function gets None",
    },
}

IGNORED_OF_PATHS = {"id": "nothing refers to a path but by its name"}
"""Keys that each service of a `web` transport may have, whatever its type."""

_WEBSOCKET_AS_HERE = {
    "external_port": None,
    "enable_hybi10": False,
    "enable_rfc6455": True,
    "enable_webstatus": True,
    "validate_utf8": True,
    "mask_server_frames": False,
    "require_masked_client_frames": True,
    "apply_mask": True,
    "auto_fragment_size": 0,
    "fail_by_drop": False,
    "echo_close_codereason": False,
    "tcp_nodelay": True,
    "auto_ping_restart_on_any_traffic": True,
    "enable_flash_policy": False,
    "flash_policy": "",
    "show_server_version": False,
}

AS_HERE: dict[type, dict[str, Any]] = {
    schema.WebSocketOptions: _WEBSOCKET_AS_HERE,
    ClientWebSocketOptions: {
        **_WEBSOCKET_AS_HERE, "mask_client_frames": True, "accept_masked_server_frames": False
    },
    schema.Deflate: {"request_no_context_takeover": False, "request_max_window_bits": 0},
    schema.WebOptions: {"display_tracebacks": False},
    schema.TcpEndpoint: {"shared": False},
    schema.RealmOptions: {"bridge_meta_api": False},
}
"""Values of keys without effect that ask for what is done here anyway: nothing is said about them."""

_AS_HERE_EVERYWHERE = {"debug": False, "expose_controller": False}

INNER: dict[tuple[type, str], tuple[str, ...]] = {
    (schema.Controller, "options"): ("title", "shutdown", "enable_parallel_worker_start", "enable_docker"),
    (schema.Controller, "keyring"): ("type", "path", "driver", "port"),
    (schema.Controller, "manhole"): ("endpoint", "users"),
    (schema.RouterWorker, "manhole"): ("endpoint", "users"),
    (schema.Realm, "stats"): (
        "rated_message_size", "trigger_after_rated_messages", "trigger_after_duration", "trigger_on_join",
        "trigger_on_leave",
    ),
}  # fmt: skip
"""What keys without effect may hold, where a misspelling would otherwise stay unseen."""

LATER_KEYS: dict[type, dict[str, str]] = {
    schema.Config: {"uplinks": LATER},
    schema.RouterOptions: {"expose_controller": LATER},
    schema.ContainerOptions: {"expose_controller": LATER},
    schema.Realm: {"rlinks": LATER},
    schema.Permission: {"validate": LATER},
    schema.Auth: dict.fromkeys(
        ("anonymous-proxy", "cryptosign-proxy"), LATER
    ),
    schema.CryptosignAuth: {"trustroots": _NEVER_HERE},
    schema.Universal: {"mqtt": _NO_MQTT},
}

LATER_TYPES: dict[str, dict[str, str]] = {
    "workers": {
        "proxy": _NEVER_HERE + "; clients connect to the router itself, so give it the proxy's `transports`",
        "xbrmm": _NEVER_HERE,
    },
    "components": {"wamplet": _NEVER_HERE + "; Crossbar gave it up too, `type: class` does the same"},
    "transports": {"mqtt": _NO_MQTT},
    "store": {
        "cfxdb": _NEVER_HERE + "; `type: sqlite` keeps events in a file",
        "database": _NEVER_HERE + "; `type: sqlite` keeps logins in a file",
    },
    "endpoint": {"twisted": "only for tcp and unix here", "onion": _NEVER_HERE},
    "paths": {
        **dict.fromkeys(("websocket-reverseproxy", "wap"), _NEVER_HERE),
    },
}

DROPPED_TYPES: dict[str, dict[str, str]] = {
    "workers": {"websocket-testee": "it is a tool for tests", "hostmonitor": _NEVER_HERE},
    "transports": {
        "flashpolicy": _OBSOLETE,
        **dict.fromkeys(("websocket.testee", "stream.testee"), "it is a tool for tests"),
    },
    "paths": {
        "none": "what is not configured is not found anyway",
        **dict.fromkeys(("catalog", "pairme"), _NEVER_HERE),
    },
}
"""Whole sections without effect here: no client or program of the node's own would miss them."""


def dropped_type(path: Path, name: object) -> str | None:
    """The notice for a section that is left out, else None. path: of the section."""
    section = next((step for step in reversed(path) if step in DROPPED_TYPES), None)
    why = DROPPED_TYPES[section].get(str(name)) if isinstance(section, str) else None
    return f"left out, as type {name!r} has no effect here: {why}" if why else None


def ignored_key(cls: type, path: Path, value: object) -> str | None:
    """The notice for a key that has no effect here; empty if there is nothing to say; else None.

    cls: the section. path: of the key. value: what is given; what it may hold: `INNER`.
    """
    key = path[-1]
    why = next((IGNORED[each][str(key)] for each in cls.__mro__ if str(key) in IGNORED.get(each, ())), None)
    if path[-3:-2] == ("paths",):
        why = why or IGNORED_OF_PATHS.get(str(key))
    if why is None:
        return None
    same = AS_HERE.get(cls, {}) | _AS_HERE_EVERYWHERE
    return "" if key in same and same[str(key)] == value else f"no effect here: {why}"


def later_key(cls: type, key: object) -> str | None:
    """The problem with a key that is known but cannot be used, else None."""
    return LATER_KEYS.get(cls, {}).get(str(key))


def later_type(path: Path, name: object) -> str | None:
    """The problem with a `type` that is known but cannot be used, else None. path: of the section."""
    section = next((step for step in reversed(path) if step in LATER_TYPES), None)
    why = LATER_TYPES[section].get(str(name)) if isinstance(section, str) else None
    if why is None:
        return None
    return f"type {name!r} is {why}" if why.startswith(LATER) else f"type {name!r}: {why}"


def other_type(path: Path, value: dict[Any, Any], said: Said) -> dict[Any, Any]:
    """A section that is written with another `type` here: endpoints of `type: twisted` that are plain ones."""
    text = value.get("server_string")
    if not path or path[-1] != "endpoint" or value.get("type") != "twisted" or not isinstance(text, str):
        return value
    section = registry.load("edge_router.config.endpoint_text:listening")(text)
    if section is None:
        return value
    rest = {key: item for key, item in value.items() if key not in ("type", "server_string")}
    said.notices.append(Problem(path, "read as {" + ", ".join(f"{key}: {item}" for key, item in section.items()) + "}"))
    return {**section, **rest}


class Said(NamedTuple):
    """Where a repair adds what it found and what it did."""

    problems: list[Problem]
    notices: list[Problem]


Repair = Callable[[dict[Any, Any], Path, Said], dict[Any, Any]]


def repaired(cls: type, value: dict[Any, Any], path: Path, said: Said) -> dict[Any, Any]:
    """A section with older forms rewritten. `value` itself is left as it is."""
    repair = REPAIRS.get(cls)
    return repair(value, path, said) if repair else value


def _role(value: dict[Any, Any], path: Path, said: Said) -> dict[Any, Any]:
    """Crossbar's one key of a role with hyphens, as everybody expects it."""
    if "allow_by_default" not in value or "allow-by-default" in value:
        return value
    said.notices.append(Problem((*path, "allow_by_default"), "read as `allow-by-default`"))
    return {"allow-by-default" if key == "allow_by_default" else key: item for key, item in value.items()}


def _serializers(value: dict[Any, Any], path: Path, said: Said) -> dict[Any, Any]:
    """Encodings of Crossbar that few clients have are left out as long as others are offered."""
    offered = value.get("serializers")
    if not isinstance(offered, list):
        return value
    rest = [name for name in offered if name not in ("ubjson", "flatbuffers")]
    if not rest or len(rest) == len(offered):
        return value
    said.notices.append(Problem((*path, "serializers"), "ubjson and flatbuffers are not offered; clients take another"))
    return {**value, "serializers": rest}


def _unbounded(value: dict[Any, Any], path: Path, said: Said) -> dict[Any, Any]:
    """Crossbar's 0 for no limit at all, and limits too small for any WAMP message."""
    result = dict(value)
    for key, given, text, taken in _BOUNDS:
        number = value.get(key)
        if isinstance(number, int) and not isinstance(number, bool) and given(number):
            said.notices.append(Problem((*path, key), text))
            result[key] = taken
    return result


_BOUNDS: tuple[tuple[str, Callable[[int], bool], str, int], ...] = (
    ("max_message_size", lambda size: size == 0, "0 is read as 67108864: there is no way without a bound", 67_108_864),
    ("max_message_size", lambda size: 0 < size < 512, "read as 512, the least a message may need", 512),
    ("auto_ping_timeout", lambda time: time == 0, "0 is read as 5000: a ping without answer ends a connection", 5_000),
)

REPAIRS: dict[type, Repair] = {
    schema.WebSocketOptions: _unbounded,
    ClientWebSocketOptions: _unbounded,
    schema.Role: _role,
    schema.RawSocket: _serializers,
    schema.UniversalRawSocket: _serializers,
    schema.WebSocket: _serializers,
    schema.WebSocketPath: _serializers,
}
