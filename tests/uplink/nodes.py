"""A centre and boards as processes of their own, as an operator runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.client.routers import AUTH, PRIVATE, SECRET
from tests.interop.running_node import EVERYTHING, RunningNode, tcp

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "uplink"
ALL = [{"uri": "", "match": "prefix", "allow": EVERYTHING}]
KNOWN = [{**ALL[0], "disclose": {"caller": True, "publisher": True}}]

#: what boards hand on: readings, alarms to and from everybody, procedures, and whatever other boards offer
RULES: list[dict[str, Any]] = [
    {"uri": "com.example.", "match": "prefix", "prefix": "site.{node}."},
    {"uri": "com.kept.", "match": "prefix", "prefix": "site.{node}.", "buffer": "all"},
    {"uri": "com.all.", "match": "prefix", "direction": "both"},
    {"uri": "com.example.", "match": "prefix", "prefix": "site.{node}.", "kind": "procedures"},
    {"uri": "site.", "match": "prefix", "kind": "procedures", "direction": "down"},
]

#: how boards log in
LOGINS: dict[str, dict[str, Any]] = {
    "ticket": {"ticket": {"authid": "joe", "ticket": SECRET}},
    "wampcra": {"wampcra": {"authid": "ann", "secret": SECRET}},
    "scram": {"scram": {"authid": "joe", "password": SECRET}},
    "cryptosign": {"cryptosign": {"authid": "joe", "privkey": PRIVATE}},
}


class Centre(RunningNode):
    """A central router: `raw`, `ws` with and without TLS, for boards that log in; `open` for everybody."""

    def __init__(self, directory: Path) -> None:
        tls = {"key": "tls/node.key", "certificate": "tls/node.crt"}
        doors: dict[str, dict[str, Any]] = {
            "raw": {"type": "rawsocket", "endpoint": tcp(), "auth": AUTH},
            "ws": {"type": "websocket", "endpoint": tcp(), "auth": AUTH, "serializers": ["json"]},
            "raw-tls": {"type": "rawsocket", "endpoint": {**tcp(), "tls": tls}, "auth": AUTH},
            "ws-tls": {"type": "websocket", "endpoint": {**tcp(), "tls": tls}, "auth": AUTH},
            "open": {"type": "rawsocket", "endpoint": {"type": "unix", "path": "open.sock"}},
        }
        super().__init__(directory, doors)

    def config(self) -> dict[str, Any]:
        """What it runs."""
        roles = [
            {"name": "user", "forwards": True, "permissions": KNOWN},
            {"name": "anonymous", "permissions": ALL},
        ]
        worker = {
            "type": "router",
            "realms": [{"name": "central", "roles": roles}],
            "transports": list(self._transports.values()),
        }
        return {"version": 2, "workers": [worker]}

    def way(self, door: str) -> dict[str, Any]:
        """The section `transport` of a board that comes in by a door."""
        host, port = self.tcp(door)
        kind, _, tls = door.partition("-")
        trusted = {"tls": {"ca_certificates": ["tls/ca.crt"], "hostname": "localhost"}} if tls else {}
        endpoint = {"type": "tcp", "host": host, "port": port, **trusted}
        if kind == "raw":
            return {"type": "rawsocket", "endpoint": endpoint}
        return {"type": "websocket", "url": f"{'wss' if tls else 'ws'}://localhost:{port}/", "endpoint": endpoint}


class BoardNode(RunningNode):
    """A board. node: its name. way, login: how it reaches the centre. rules: what it hands on."""

    def __init__(
        self,
        directory: Path,
        node: str,
        way: dict[str, Any],
        login: str,
        rules: list[dict[str, Any]] = RULES,
        **more: Any,
    ) -> None:
        super().__init__(directory, {"open": {"type": "rawsocket", "endpoint": {"type": "unix", "path": "open.sock"}}})
        self.node = node
        self._section = {
            "id": "hq", "realm": "realm1", "remote_realm": "central", "transport": way, "rules": rules,
            **({"auth": LOGINS[login]} if login else {}), **more,
        }  # fmt: skip

    def config(self) -> dict[str, Any]:
        """What it runs."""
        worker = {
            "type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": KNOWN}]}],
            "transports": list(self._transports.values()),
        }
        return {"version": 2, "controller": {"id": self.node}, "workers": [worker], "uplinks": [self._section]}


class Example(RunningNode):
    """A node of `examples/uplink`, but for the port. name: of its directory. url: of the centre, for a board."""

    def __init__(self, directory: Path, name: str, url: str | None = None) -> None:
        self._config: dict[str, Any] = yaml.safe_load((EXAMPLES / name / "config.yaml").read_text())
        transports = self._config["workers"][0]["transports"]
        for transport in transports:
            if "port" in transport["endpoint"]:
                transport["endpoint"]["port"] = 0
        for uplink in self._config.get("uplinks", ()):
            uplink["transport"]["url"] = url
        super().__init__(directory, {str(place): transport for place, transport in enumerate(transports)})

    def config(self) -> dict[str, Any]:
        """What it runs."""
        return self._config
