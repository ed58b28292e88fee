"""How much sessions have sent and been sent: four integers for each connection, and sums of them.

Transports count where they handle several messages at once, so that counting costs a message next to nothing; sums are
made when somebody asks. Sessions within the node (bridges, components) count messages, which have no octets there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edge_router.router.interfaces import Counts

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession


def counted(peer: Any) -> Counts | None:
    """What a peer (`interfaces.Counted`) has counted since it is connected; None if it does not count."""
    count = getattr(peer, "counted", None)
    return None if count is None else count()


def counts_of(session: RouterSession) -> Counts | None:
    """What a session has sent and been sent since it joined; None if nobody counts that."""
    now = counted(session.peer)
    return None if now is None else now.since(session.counted_before)


class Totals:
    """The counts of those that were there before, and of those that are."""

    __slots__ = ("past",)

    def __init__(self) -> None:
        self.past = Counts()

    def left(self, counts: Counts | None) -> None:
        """One is not there any more."""
        if counts is not None:
            self.past.add(counts)

    def with_those(self, present: Iterable[Counts | None]) -> Counts:
        """All together. present: of those that are there."""
        total = Counts()
        total.add(self.past)
        for counts in present:
            if counts is not None:
                total.add(counts)
        return total
