"""A router with a door of every kind, and clients of ours that come in, all in one reactor that the test turns."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred, ensureDeferred

from edge_router.client import Session
from edge_router.client.connect import connect
from edge_router.config.load import from_tree
from edge_router.config.schema.connecting import (
    ClientAuth,
    ClientRawSocket,
    ClientTcpEndpoint,
    ClientTls,
    ClientTransport,
    ClientUnixEndpoint,
    ClientWebSocket,
)
from edge_router.node.router import RouterWorker
from edge_router.wamp.derive import scram_keys, wampcra_key
from tests.transports.loop import Loop
from tests.transports.tls_clients import make_files

SECRET = "p4ssw0rd ☕"
KEYS = scram_keys(SECRET, bytes(16), 4096)
PRIVATE = bytes(range(32)).hex()
ROUTER_KEY = bytes(range(1, 33)).hex()
ME = pwd.getpwuid(os.getuid()).pw_name
EVERYTHING = {"call": True, "register": True, "publish": True, "subscribe": True}


def public(private: str) -> str:
    """The public key of an Ed25519 key, both hexadecimal."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)).public_key().public_bytes_raw().hex()


AUTH: dict[str, Any] = {
    "ticket": {"principals": {"joe": {"ticket": SECRET, "role": "user"}}},
    "wampcra": {
        "users": {
            "joe": {"secret": SECRET, "role": "user"},
            "ann": {
                "derived-key": wampcra_key(SECRET, "salt", 5000, 32),
                "salt": "salt",
                "iterations": 5000,
                "role": "user",
            },
        }
    },
    "scram": {
        "principals": {
            "joe": {
                "salt": bytes(16).hex(),
                "iterations": 4096,
                "stored-key": KEYS.stored.hex(),
                "server-key": KEYS.server.hex(),
                "role": "user",
            }
        }
    },
    "cryptosign": {
        "prove_node_key": True,
        "principals": {"joe": {"authorized_keys": [public(PRIVATE)], "role": "user"}},
    },
    "failed_logins": {"allowed": 1000},
}


def tcp(version: int = 4, tls: dict[str, Any] | None = None) -> dict[str, Any]:
    """A listening endpoint on a free port."""
    more = {"tls": {"key": "tls/node.key", "certificate": "tls/node.crt", **tls}} if tls is not None else {}
    return {"type": "tcp", "version": version, "port": 0, "interface": "::1" if version == 6 else "127.0.0.1", **more}


class Place:
    """A running router. loop: of the test. directory: of its sockets and certificates. doors: name -> transport."""

    def __init__(self, loop: Loop, directory: Path, doors: dict[str, dict[str, Any]], **realm: Any) -> None:
        self.loop = loop
        self.directory = directory
        roles = [
            {"name": name, "permissions": [{"uri": "", "match": "prefix", "allow": EVERYTHING}]}
            for name in ("anonymous", "user")
        ]
        worker = {"type": "router", "realms": [{"name": "realm1", "roles": roles, **realm}]}
        loaded = from_tree({"workers": [{**worker, "transports": list(doors.values())}]}, "test", directory)
        self.worker = RouterWorker(loaded.config.workers[0], directory, loop.reactor, dict, lambda: None)
        loop.result(Deferred.fromCoroutine(self.worker.start()))
        self.places = dict(zip(doors, self.worker.places, strict=True))

    def port(self, door: str) -> int:
        """Of a TCP door."""
        found = re.search(r":(\d+)$", self.places[door])
        assert found
        return int(found[1])

    def transport(self, door: str, tls: ClientTls | None = None, **options: Any) -> ClientTransport:
        """How a client gets in by a door; the first word of its name is the kind of transport."""
        kind, *rest = door.split("-")
        if "unix" in rest:
            path = self.places[door].removeprefix("unix:")
            return ClientRawSocket(endpoint=ClientUnixEndpoint(path=path), **options)
        host = "::1" if "ipv6" in rest else "127.0.0.1"
        if "tls" in rest and tls is None:
            tls = ClientTls(ca_certificates=["tls/ca.crt"])
        endpoint = ClientTcpEndpoint(host=host, port=self.port(door), tls=tls)
        if kind == "rawsocket":
            return ClientRawSocket(endpoint=endpoint, **options)
        url = f"{'wss' if tls else 'ws'}://router.example/"
        return ClientWebSocket(url=url, endpoint=endpoint, **options)

    def begin(self, transport: ClientTransport, auth: ClientAuth | None = None) -> Deferred[Session]:
        """Start to join."""
        return connect(transport, "realm1", auth, reactor=self.loop.reactor, directory=self.directory)

    def join(self, transport: ClientTransport, auth: ClientAuth | None = None) -> Session:
        """Join. Raises what `connect` fails with."""
        session = self.loop.result(self.begin(transport, auth))
        assert isinstance(session, Session)
        return session

    def leave(self, session: Session) -> None:
        """Leave in order; the router has nothing left of it."""
        self.loop.result(session.leave())

    @property
    def sessions(self) -> int:
        """How many the router has."""
        count: int = self.worker.info()["realms"][0]["sessions"]
        return count

    def stop(self) -> None:
        """Close everything."""
        self.loop.result(ensureDeferred(self.worker.stop()))


def prepare(directory: Path) -> None:
    """Certificates, and the node's key."""
    make_files(directory)
    (directory / "key.priv").write_text(f"private-key-ed25519: {ROUTER_KEY}\n")
