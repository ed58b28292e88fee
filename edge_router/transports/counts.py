"""What went over the connections of one port, those that are closed included."""

from __future__ import annotations

from edge_router.router.interfaces import Counted, Counts


class PortCounts:
    """The peers of one port."""

    __slots__ = ("_past", "_peers")

    def __init__(self) -> None:
        self._peers: set[Counted] = set()
        self._past = Counts()

    def entered(self, peer: Counted) -> None:
        """A connection has become one of WAMP."""
        self._peers.add(peer)

    def left(self, peer: Counted) -> None:
        """It is closed. Idempotent."""
        if peer in self._peers:
            self._peers.discard(peer)
            self._past.add(peer.counted())

    def total(self) -> Counts:
        """All of them together."""
        total = Counts()
        total.add(self._past)
        for peer in self._peers:
            total.add(peer.counted())
        return total
