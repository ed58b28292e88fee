"""What links have handed on already, so that what an uplink sends again after a break is not published again.

An uplink gives each event its origin: node, boot, sequence. Within one boot of a node the sequences of a topic only
rise, so the highest one that has come in is all that needs to be known of a topic. A link is believed about its own
nodes only: what one link says does not hold back what another hands on. PUBLISHED is the uplink's leave to forget the
event; in a realm with a file it waits until the file has what was published.

(`_origin` and `_replayed` are custom attributes of ours; spec, "Custom Attributes".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from edge_router.wamp.messages import Origin, Published

if TYPE_CHECKING:
    from edge_router.router.kept import Journal
    from edge_router.router.session import RouterSession

#: who hands on, node, boot, topic
Source: TypeAlias = tuple[str, str, str, str]


class Arrivals:
    """The highest sequence of each source. limit: sources that are remembered; the one longest unheard goes first.

    repeated: events that had come in before. forgotten: sources that gave way to others.
    """

    __slots__ = ("_highest", "_journal", "_limit", "forgotten", "repeated")

    def __init__(self, limit: int) -> None:
        self.repeated = 0
        self.forgotten = 0
        self._limit = limit
        self._highest: dict[Source, int] = {}
        self._journal: Journal | None = None

    def __len__(self) -> int:
        return len(self._highest)

    def restore(self, journal: Journal) -> None:
        """Take over what a journal has, and tell it what changes from now on."""
        for source, sequence in journal.arrivals():
            self._note(source, sequence)
        self._journal = journal

    def take_over(self, before: Arrivals) -> None:
        """Know what another one knows."""
        for source, sequence in before._highest.items():
            self._note(source, sequence)

    def is_new(self, session: RouterSession, topic: str, origin: Origin) -> bool:
        """Whether this has not come in before; from now on it has."""
        source = (_owner(session), origin.node, origin.boot, topic)
        if origin.sequence <= self._highest.get(source, -1):
            self.repeated += 1
            return False
        self._note(source, origin.sequence)
        return True

    def answer(self, session: RouterSession, answer: Published) -> None:
        """Have the link know that the event is safe, once it is."""
        if self._journal is None:
            session.peer.send_message(answer)
        else:
            self._journal.when_written(lambda: _send(session, answer))

    def _note(self, source: Source, sequence: int) -> None:
        self._highest.pop(source, None)
        self._highest[source] = sequence
        if self._journal is not None:
            self._journal.arrived(source, sequence)
        if len(self._highest) > self._limit:
            oldest = next(iter(self._highest))
            del self._highest[oldest]
            self.forgotten += 1
            if self._journal is not None:
                self._journal.arrived(oldest, None)


def _owner(session: RouterSession) -> str:
    """Who vouches for an origin. The authid of an anonymous session is another one each time."""
    return session.authid if session.authmethod != "anonymous" else f"anonymous {session.permissions.name}"


def _send(session: RouterSession, answer: Published) -> None:
    if session.realm is not None:
        session.peer.send_message(answer)
