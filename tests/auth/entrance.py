"""A router with one entrance, and clients that speak JSON to it, message by message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.task import Clock

from edge_router.client.local import join
from edge_router.client.session import Session
from edge_router.config.schema import Auth, Limits, Realm, RealmOptions, Role
from edge_router.node.logins import authenticators
from edge_router.router.interfaces import TransportDetails
from edge_router.router.router import Router
from edge_router.transports.outbox import Outbox
from edge_router.wamp.codecs import JSON
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Message

ROLES = ("guest", "device", "operator")
DENIED = "wamp.error.authentication_denied"


class Entrance:
    """A router whose one transport has this `auth`. directory: the node directory."""

    def __init__(self, auth: dict[str, Any], directory: Path = Path(), **options: Any) -> None:
        self.clock = Clock()
        self._outbox: Outbox | None = None
        self.refused: list[tuple[str, str]] = []
        self.router = Router(self.clock, on_refused=lambda _session, uri, text: self.refused.append((uri, text)))
        roles = [Role(name=name) for name in ROLES]
        for name in ("realm1", "realm2"):
            self.router.add_realm(Realm(name=name, roles=roles, options=msgspec.convert(options, RealmOptions)))
        self.methods = authenticators(msgspec.convert(auth, Auth), directory, self.clock, self.router)

    def local(self, realm: str = "realm1") -> Session:
        """A session of the node's own; what it gets is handled by `settle`."""
        self._outbox = self._outbox or Outbox(self.clock)
        return join(lambda peer: self.router.realms[realm].admit(peer, "trusted", "local"), self._outbox)

    def settle(self) -> None:
        """Let everything happen that is under way."""
        for _ in range(10):
            self.clock.advance(0)

    def client(self, peer: str = "tcp4:192.168.0.7:50000") -> Client:
        """A fresh connection. peer: where it comes from."""
        return Client(self, peer)


class Client:
    """One connection: a peer for the router, and the client behind it."""

    def __init__(self, entrance: Entrance, peer: str) -> None:
        self.codec = JSON
        self.details = TransportDetails("memory", peer)
        self.dropped = 0
        self.inbox: list[list[Any]] = []
        self.closed = False
        self._session = entrance.router.attach(self, entrance.methods, Limits())  # type: ignore[arg-type]

    def send_message(self, message: Message) -> None:
        self.inbox.append(json.loads(JSON.encode(message)))

    def close(self) -> None:
        self.closed = True

    def say(self, *message: Any) -> list[Any]:
        """Send a message. Result: the one answer to it."""
        self.inbox.clear()
        self.tell(*message)
        (answer,) = self.inbox
        return answer

    def tell(self, *message: Any) -> None:
        """Send a message that may have to wait for its answer."""
        try:
            self._session.receive(JSON.decode(json.dumps(message).encode()))
        except ProtocolViolation as violation:
            self._session.violated(violation)

    def hello(
        self, method: str | None, authid: str | None = None, realm: str | None = "realm1", **extra: Any
    ) -> list[Any]:
        """Say HELLO. extra: `authextra`. Result: the answer."""
        details: dict[str, Any] = {"roles": {"caller": {}}}
        if method is not None:
            details["authmethods"] = method.split()
        if authid is not None:
            details["authid"] = authid
        if extra:
            details["authextra"] = extra
        return self.say(1, realm, details)

    def challenged(self, method: str, authid: str | None = None, **extra: Any) -> dict[str, Any]:
        """Say HELLO and be asked. Result: the extra of CHALLENGE."""
        code, asked, found = self.hello(method, authid, **extra)
        assert (code, asked) == (4, method)
        assert isinstance(found, dict)
        return found

    def answer(self, signature: str, **extra: Any) -> list[Any]:
        """Send AUTHENTICATE. Result: the answer."""
        return self.say(5, signature, extra)


def welcomed(answer: list[Any]) -> dict[str, Any]:
    """The details of a WELCOME, without what is not about who the client is."""
    assert answer[0] == 2, answer
    names = ("authid", "authrole", "authmethod", "authprovider", "authextra")
    return {name: answer[2][name] for name in names if name in answer[2]}


def refused(answer: list[Any]) -> str:
    """The error URI of an ABORT."""
    assert answer[0] == 3, answer
    assert isinstance(answer[2], str)
    return answer[2]
