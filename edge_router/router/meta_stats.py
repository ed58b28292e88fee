"""`wamp.session.on_stats`: how much a session has sent and been sent, told as the realm's `stats` say.

It is Crossbar's event, with the session in short and its figures since the last such event; made only if somebody
subscribes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from edge_router.router.interfaces import Counts
from edge_router.router.statistics import counted

if TYPE_CHECKING:
    from edge_router.config.schema import Stats
    from edge_router.router.meta_events import MetaEvents
    from edge_router.router.realm import Realm
    from edge_router.router.router import Router
    from edge_router.router.session import RouterSession

TOPIC: Final = "wamp.session.on_stats"
_NANOSECONDS: Final = 1_000_000_000


class _Told(NamedTuple):
    """What was told of a session last. counts: of its peer. at: monotonic seconds."""

    counts: Counts
    at: float


class SessionStats:
    """Tells how much the sessions of a realm have sent and been sent.

    router: whose. realm: the realm. events: publishes. config: when to tell.
    """

    __slots__ = ("_config", "_events", "_realm", "_router", "_told", "_waiting")

    def __init__(self, router: Router, realm: Realm, events: MetaEvents, config: Stats) -> None:
        self._router = router
        self._realm = realm
        self._events = events
        self._config = config
        self._told: dict[int, _Told] = {}
        self._waiting = False

    def joined(self, session: RouterSession) -> None:
        """A session has joined."""
        if self._config.trigger_on_join:
            self._tell(session)
        if self._config.trigger_after_duration:
            self._wait()

    def left(self, session: RouterSession) -> None:
        """A session has left."""
        if self._config.trigger_on_leave:
            self._tell(session, last=True)
        self._told.pop(session.id, None)

    def _wait(self) -> None:
        if not self._waiting and self._realm.sessions:
            self._waiting = True
            self._router.clock.callLater(self._config.trigger_after_duration / 1000, self._tell_all)

    def _tell_all(self) -> None:
        self._waiting = False
        for session in list(self._realm.sessions.values()):
            self._tell(session)
        self._wait()

    def _tell(self, session: RouterSession, last: bool = False) -> None:
        if not self._events.heard(TOPIC):
            return
        counts = counted(session.peer)
        if counts is None:
            return
        before = self._told.get(session.id)
        now = self._router.clock.seconds()
        stats = self._stats(session, counts, before, now)
        if not last:
            self._told[session.id] = _Told(counts, now)
        self._events.tell(TOPIC, session, self._in_short(session), {**stats, "first": before is None, "last": last})

    def _in_short(self, session: RouterSession) -> dict[str, Any]:
        return {
            "session": session.id,
            "realm": self._realm.name,
            "authid": session.authid,
            "authrole": session.permissions.name,
        }

    def _stats(self, session: RouterSession, counts: Counts, before: _Told | None, now: float) -> dict[str, Any]:
        """As autobahn's serializers have it (`ISerializer.stats`): times in nanoseconds, the first since 1970."""
        counts = counts.since(session.counted_before if before is None else before.counts)
        duration = now - (session.joined_at if before is None else before.at)
        return {
            "serializer": session.peer.codec.name,
            "timestamp": round((self._router.now() - duration) * _NANOSECONDS),
            "duration": round(duration * _NANOSECONDS),
            "bytes": counts.bytes_received + counts.bytes_sent,
            "messages": counts.messages_received + counts.messages_sent,
            **counts.shown(),
        }
