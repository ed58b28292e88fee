"""Routers in memory on one clock, and uplinks between them whose connections tests make and cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import convert
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from edge_router.client.failures import CannotConnect
from edge_router.client.local import LocalPeer, join
from edge_router.client.session import Session
from edge_router.client.values import CallError, Received, Result
from edge_router.config.schema import Realm
from edge_router.config.schema import Uplink as Section
from edge_router.router.router import Router
from edge_router.transports.outbox import Outbox
from edge_router.uplink.session import LinkSession
from edge_router.uplink.uplink import Uplink

ALL = {"publish": True, "subscribe": True, "call": True, "register": True}
#: a role of links; who sends is made known
BOARD = {
    "name": "board",
    "forwards": True,
    "permissions": [{"uri": "", "match": "prefix", "allow": ALL, "disclose": {"caller": True, "publisher": True}}],
}
#: a role of links that may not say for whom they hand on
PLAIN = {"name": "plain", "permissions": [{"uri": "", "match": "prefix", "allow": ALL}]}
#: a role of links that may not ask for disclosure
DISCREET = {
    "name": "discreet",
    "forwards": True,
    "permissions": [{"uri": "", "match": "prefix", "allow": ALL, "disclose": {"requested": "refuse"}}],
}
#: a role whose sessions are made known
OPEN = {"name": "open", "permissions": BOARD["permissions"]}


class Place:
    """A router with the realm `realm1`, and sessions in it."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.router = Router(clock)
        section = {"name": "realm1", "roles": [BOARD, PLAIN, OPEN, DISCREET], **options}
        self.realm = self.router.add_realm(convert(section, Realm))
        self.outbox = Outbox(clock)

    def join(self, role: str = "trusted", authid: str = "somebody", kind: type[Session] = Session) -> Any:
        """A session."""
        features = {"features": kind.features} if kind is LinkSession else {}

        def admitted(peer: LocalPeer) -> Any:
            return self.realm.admit(peer, role, authid, **features)

        return join(admitted, self.outbox, kind)


class Board(Place):
    """A router with an uplink to another.

    clock: of both. centre: the other; None: nobody answers. rules, more: of the section `uplinks`. role: of the link at
    the other.
    """

    def __init__(
        self,
        clock: Clock,
        centre: Place | None,
        *rules: dict[str, Any],
        role: str = "board",
        node: str = "a",
        realm: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(clock, **(realm or {}))
        self.centre = centre
        self.role = role
        self.attempts: list[Any] = []
        self.clock_is_right = True
        #: what the next attempts come to
        self.failures: list[Exception] = []
        self.far: LinkSession | None = None
        section = {"id": "hq", "realm": "realm1", "rules": list(rules), **more}
        if "transports" not in section:
            section["transport"] = {"type": "rawsocket", "url": "rs://centre:1"}
        self.uplink = Uplink(
            convert(section, Section), node, Path(), clock, lambda least, _most: least, lambda: self.clock_is_right,
            lambda: 1_700_000_000.0, self._connect,
        )  # fmt: skip
        self.near: LinkSession = self.join(authid="hq", kind=LinkSession)

    def _connect(self, transport: Any, realm: str, *_auth: Any, **_more: Any) -> Deferred[Any]:
        self.attempts.append((transport, realm))
        if self.centre is None or self.failures:
            return fail(self.failures.pop(0) if self.failures else CannotConnect("nobody there"))
        session = self.far = self.centre.join(self.role, f"board-{self.uplink.node}", LinkSession)
        session.realm, session.authid, session.authrole = realm, f"board-{self.uplink.node}", self.role
        answer: Deferred[Any] = Deferred()
        answer.callback(session)
        return answer

    def start(self) -> None:
        """Start the uplink."""
        self.uplink.start(self.near)

    def cut(self) -> None:
        """The connection is gone, at both ends."""
        far = self.far
        assert far is not None
        far._send.__self__.receiving.lost()  # type: ignore[attr-defined]
        far.lost("the cable was pulled")


class World:
    """A clock, and all that hangs on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.boards: list[Board] = []

    def centre(self, **options: Any) -> Place:
        """A router to connect to."""
        return Place(self.clock, **options)

    def board(self, centre: Place | None, *rules: dict[str, Any], **more: Any) -> Board:
        """A router with an uplink, started."""
        board = Board(self.clock, centre, *rules, **more)
        self.boards.append(board)
        board.start()
        self.settle()
        return board

    def settle(self) -> None:
        """What is due now happens, and what comes of it."""
        for _ in range(30):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.settle()

    def heard(self, place: Place, topic: str, match: Any = "exact", role: str = "trusted") -> list[Received]:
        """The events of a topic, from now on."""
        events: list[Received] = []
        place.join(role).subscribe(topic, events.append, match)
        self.settle()
        return events

    def call(self, session: Session, procedure: str, *args: Any, **options: Any) -> Any:
        """The result of a call, or the CallError."""
        return self.outcome(session.call(procedure, args, **options))

    def outcome(self, waiting: Deferred[Any]) -> Any:
        """What comes of it: a value, a CallError, or None if it is not there yet."""
        found: list[Any] = []
        waiting.addCallback(found.append)
        waiting.addErrback(lambda failure: found.append(failure.value))
        self.settle()
        return found[0] if found else None


def values(events: list[Received]) -> list[tuple[str, Any]]:
    """Topic and first argument of each."""
    return [(event.topic, event.args[0] if event.args else None) for event in events]


def echo(*args: Any, **kwargs: Any) -> Result:
    """A procedure that gives what it gets."""
    return Result(args, kwargs)


def failing(*args: Any, **_kwargs: Any) -> Any:
    """A procedure that fails."""
    raise CallError("com.example.bad", *args, why="no")


