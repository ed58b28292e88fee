"""Finding out which peers have vanished without a word: one timer for all connections of a transport.

Every interval each connection is sent a ping; whoever has not been heard of by the time-out - by a pong or by anything
else - is gone. One timer for all keeps an idle router asleep: a hundred timers of ten seconds would wake it ten times
a second. So a vanished peer is noticed within interval + time-out. (RFC 6455 section 5.5.2.)
"""

from __future__ import annotations

from typing import Protocol

from edge_router.router.interfaces import Clock, Delayed


class Pingable(Protocol):
    """A connection. heard: set to True by the connection whenever something comes in."""

    heard: bool

    def ping(self) -> None:
        """Ask the peer for a sign of life."""

    def unresponsive(self) -> None:
        """The peer gave none in time."""


class Pings:
    """The pings of a transport.

    clock: counts. interval: milliseconds between pings; 0: none are sent. timeout: milliseconds to answer.
    """

    def __init__(self, clock: Clock, interval: int, timeout: int) -> None:
        self._clock = clock
        self._interval = interval / 1000
        self._timeout = timeout / 1000
        self._members: set[Pingable] = set()
        self._asked: set[Pingable] = set()
        self._next: Delayed | None = None

    def add(self, member: Pingable) -> None:
        """Watch a connection."""
        self._members.add(member)
        if self._next is None and self._interval:
            self._next = self._clock.callLater(self._interval, self._tick)

    def discard(self, member: Pingable) -> None:
        """Watch it no more. When nobody is left, no timer is either."""
        self._members.discard(member)
        self._asked.discard(member)
        if not self._members and self._next is not None:
            self._next.cancel()
            self._next = None

    def _tick(self) -> None:
        self._next = self._clock.callLater(self._interval, self._tick)
        asked = [member for member in self._members if member not in self._asked]
        if not asked:
            return
        self._asked.update(asked)
        self._clock.callLater(self._timeout, self._check, asked)
        for member in asked:
            member.heard = False
            member.ping()

    def _check(self, asked: list[Pingable]) -> None:
        for member in asked:
            if member in self._asked:
                self._asked.remove(member)
                if not member.heard:
                    member.unresponsive()
