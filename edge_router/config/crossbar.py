"""What Crossbar configurations may contain beyond our declarations.

Tables: keys and sections without effect here (accepted with a notice), and what cannot be used (refused, and said so:
dropping it could open a door or lose data). What is read as something else is in `repairs`, older forms in `older`.
Sources: crossbar.io's documentation of its configuration, version 2, and of its upgrade from version 1.
"""

from __future__ import annotations

from typing import Any

from edge_router.config import schema
from edge_router.config.problems import Path
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
_NO_RATES = "messages and bytes are told as they are"
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
    schema.Stats: {"rated_message_size": _NO_RATES, "trigger_after_rated_messages": _NO_RATES},
    schema.Realm: {"inventory": _NEVER_HERE, "trace": _LOGLEVEL},
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
}  # fmt: skip
"""What keys without effect may hold, where a misspelling would otherwise stay unseen."""

LATER_KEYS: dict[type, dict[str, str]] = {
    schema.RouterOptions: {"expose_controller": LATER},
    schema.ContainerOptions: {"expose_controller": LATER},
    schema.Realm: {"rlinks": LATER + ", but with all defaults; write `uplinks`, whose rules say what is handed on"},
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
    "endpoint": {"twisted": "only for tcp and unix here", "onion": _NEVER_HERE, "tor": _NEVER_HERE},
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
