"""The retained events of a realm: at most one a topic, the one that was published last with `retain`.

A retained publication without payload (no args and no kwargs, or empty ones) takes the topic's event away, as in MQTT:
the spec has no other way to do so. Over the limits the events that were published longest ago go, and are counted.
(Spec, "Event Retention".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Raw, Struct

from edge_router.config.schema import RetainedLimits
from edge_router.router.audience import names_sessions
from edge_router.router.kept import Journal, Kept
from edge_router.wamp.codecs import Codec
from edge_router.wamp.messages import Match, Publish

#: bytes in which an empty list or dict has its place in any encoding, with some blanks
_MAY_BE_EMPTY: Final = 8


class _Held(Struct, frozen=True, gc=False):
    """since: seconds by the monotonic clock."""

    record: Kept
    since: float


class Retained:
    """Retained events by topic, oldest publication first.

    limits: how many, how long. seconds: monotonic time. dropped: events that went because of the limits.
    journal: is told of what changes.
    """

    __slots__ = ("_held", "_limits", "_seconds", "dropped", "journal", "size")

    def __init__(self, limits: RetainedLimits, seconds: Callable[[], float]) -> None:
        self.dropped = 0
        self.size = 0
        self.journal: Journal | None = None
        self._limits = limits
        self._seconds = seconds
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, record: Kept, age: float = 0.0) -> None:
        """Make this the topic's event. age: seconds since it was published."""
        self.forget(record.topic)
        if record.size > self._limits.max_bytes:
            self.dropped += 1
            return
        self._held[record.topic] = _Held(record, self._seconds() - age)
        self.size += record.size
        if self.journal is not None and not names_sessions(record.options):  # their ids mean nothing after a restart
            self.journal.keep(record)
        self._expire()
        while self.size > self._limits.max_bytes or len(self._held) > self._limits.max_topics:
            self.forget(next(iter(self._held)))
            self.dropped += 1

    def forget(self, topic: str) -> None:
        """Take the topic's event away, if it has one."""
        held = self._held.pop(topic, None)
        if held is not None:
            self.size -= held.record.size
            if self.journal is not None:
                self.journal.forget(topic)

    def restore(self, journal: Journal, now: float) -> None:
        """Take over what a journal has, and tell it what changes from now on. now: seconds since 1970."""
        before = {record.topic: record for record in journal.retained()}
        for record in before.values():
            self.keep(record, max(0.0, now - record.time / 1000))
        self.journal = journal
        for topic in before.keys() - self._held.keys():
            journal.forget(topic)

    def records(self) -> list[Kept]:
        """All that would survive a restart."""
        return [held.record for held in self._held.values() if not names_sessions(held.record.options)]

    def matching(self, uri: str, match: Match) -> Iterator[Kept]:
        """The events of all topics that a pattern matches, in the order of publication."""
        self._expire()
        if match == "exact":
            held = self._held.get(uri)
            if held is not None:
                yield held.record
            return
        fits = pattern(uri, match)
        for topic, held in list(self._held.items()):
            if fits(topic):
                yield held.record

    def _expire(self) -> None:
        """Events stand in the order of their age, so that only the first need a look."""
        expiry = self._limits.expiry
        if expiry:
            due = self._seconds() - expiry
            while self._held:
                topic, first = next(iter(self._held.items()))
                if first.since > due:
                    return
                self.forget(topic)


def pattern(uri: str, match: Match) -> Callable[[str], bool]:
    """Says of a topic whether a pattern matches it."""
    if match == "exact":
        return uri.__eq__
    if match == "prefix":
        return lambda topic: topic.startswith(uri)
    parts = uri.split(".")

    def fits(topic: str) -> bool:
        its = topic.split(".")
        return len(its) == len(parts) and all(mine in ("", part) for mine, part in zip(parts, its, strict=True))

    return fits


def is_empty(message: Publish, codec: Codec) -> bool:
    """Whether a publication has no payload, or an empty one."""
    return _nothing(message.args, codec) and _nothing(message.kwargs, codec)


def _nothing(raw: Raw, codec: Codec) -> bool:
    return not raw or (len(raw) <= _MAY_BE_EMPTY and not codec.loads(raw))
