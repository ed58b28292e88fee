"""One section of `uplinks`: link, rules, store and status, put together.

The node gives it a session of the local realm (`start`) and takes it away again (`stop`); the session of the central
realm comes and goes with the link.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import structs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from edge_router import registry
from edge_router.client.connect import connect
from edge_router.config.schema.connecting import ClientTransport, ClientWebSocket, ClientWebSocketOptions
from edge_router.config.schema.uplinks import Uplink as Section
from edge_router.uplink.announcement import Announcement
from edge_router.uplink.events import Events
from edge_router.uplink.keeping import Store
from edge_router.uplink.link import Link
from edge_router.uplink.outlet import Standing
from edge_router.uplink.procedures import Procedures
from edge_router.uplink.rules import Side, compiled
from edge_router.uplink.session import SPEECH, LinkSession
from edge_router.uplink.status import Status

_STORE: Final = "edge_router.uplink.spool:Spool"


class Uplink:
    """One uplink.

    section: as configured. node: the name of this node, where the section gives no other. directory: the node
    directory. reactor: Twisted's. uniform: a random number between two. clock_is_right: whether this machine knows the
    time. now: seconds since 1970. connect: as `client.connect.connect`.
    """

    log = Logger()

    def __init__(
        self,
        section: Section,
        node: str,
        directory: Path,
        reactor: Any,
        uniform: Callable[[float, float], float],
        clock_is_right: Callable[[], bool],
        now: Callable[[], float] = time.time,
        connect: Callable[..., Deferred[Any]] = connect,
    ) -> None:
        self._section = section
        self._directory = directory
        self._reactor = reactor
        self._connect = connect
        self._now = now
        self._since = now()
        self._told: set[str] = set()
        #: called when it is up or down
        self.changed: Callable[[], object] = lambda: None
        #: what is wrong with the store, in words
        self._alarm: str | None = None
        #: what this node is called at the central router
        self.node = name = section.node or node
        rules = compiled(section.rules, name)
        self.store = self._made_store(name)
        clock, say = reactor, self._say
        self.up = Events(Side(rules, "events", "up"), self.store, clock, say)
        self.down = Events(Side(rules, "events", "down"), None, clock, say)
        #: of this node, offered centrally
        self.offered = Procedures(Side(rules, "procedures", "up"), clock, lambda: "the node leaves its realm", say)
        #: of the centre, offered here
        self.taken = Procedures(Side(rules, "procedures", "down"), clock, self._why_down, say)
        keepalive = (section.keepalive, section.keepalive_timeout)
        self.link = Link(
            section.id, self._transports(), self._join, clock, uniform, clock_is_right, keepalive,
            section.max_retry_delay,
        )  # fmt: skip
        self.link.on_up, self.link.on_down, self.link.on_failed = self._up, self._down, self._news
        topic = section.announce
        self.announcement = Announcement(topic.replace("{node}", name), name, say) if topic is not None else None
        self.status = Status(section.id, clock, self._facts)
        self._session: LinkSession | None = None

    def _made_store(self, node: str) -> Store | None:
        """The store, which is loaded only where a rule wants it."""
        if all(rule.buffer == "none" for rule in self._section.rules):
            return None
        section = self._section.store
        if section.path is None:
            section = structs.replace(section, path=f"uplink-{self._section.id}.sqlite")
        store: Store = registry.load(_STORE)(section, node, self._directory, self._reactor, self._store_alarm)
        return store

    def _transports(self) -> list[ClientTransport]:
        """The addresses. A WebSocket is not asked twice whether it lives, unless the section says so."""
        section = self._section
        return [_less_pings(each) for each in ([section.transport] if section.transport else section.transports)]

    def _join(self, transport: ClientTransport) -> Deferred[Any]:
        realm = self._section.remote_realm or self._section.realm
        return self._connect(
            transport, realm, self._section.auth, reactor=self._reactor, directory=self._directory, speech=SPEECH
        )

    # --- what the node calls -----------------------------------------------------------------------------------

    def start(self, session: LinkSession) -> None:
        """Begin. session: joined to the local realm."""
        self._session = session
        session.on_revoked = self._say
        session.authid, session.authrole = self.node, self._section.role  # who hands on what nobody is named for
        if self.store is not None:
            self.store.open()
        self.up.source_up(session)
        self.taken.callers_up(session)
        self.down.target_up(session, Standing(self._say))
        self.offered.callees_up(session, Standing(self._say))
        self.status.start(session)
        self.link.start()

    def stop(self) -> Deferred[Any]:
        """Leave the central realm. Idempotent. Result: fires when the store is written."""
        if self.announcement is not None:
            self.announcement.leave()
        self.link.stop()
        if self._session is not None:
            self._session = None
            for part in (self.up, self.down, self.offered, self.taken):
                part.stop()
            self.up.source_down()
            self.down.target_down()
            self.taken.callers_down()
            self.offered.callees_down()
            self.status.stop()
        return self.store.close() if self.store is not None else succeed(None)

    # --- up and down -------------------------------------------------------------------------------------------

    def _up(self, session: LinkSession) -> None:
        self._since = self._now()
        self._told.clear()
        session.on_revoked = self._say
        standing = Standing(self._say)
        self.down.source_up(session)
        self.offered.callers_up(session)
        self.taken.callees_up(session, standing)
        self.up.target_up(session, standing)
        if self.store is not None:
            self.store.link_up(self.up)
        if self.announcement is not None:
            self.announcement.up(session)
        self._news()

    def _down(self) -> None:
        self._since = self._now()
        if self.announcement is not None:
            self.announcement.down()
        if self.store is not None:
            self.store.link_down()
        self.down.source_down()
        self.offered.callers_down()
        self.taken.callees_down()
        self.up.target_down()
        self._news()

    def _news(self) -> None:
        self.status.news()
        self.changed()

    # --- what is told ------------------------------------------------------------------------------------------

    def _why_down(self) -> str:
        return f"the uplink {self._section.id!r} is down: {self.link.error}"

    def _say(self, text: str) -> None:
        """One warning for each thing, until the link comes up again."""
        if text not in self._told and len(self._told) < 1_000:
            self._told.add(text)
            self.log.warn("{id}: {text}", id=self._section.id, text=text)

    def _store_alarm(self, text: str | None) -> None:
        if text is not None and text != self._alarm:
            self.log.error("{id}: {text}", id=self._section.id, text=text)
        elif text is None and self._alarm is not None:
            self.log.info("{id}: the store works again", id=self._section.id)
        self._alarm = text
        self._news()

    def _facts(self) -> tuple[str, dict[str, Any]]:
        figures = self.figures()
        return figures.pop("link"), figures

    def figures(self) -> dict[str, Any]:
        """Facts for status, metrics and management, JSON-like.

        link: `up` or `down`. since: ms since 1970. peer: the address; error: why it is down. rtt_ms. rows, bytes,
        oldest, dropped, ...: of the store. sent, received: events. calls, served: calls to and from the centre.
        """
        link, store = self.link, self.store.figures() if self.store is not None else {}
        up, down, taken = self.up.figures(), self.down.figures(), self.taken.figures()
        return {
            "link": "up" if link.is_up else "down",
            "since": round(1000 * self._since),
            **({"peer": link.peer, "rtt_ms": link.rtt_ms} if link.is_up else {"error": link.error}),
            "times_up": link.times_up,
            "rows": 0, "bytes": 0, "oldest": None, "dropped": 0,
            **{name: figure for name, figure in store.items() if name != "error"},
            "sent": up["sent"],
            "not_sent": up["dropped"],
            "held_back": up["held_back"],
            "received": down["sent"],
            **taken,
            "served": self.offered.calls,
            **({"store_error": self._alarm} if self._alarm else {}),
        }  # fmt: skip


def _less_pings(transport: ClientTransport) -> ClientTransport:
    if not isinstance(transport, ClientWebSocket):
        return transport
    options = transport.options
    if options.auto_ping_interval != ClientWebSocketOptions().auto_ping_interval:
        return transport
    return structs.replace(transport, options=structs.replace(options, auto_ping_interval=0))
