"""Whether the router still lives: a ping when it has been silent, and an end when it does not answer."""

from __future__ import annotations

from typing import Protocol

from edge_router.router.interfaces import Clock, Delayed


class Pingable(Protocol):
    """A connection."""

    def ping(self) -> None: ...

    def unresponsive(self) -> None: ...


class Liveness:
    """heard: set by the connection whenever anything arrives.

    clock: the reactor. interval: milliseconds of silence before a ping; 0: never. timeout: milliseconds to answer it.
    connection: whose.
    """

    def __init__(self, clock: Clock, interval: int, timeout: int, connection: Pingable) -> None:
        self.heard = False
        self._clock = clock
        self._interval = interval / 1000
        self._timeout = timeout / 1000
        self._connection = connection
        self._due: Delayed | None = None

    def start(self) -> None:
        """From now on."""
        if self._interval:
            self.heard = False
            self._due = self._clock.callLater(self._interval, self._look)

    def stop(self) -> None:
        """No more. Idempotent."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def _look(self) -> None:
        if self.heard:
            self.start()
            return
        self._due = self._clock.callLater(self._timeout, self._decide)
        self._connection.ping()

    def _decide(self) -> None:
        self._due = None
        if self.heard:
            self.start()
        else:
            self._connection.unresponsive()
