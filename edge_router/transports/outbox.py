"""What peers are sent while one read is handled leaves in one write per peer.

A transport brackets the handling of each read with `begin` and `flush`. What is sent outside of a read (by timers,
bridges, local sessions) is flushed in the next turn of the reactor.
"""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from edge_router.router.interfaces import Clock


class Flushable(Protocol):
    """A peer with frames to write."""

    def flush(self) -> None: ...


class Outbox:
    """The peers that have been sent something since the last flush.

    clock: calls `flush` in the next turn when nobody else will. dropped: events dropped by all peers so far.
    """

    __slots__ = ("_clock", "_reading", "_scheduled", "dropped", "touched")

    log = Logger(namespace="edge_router.transport")

    def __init__(self, clock: Clock) -> None:
        self.touched: list[Flushable] = []
        self.dropped = 0
        self._clock = clock
        self._reading = False
        self._scheduled = False

    def begin(self) -> None:
        """A read is about to be handled; `flush` follows."""
        self._reading = True

    def touch(self, peer: Flushable) -> None:
        """This peer has frames to write (called once per peer and flush)."""
        self.touched.append(peer)
        if not self._reading and not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def flush(self) -> None:
        """Let every touched peer write. A peer that fails to write must not keep the others from writing."""
        self._reading = False
        touched = self.touched
        if touched:
            self.touched = []
            for peer in touched:
                try:
                    peer.flush()
                except Exception:  # noqa: BLE001 - a bug of ours; whoever comes after it must still be flushed
                    self.log.failure("a peer failed to write")
