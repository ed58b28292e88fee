"""One publication that the router keeps: for a topic's retained event, for histories, or for both.

A record stays as it was published: the payload in the bytes and the encoding it arrived in, with the lists of those
who may have it. (Spec, "Event Retention" and "Event History".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec import Raw, Struct

from edge_router.router.arrivals import Source
from edge_router.router.audience import audience, is_filtered
from edge_router.router.disclosure import sender, trail_for
from edge_router.router.passthru import attributes
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.messages import EventDetails, Publish, PublishOptions

if TYPE_CHECKING:
    from edge_router.router.broker import Subscription
    from edge_router.router.session import RouterSession

#: bytes that a record takes beside its payload and its topic, about
RECORD: Final = 600


class Kept(Struct, frozen=True, gc=False):
    """One publication.

    time: milliseconds since 1970 by the wall clock. encoding: of args and kwargs, by name. publisher: the session
    that it began with.
    disclosed: whether its subscribers learn who that is.
    """

    publication: int
    topic: str
    time: int
    encoding: str
    args: Raw
    kwargs: Raw
    options: PublishOptions
    publisher: int
    publisher_authid: str | None
    publisher_authrole: str | None
    disclosed: bool

    @property
    def codec(self) -> Codec:
        """The encoding of the payload."""
        return CODECS[self.encoding]

    @property
    def size(self) -> int:
        """Bytes that it counts for."""
        return len(self.args) + len(self.kwargs) + len(self.topic) + RECORD

    def admits(self, session: RouterSession) -> bool:
        """Whether this session would have received it, had it been subscribed (whatever its permissions are)."""
        trail = self.options.forward_for
        if self.options.exclude_me and session.id == (trail[-1].session if trail else self.publisher):
            return False
        return not is_filtered(self.options) or audience(self.options)(session)

    def details(self, subscription: Subscription, receiver: RouterSession, retained: bool) -> EventDetails:
        """EVENT.Details for a session, by this subscription."""
        trail = self.options.forward_for
        return EventDetails(
            **attributes(self.options),
            publisher=self.publisher if self.disclosed else None,
            publisher_authid=self.publisher_authid if self.disclosed else None,
            publisher_authrole=self.publisher_authrole if self.disclosed else None,
            topic=self.topic if subscription.match != "exact" else None,
            retained=retained,
            forward_for=trail_for(trail, self.disclosed, receiver) if trail else None,
            origin=self.options.origin,
            replayed=self.options.replayed and self.options.origin is not None,
        )


#: everything that is kept: None -> the retained events, pattern of a history -> its events; each oldest first
Snapshot: TypeAlias = Mapping[str | None, Sequence[Kept]]


class Journal(Protocol):
    """Where what is kept survives the router. Every method returns at once.

    A pattern of a history is said as `exact com.x`, `prefix com.`, ... .
    """

    def retained(self) -> Iterator[Kept]:
        """The retained events of before, oldest publication first."""

    def history(self, pattern: str) -> Iterator[Kept]:
        """The events of a pattern's history of before, oldest first."""

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """From now on all changes are told. snapshot: gives everything that is kept."""

    def keep(self, record: Kept) -> None:
        """This is its topic's retained event now."""

    def forget(self, topic: str) -> None:
        """The topic has no retained event any more."""

    def append(self, pattern: str, record: Kept) -> None:
        """One more event of a history."""

    def trim(self, pattern: str) -> None:
        """The oldest event of a history is gone."""

    def arrivals(self) -> Iterator[tuple[Source, int]]:
        """The highest sequence of each source, the one longest unheard first."""

    def arrived(self, source: Source, sequence: int | None) -> None:
        """This is the highest sequence of a source now. None: the source is forgotten."""

    def when_written(self, call: Callable[[], object]) -> None:
        """Call, later, when all that was told until now is safe. It is never called if that does not come to pass."""


def kept(session: RouterSession, message: Publish, publication: int, disclosed: bool, now: float) -> Kept:
    """The record of a publication. now: seconds since 1970. The payload is copied out of the frame it came in."""
    publisher = sender(session, message.options)
    return Kept(
        publication,
        message.topic,
        int(now * 1000),
        session.peer.codec.name,
        Raw(bytes(message.args)),
        Raw(bytes(message.kwargs)),
        message.options,
        publisher.session,
        publisher.authid,
        publisher.authrole,
        disclosed,
    )
