"""Configurations, and what two programs make of them: Crossbar and edge-router.

`CASES` is the table. Where one accepts what the other refuses, `why` says the reason; docs/moving.md tells users.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ALLOW = {"call": True, "register": True, "publish": True, "subscribe": True}
EVERYTHING = {"uri": "", "match": "prefix", "allow": ALLOW, "disclose": {"caller": False, "publisher": False}}


class Case(NamedTuple):
    """One row. tree: the configuration.

    crossbar: None if Crossbar accepts it, else a part of what it says. ours: None if it is accepted here, else a part
    of the problem. notices: the ends of the paths of the notices here. why: the reason for a difference.
    """

    tree: Any
    crossbar: str | None = None
    ours: str | None = None
    notices: tuple[str, ...] = ()
    why: str = ""


def tcp(port: int = 8080, **more: Any) -> dict[str, Any]:
    """An endpoint."""
    return {"type": "tcp", "port": port, **more}


def realm(*roles: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A realm; without roles one in which anonymous clients may do everything."""
    return {"name": "realm1", "roles": list(roles) or [{"name": "anonymous", "permissions": [EVERYTHING]}], **more}


def router(*transports: dict[str, Any], realms: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A configuration with one router worker."""
    worker = {"type": "router", "realms": realms or [realm()], "transports": list(transports), **more}
    return {"version": 2, "workers": [worker]}


def websocket(**options: Any) -> dict[str, Any]:
    """A configuration with one WebSocket transport."""
    return router({"type": "websocket", "endpoint": tcp(), "options": options})


def web(**paths: Any) -> dict[str, Any]:
    """A configuration with one web transport."""
    root = {"type": "static", "directory": "..", "options": {"enable_directory_listing": True}}
    return router({"type": "web", "endpoint": tcp(), "paths": {"/": root, **paths}})


def login(**auth: Any) -> dict[str, Any]:
    """A configuration with one RawSocket transport and these methods."""
    return router({"type": "rawsocket", "endpoint": tcp(), "auth": auth})


def permission(**keys: Any) -> dict[str, Any]:
    """A configuration with one permission."""
    return router(realms=[realm({"name": "anonymous", "permissions": [keys]})])


def worker(**options: Any) -> dict[str, Any]:
    """A configuration with options of a router worker."""
    return router(options=options)


KEY = "0" * 64

CASES: dict[str, Case] = {
    # --- what everybody has
    "nothing": Case({"version": 2}),
    "empty lists": Case({"version": 2, "controller": {}, "workers": []}),
    "the getting started guide": Case(web(info={"type": "nodeinfo"}, ws={"type": "websocket"})),
    "rawsocket on TCP and a Unix socket": Case(
        router(
            {
                "type": "rawsocket",
                "endpoint": tcp(8081, backlog=1024, interface="127.0.0.1", user_timeout=5000),
                "options": {"max_message_size": 1048576},
                "serializers": ["cbor", "msgpack", "json"],
                "max_connections": 10,
            },
            {"type": "rawsocket", "endpoint": {"type": "unix", "path": "sock", "backlog": 5}, "debug": False},
        ),
    ),
    "universal": Case(
        router(
            {
                "type": "universal",
                "endpoint": tcp(),
                "rawsocket": {"serializers": ["cbor"]},
                "websocket": {"ws": {"type": "websocket", "serializers": ["json"]}},
                "web": {"paths": {"/": {"type": "static", "directory": ".."}}},
            }
        )
    ),
    "identifiers": Case(router(id="worker1", realms=[realm(id="realm001")])),
    "an identifier with a capital letter": Case(
        router(id="Worker1"), crossbar="invalid configuration item ID", why="a name is a name"
    ),
    "IPv6": Case(router({"type": "rawsocket", "endpoint": tcp(version=6)})),
    "a free port": Case(
        router({"type": "rawsocket", "endpoint": tcp(0)}),
        crossbar="invalid value 0 for 'port'",
        why="the kernel chooses one, which tests want",
    ),
    "web options": Case(
        router(
            {
                "type": "web",
                "endpoint": tcp(),
                "paths": {"/": {"type": "static", "directory": ".."}},
                "options": {"access_log": True, "display_tracebacks": False, "client_timeout": 60},
            }
        ),
    ),
    "static files": Case(
        web(
            a={
                "type": "static",
                "directory": "..",
                "options": {
                    "mime_types": {".md": "text/markdown"},
                    "cache_timeout": None,
                    "enable_directory_listing": False,
                },
            }
        ),
    ),
    "JSON and redirects": Case(
        web(
            a={"type": "json", "value": {"a": [1]}, "options": {
                "prettify": True, "allow_cross_origin": False, "discourage_caching": True}},
            b={"type": "redirect", "url": "/a"},
        )
    ),
    "events and calls by HTTP": Case(
        web(
            publish={"type": "publisher", "realm": "realm1", "role": "anonymous", "options": {
                "key": "k", "secret": "s", "post_body_limit": 1000, "timestamp_delta_limit": 10,
                "require_ip": ["127.0.0.1", "192.168.0.0/16"], "require_tls": False, "debug": False}},
            call={"type": "caller", "realm": "realm1", "role": "anonymous"},
            hook={"type": "webhook", "realm": "realm1", "role": "anonymous", "options": {
                "topic": "com.example.hook", "success_response": "OK", "error_response": "NO"}},
        ),
    ),
    "long-polling": Case(
        web(ws={"type": "websocket"}, lp={"type": "longpoll", "options": {
            "request_timeout": 10, "session_timeout": 30, "queue_limit_bytes": 131072}}),
    ),
    "a reverse proxy": Case(
        web(a={"type": "reverseproxy", "host": "127.0.0.1", "port": 8000, "path": "/x", "forwarded_port": 443,
               "forwarded_proto": "https"})
    ),
    "uploads": Case(
        web(a={"type": "upload", "realm": "realm1", "role": "anonymous", "directory": "..", "temp_directory": "..",
               "form_fields": {"file_name": "f", "mime_type": "m", "total_size": "t", "chunk_number": "n",
                               "chunk_size": "s", "total_chunks": "c", "content": "x"}}),
        crossbar="invalid Web service type",
        why="Crossbar documents it and refuses it",
    ),
    "identifiers of paths": Case(
        web(a={"type": "nodeinfo", "id": "web001"}, b={"type": "websocket", "id": "web002"}),
        notices=("paths.a.id", "paths.b.id"),
    ),
    "nested paths": Case(web(a={"type": "path", "paths": {"b": {"type": "nodeinfo"}}})),
    # --- options of WebSocket
    "every WebSocket option": Case(
        websocket(
            allowed_origins=["*"],
            allow_null_origin=True,
            enable_webstatus=False,
            open_handshake_timeout=2500,
            close_handshake_timeout=1000,
            validate_utf8=True,
            mask_server_frames=False,
            require_masked_client_frames=True,
            apply_mask=True,
            max_frame_size=1048576,
            max_message_size=1048576,
            auto_fragment_size=65536,
            fail_by_drop=True,
            echo_close_codereason=False,
            tcp_nodelay=True,
            auto_ping_interval=10000,
            auto_ping_timeout=5000,
            auto_ping_size=12,
            auto_ping_restart_on_any_traffic=True,
            enable_hybi10=False,
            enable_rfc6455=True,
            enable_flash_policy=False,
            flash_policy="",
            require_websocket_subprotocol=True,
            show_server_version=False,
            external_port=443,
            compression={
                "deflate": {
                    "request_no_context_takeover": False,
                    "request_max_window_bits": 13,
                    "no_context_takeover": False,
                    "max_window_bits": 13,
                    "memory_level": 5,
                }
            },
        ),
        notices=("webstatus", "fragment_size", "fail_by_drop", "ping_size", "external_port", "request_max_window_bits"),
    ),
    "WebSocket without limits": Case(
        websocket(
            max_message_size=0, max_frame_size=0, open_handshake_timeout=0, close_handshake_timeout=0,
            auto_ping_interval=0, auto_ping_timeout=0,
        ),
        notices=("options.max_message_size", "options.auto_ping_timeout"),
    ),
    "the smallest limits": Case(
        websocket(max_message_size=1, max_frame_size=1, auto_ping_timeout=1000, auto_ping_interval=1000),
        notices=("options.max_message_size",),
    ),
    "the smallest RawSocket message": Case(
        router({"type": "rawsocket", "endpoint": tcp(), "options": {"max_message_size": 512}})
    ),
    "the largest RawSocket message": Case(
        router({"type": "rawsocket", "endpoint": tcp(), "options": {"max_message_size": 16777216}})
    ),
    "encodings that few have": Case(
        router({"type": "rawsocket", "endpoint": tcp(), "serializers": ["cbor", "ubjson"]}),
        notices=("serializers",),
    ),
    "an encoding that nobody has": Case(
        router({"type": "websocket", "endpoint": tcp(), "serializers": ["jason"]}),
        ours="serializers.0: found 'jason' (text); expected one of ",
        why="Crossbar finds it only when a client comes",
    ),
    # --- realms
    "realm options": Case(
        router(realms=[realm(options={"enable_meta_api": True, "bridge_meta_api": False, "uri_check": "strict",
                                      "event_dispatching_chunk_size": 100})]),
        notices=("options.event_dispatching_chunk_size",),
    ),
    "event history": Case(
        router(realms=[realm(store={"type": "memory", "limit": 50, "event-history": [
            {"uri": "com.example.", "match": "prefix", "limit": 10}]})]),
    ),
    "call queue": Case(
        router(realms=[realm(store={"type": "memory", "call-queue": [
            {"uri": "com.example.slow", "match": "exact", "limit": 10}]})]),
    ),
    "statistics": Case(
        router(realms=[realm(stats={"rated_message_size": 512, "trigger_on_join": False, "trigger_on_leave": True})]),
        notices=("realms.0.stats.rated_message_size",),
    ),
    "an unknown key of a realm": Case(
        router(realms=[realm(rols=[])]),
        ours="realms.0.rols: unknown key; did you mean 'roles'?",
        why="Crossbar does not look at the keys of a realm",
    ),
    "permissions": Case(
        router(
            realms=[
                realm(
                    {
                        "name": "anonymous",
                        "permissions": [
                            {"uri": "com.example.a", "match": "exact", "allow": ALLOW, "cache": True},
                            {"uri": "com.example.", "match": "prefix", "allow": {"call": True}},
                            {"uri": "com..x", "match": "wildcard", "allow": {"publish": True}},
                            {"uri": "com.other.*", "allow": {"subscribe": True}},
                            {"uri": "", "match": "prefix", "disclose": {"caller": True, "publisher": True}},
                        ],
                    }
                )
            ]
        )
    ),
    "two permissions for one pattern": Case(
        router(
            realms=[
                realm(
                    {
                        "name": "anonymous",
                        "permissions": [
                            {"uri": "com.", "match": "prefix", "allow": {"call": True}},
                            {"uri": "com.", "match": "prefix", "allow": {"publish": True}},
                        ],
                    }
                )
            ]
        ),
        notices=("permissions.1.uri",),
    ),
    "a dynamic authorizer": Case(
        router(realms=[realm({"name": "anonymous", "authorizer": "com.example.authorize"})]),
    ),
    "a role without permissions": Case(router(realms=[realm({"name": "anonymous"})])),
    "a role that may do everything": Case(router(realms=[realm({"name": "anonymous", "allow-by-default": True})])),
    "permissions of version 1": Case(
        permission(uri="*", publish=True, subscribe=True, call=True, register=True),
        crossbar="unknown attribute",
        notices=("permissions.0",),
        why="Crossbar wants `crossbar upgrade` first",
    ),
    "a serializer of version 1": Case(
        router({"type": "rawsocket", "endpoint": tcp(), "serializer": "msgpack"}),
        crossbar="unknown attribute 'serializer'",
        notices=("transports.0.serializer",),
        why="Crossbar's `upgrade` does not know it",
    ),
    "no version": Case(
        {"controller": {}, "workers": []},
        crossbar="too old",
        why="what it says is the same in version 1 and 2; Crossbar wants `crossbar upgrade` first",
    ),
    "checked payloads": Case(
        permission(uri="com.example.", match="prefix", allow=ALLOW, validate={"call": "example.Call"}),
        ours="permissions.0.validate: not available",
        why="without the checks wrong payloads would pass unseen",
    ),
    # --- logins
    "anonymous": Case(login(anonymous={"type": "static", "role": "anonymous"})),
    "ticket": Case(login(ticket={"type": "static", "principals": {"joe": {"ticket": "x", "role": "anonymous"}}})),
    "wampcra": Case(
        login(wampcra={"type": "static", "users": {
            "joe": {"secret": "x", "role": "anonymous"},
            "jane": {"secret": "x", "role": "anonymous", "salt": "s", "iterations": 100, "keylen": 16}}})
    ),
    "scram": Case(
        login(scram={"type": "static", "principals": {"joe": {
            "role": "anonymous", "kdf": "pbkdf2", "iterations": 4096, "memory": 512, "salt": "00" * 16,
            "stored-key": KEY, "server-key": KEY}}})
    ),
    "cryptosign": Case(
        login(cryptosign={"type": "static", "principals": {"joe": {"authorized_keys": [KEY], "role": "anonymous"}}})
    ),
    "dynamic logins": Case(
        login(**{method: {"type": "dynamic", "authenticator": "com.example.authenticate"}
                 for method in ("anonymous", "ticket", "wampcra", "cryptosign", "scram")})
    ),
    "a login with a role that no realm has": Case(
        login(anonymous={"type": "static", "role": "nobody"}),
        ours="anonymous.role: no realm has a role 'nobody'",
        why="Crossbar finds it only when a client comes",
    ),
    "logins by a function": Case(
        login(ticket={"type": "function", "create": "json.loads", "config": {}, "expose_controller": False}),
    ),
    "cookies": Case(
        router(
            {
                "type": "websocket",
                "endpoint": tcp(),
                "auth": {
                    "cookie": {},
                    "ticket": {"type": "static", "principals": {"joe": {"ticket": "x", "role": "anonymous"}}},
                },
                "cookie": {"store": {"type": "file", "filename": "cookies.dat"}, "max_age": 3600, "length": 24},
            }
        ),
    ),
    "a secret of the environment that is not there": Case(
        login(ticket={"type": "static", "principals": {"joe": {"ticket": "${NO_SUCH_SECRET}", "role": "anonymous"}}}),
        ours="ticket: the environment has no variable 'NO_SUCH_SECRET'",
        why="Crossbar goes on with no secret at all",
    ),
    # --- endpoints
    "an endpoint as Twisted writes it": Case(
        router({"type": "rawsocket", "endpoint": {"type": "twisted", "server_string": "tcp:8080"}}),
        notices=("transports.0.endpoint",),
    ),
    "other endpoints of Twisted": Case(
        router({"type": "rawsocket", "endpoint": {"type": "twisted", "server_string": "systemd:domain=INET:index=0"}}),
        ours="endpoint.type: type 'twisted': only for tcp and unix here",
        why="what Twisted's plugins listen on is not known here before the reactor runs",
    ),
    "a port that is shared by processes": Case(
        router({"type": "rawsocket", "endpoint": tcp(shared=True)}), notices=("endpoint.shared",)
    ),
    "one port twice": Case(
        router({"type": "rawsocket", "endpoint": tcp()}, {"type": "websocket", "endpoint": tcp()}),
        ours="transports.1.endpoint.port: port 8080 is taken",
        why="Crossbar finds it only at the start, and stops",
    ),
    "files of TLS that are not there": Case(
        router({"type": "rawsocket", "endpoint": tcp(tls={"key": "none.key", "certificate": "none.crt"})}),
        ours="none.",
        why="Crossbar finds it only at the start, and stops",
    ),
    "a socket with a long path": Case(
        router({"type": "rawsocket", "endpoint": {"type": "unix", "path": "x" * 120}}),
        ours="a Unix socket's path has at most 107",
        why="Crossbar finds it only at the start, and stops",
    ),
    # --- the node and its workers
    "controller": Case(
        {"version": 2, "controller": {"id": "node1", "options": {
            "title": "x", "shutdown": ["shutdown_on_worker_exit"], "enable_parallel_worker_start": True}}},
        notices=("controller.options",),
    ),
    "options of a worker": Case(
        worker(
            title="x", pythonpath=[".."], cpu_affinity=[0], env={"inherit": True, "vars": {"A": "b"}},
            expose_shared=False, disabled=False,
        ),
        notices=("options.title", "options.cpu_affinity", "options.env"),
    ),
    "the reactor of a worker": Case(
        worker(reactor={"linux": "epoll"}),
        crossbar="unknown attribute",
        notices=("options.reactor",),
        why="Crossbar documents it and refuses it",
    ),
    "a class in the router": Case(
        router(components=[{"type": "class", "classname": "example.Service", "realm": "realm1", "role": "anonymous",
                            "extra": {"a": 1}}]),
    ),
    "containers": Case(
        {"version": 2, "workers": [{"type": "container", "options": {
            "title": "x", "pythonpath": [".."], "env": {"inherit": True}, "restart": "restart-always",
            "shutdown": "shutdown-manual", "cpu_affinity": [0], "expose_controller": False},
            "components": [
                {"type": "class", "classname": "time-service.Service", "realm": "realm1", "extra": {"a": 1},
                 "transport": {"type": "websocket", "url": "ws://127.0.0.1:8080/ws", "serializers": ["cbor"],
                               "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8080, "timeout": 5,
                                            "version": 4},
                               "options": {"max_message_size": 1000000, "auto_ping_interval": 10000,
                                           "auto_ping_timeout": 5000, "auto_ping_size": 12, "tcp_nodelay": True,
                                           "fail_by_drop": False}}},
                {"type": "function", "realm": "realm1", "callbacks": {"join": "example.on_join"},
                 "auth": {"ticket": {"authid": "joe", "ticket": "x"}},
                 "transport": {"type": "rawsocket", "url": "rs://localhost", "serializer": "cbor",
                               "endpoint": {"type": "unix", "path": "sock"}, "options": {"max_message_size": 4096}}},
            ]}]},
        notices=("options.title", "options.cpu_affinity", "transport.options.auto_ping_size"),
    ),
    "a guest": Case(
        {"version": 2, "workers": [{"type": "guest", "executable": "sh", "arguments": ["-c", "true"], "options": {
            "workdir": "..", "env": {"inherit": ["PATH"], "vars": {"A": "b"}}, "stdin": "close", "stdout": "log",
            "stderr": "drop", "watch": {"directories": [".."], "action": "restart"}}}]}
    ),
    "functions in the router": Case(
        router(components=[{"type": "function", "realm": "realm1", "role": "anonymous",
                            "callbacks": {"join": "example.on_join"}}])
    ),
    # --- what has no place here
    "Flash": Case(
        router({"type": "flashpolicy", "endpoint": tcp(843), "allowed_domain": "*", "allowed_ports": [8080]}),
        notices=("transports.0",),
    ),
    "MQTT": Case(
        router({"type": "mqtt", "endpoint": tcp(1883), "options": {"realm": "realm1", "role": "anonymous"}}),
        ours="transports.0.type: type 'mqtt': edge-router speaks no MQTT",
        why="clients would find nobody there",
    ),
    "a proxy": Case(
        {"version": 2, "workers": [{"type": "proxy", "transports": {}, "connections": {}, "routes": {}}]},
        ours="workers.0.type: type 'proxy': edge-router does not have it",
        why="clients would find nobody there",
    ),
    # --- mistakes
    "a misspelt type": Case(
        {"version": 2, "workers": [{"type": "roter"}]}, crossbar="roter", ours="unknown worker 'roter'; did you mean"
    ),
    "a misspelt key": Case(
        router({"type": "rawsocket", "endpint": tcp()}), crossbar="endpint", ours="endpint: unknown key; did you mean"
    ),
    "a number in quotes": Case(
        router({"type": "rawsocket", "endpoint": tcp("8080")}),  # type: ignore[arg-type]
        crossbar="environment variable name",
        ours="port: found '8080' (text); expected a whole number from 0 to 65535",
    ),
    "no realm name": Case(
        router(realms=[{"roles": []}]),
        ours="realms.0.name: missing; expected text",
        why="clients could not say that they mean it",
    ),
}
