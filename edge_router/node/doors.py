"""The transports of a router: which are open, who came in by which, and the ways to log in that each offers.

What a session came in by is its `came_by`, so that those of one transport can be told when it closes, and those of a
user when the user is taken out of the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredList

from edge_router import registry
from edge_router.config.schema import Auth, Limits
from edge_router.config.sections import all_of
from edge_router.node.logins import Logins
from edge_router.router.interfaces import Authenticator, Peer
from edge_router.router.router import Router
from edge_router.router.session import RouterSession
from edge_router.transports.host import Host, Transport
from edge_router.transports.outbox import Outbox


class Way:
    """One way in: a door, and the `auth` section that counts there.

    auth: as it is now. methods: by authmethod; sessions hold on to it, so it is changed in place.
    """

    __slots__ = ("auth", "door", "methods")

    def __init__(self, door: Door, auth: Auth | None, methods: dict[str, Authenticator]) -> None:
        self.door = door
        self.auth = auth
        self.methods = methods


class Door:
    """One transport.

    section: its configuration as it is now. place: where it listens; empty: it does not. ways: by the `auth` section
    that the transport was made with.
    """

    transport: Transport

    def __init__(self, section: Any) -> None:
        self.section = section
        self.place = ""
        self.ways: dict[int, Way] = {}


class Doors:
    """All transports of one router.

    router, logins, outbox: of the worker. directory: the node directory. reactor: Twisted's. info: facts about the
    node. join: joins a realm for a part of the node.
    """

    def __init__(
        self,
        router: Router,
        logins: Logins,
        outbox: Outbox,
        directory: Path,
        reactor: Any,
        info: Callable[[], dict[str, Any]],
        join: Callable[[str, str, str], Any],
    ) -> None:
        #: those of the configuration; while the worker starts, some are not open yet
        self.all: list[Door] = []
        self._router = router
        self._logins = logins
        self._outbox = outbox
        self._directory = directory
        self._reactor = reactor
        self._info = info
        self._join = join

    def made(self, section: Any) -> Door:
        """A transport that is not open yet. Raises what is wrong with its secrets: `config.secret.Missing`, for one."""
        door = Door(section)
        host = Host(
            self._reactor, self._outbox, partial(self._attach, door), self._directory, self._info, self._join,
            self._logins.jar,
        )  # fmt: skip
        door.transport = registry.part_class("transport", section)(section, host)
        for auth in all_of(Auth, section):  # now, not at the first login
            self._way(door, auth)
        return door

    def _attach(self, door: Door, peer: Peer, auth: Auth | None, limits: Limits) -> RouterSession:
        way = door.ways.get(id(auth)) or self._way(door, auth)
        session = self._router.attach(peer, way.methods, limits)
        session.came_by = way
        return session

    def _way(self, door: Door, auth: Auth | None) -> Way:
        way = door.ways[id(auth)] = Way(door, auth, dict(self._logins.methods(auth)))
        return way

    async def open(self, door: Door) -> None:
        """Listen. Raises CannotListen."""
        door.place = await door.transport.start()
        if door not in self.all:
            self.all.append(door)

    async def close(self, doors: Iterable[Door]) -> None:
        """Close these, and what is still connected. Sessions were told before."""
        closing = list(doors)
        for door in closing:
            self.all.remove(door)
        opened = [door for door in reversed(closing) if door.place]
        await DeferredList([door.transport.stop() for door in opened], consumeErrors=True)

    def sessions(self, doors: Iterable[Door]) -> list[RouterSession]:
        """The sessions that came in by these, and have joined a realm."""
        wanted = set(doors)
        return [
            session
            for realm in self._router.realms.values()
            for session in realm.sessions.values()
            if session.came_by is not None and session.came_by.door in wanted
        ]

    @property
    def places(self) -> list[str]:
        """Where they listen."""
        return [door.place for door in self.all if door.place]
