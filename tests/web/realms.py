"""A web port in memory with a real router: services that act in a realm, and sessions to see what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from edge_router.auth.anonymous import Anonymous
from edge_router.client.local import join
from edge_router.client.session import Session
from edge_router.client.values import Received
from edge_router.config.schema import Allow, AnonymousAuth, Permission, Realm, Role, WebOptions
from edge_router.router.router import Router
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections
from edge_router.transports.outbox import Outbox
from edge_router.web.site import Site
from tests.transports.wires import MemoryTransport
from tests.web.ports import Answer

ALL = Allow(call=True, register=True, publish=True, subscribe=True)


class RealmPort:
    """A port that serves `paths` on a router with `realm1`, whose roles are `web` and `other`.

    Both may do everything below `com.`; `web` nothing below `com.denied.`, `other` nothing below `com.web.`.
    """

    def __init__(self, paths: dict[str, Any], directory: Path = Path("/nonexistent"), **options: Any) -> None:
        self.clock = Clock()
        self.router = Router(self.clock)
        self.router.add_realm(Realm(name="realm1", roles=[_role("web", "com.denied."), _role("other", "com.web.")]))
        self.outbox = Outbox(self.clock)
        methods = {"anonymous": Anonymous(AnonymousAuth(role="web"))}
        self.host = Host(
            self.clock, self.outbox, lambda peer, _auth, limits: self.router.attach(peer, methods, limits),
            directory, dict, self.join,
        )  # fmt: skip
        self.site = Site(paths, WebOptions(**options), self.host)
        self.connections = Connections(self.site.channel, 100, self.clock)
        self.secure = False
        self.peer: Any = None

    def join(self, realm: str, role: str, authid: str = "test") -> Session:
        """A session inside of the node."""
        if realm not in self.router.realms:
            raise LookupError(f"no realm {realm}")
        return join(lambda peer: self.router.realms[realm].admit(peer, role, authid), self.outbox)

    @property
    def sessions(self) -> list[tuple[str, str]]:
        """Role and authid of all sessions in the realm."""
        found = self.router.realms["realm1"].sessions.values()
        return sorted((session.permissions.name, session.authid) for session in found)

    def settle(self) -> None:
        """What is due now happens, and what comes of it."""
        for _ in range(10):
            self.clock.advance(0)

    def heard(self, topic: str = "com.", match: Any = "prefix") -> list[Received]:
        """The events of a topic, from now on."""
        events: list[Received] = []
        self.join("realm1", "trusted").subscribe(topic, events.append, match)
        self.settle()
        return events

    def serve(self, procedure: str, handler: Any) -> None:
        """A procedure to call."""
        self.join("realm1", "trusted").register(procedure, handler)
        self.settle()

    def connect(self) -> MemoryTransport:
        """A connection to the port."""
        transport = MemoryTransport(peerAddress=self.peer)
        protocol: Any = self.connections.buildProtocol(None)
        transport.protocol = protocol
        if self.secure:
            protocol.isSecure = lambda: True
        protocol.makeConnection(transport)
        return transport

    def post(self, path: str, body: bytes = b"", method: str = "POST", **headers: str) -> Answer:
        """One request on a connection of its own. headers: `Content_Type="..."`."""
        transport = self.connect()
        transport.protocol.dataReceived(posted(path, body, method, **headers))
        self.settle()
        answer = Answer(transport.sent(), method)
        lose(transport)
        return answer


def lose(transport: MemoryTransport) -> None:
    """The client closes the connection; as the real one, the transport tells its producer first."""
    if transport.producer is not None:
        transport.producer.stopProducing()
    transport.protocol.connectionLost(Failure(ConnectionDone()))


def posted(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request with a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: pi.local", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _role(name: str, denied: str) -> Role:
    return Role(
        name=name,
        permissions=[
            Permission(uri="com.", match="prefix", allow=ALL),
            Permission(uri=denied, match="prefix", allow=Allow()),
        ],
    )
