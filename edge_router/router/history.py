"""The event history of one pattern: what was published, in the order in which the broker received it.

A publication is kept once, whoever was subscribed, even if nobody was. One that lists sessions by id is never kept: the
ids mean nothing to those who ask later. (Spec, "Event History".)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from msgspec import Struct

from edge_router.config.schema import EventHistory
from edge_router.router.kept import Journal, Kept

_NOWHERE: Final = -1


class Filter(Struct, frozen=True, kw_only=True):
    """What is asked of a history; None does not count, and all that is given must hold.

    The times are microseconds since 1970, the publications ids. reverse: the last first. limit: at most so many.
    """

    reverse: bool = False
    limit: int | None = None
    from_time: int | None = None
    after_time: int | None = None
    before_time: int | None = None
    until_time: int | None = None
    topic: str | None = None
    from_publication: int | None = None
    after_publication: int | None = None
    before_publication: int | None = None
    until_publication: int | None = None

    def holds(self, record: Kept) -> bool:
        """Whether the record's own attributes are as asked."""
        time = record.time * 1000
        return (
            (self.topic is None or record.topic == self.topic)
            and (self.from_time is None or time >= self.from_time)
            and (self.after_time is None or time > self.after_time)
            and (self.before_time is None or time < self.before_time)
            and (self.until_time is None or time <= self.until_time)
        )


class _Held(Struct, frozen=True, gc=False):
    """since: seconds by the monotonic clock."""

    record: Kept
    since: float


class History:
    """What is kept for one pattern.

    limits: its section. limit: events at one time. seconds: monotonic time. pattern: its name in a
    journal.
    """

    __slots__ = ("_held", "_journal", "_limit", "_limits", "_seconds", "pattern", "size")

    def __init__(self, limits: EventHistory, limit: int, seconds: Callable[[], float]) -> None:
        self.size = 0
        self.pattern = f"{limits.match} {limits.uri}"
        self._journal: Journal | None = None
        self._limits = limits
        self._limit = limit
        self._seconds = seconds
        self._held: deque[_Held] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, record: Kept, age: float = 0.0) -> None:
        """Keep one more; over the limits the oldest go. age: seconds since it was published."""
        self._held.append(_Held(record, self._seconds() - age))
        self.size += record.size
        if self._journal is not None:
            self._journal.append(self.pattern, record)
        while len(self._held) > self._limit or self.size > self._limits.max_bytes:
            self._forget_first()
        self._expire()

    def restore(self, journal: Journal, now: float) -> None:
        """Take over what a journal has, and tell it what changes from now on. now: seconds since 1970."""
        before = list(journal.history(self.pattern))
        for record in before:
            self.add(record, max(0.0, now - record.time / 1000))
        self._journal = journal
        for _ in range(len(before) - len(self._held)):
            journal.trim(self.pattern)

    def records(self) -> list[Kept]:
        """All events, oldest first."""
        return [held.record for held in self._held]

    def select(self, wanted: Filter, may_have: Callable[[Kept], bool]) -> list[Kept]:
        """The records that were asked for. may_have: whether the one who asks may have a record."""
        self._expire()
        records = self.records()
        begin, end = _range(records, wanted)
        found: Iterable[Kept] = records[begin:end]
        if wanted.reverse:
            found = reversed(records[begin:end])
        return list(islice((record for record in found if wanted.holds(record) and may_have(record)), wanted.limit))

    def _expire(self) -> None:
        if self._limits.max_age:
            due = self._seconds() - self._limits.max_age
            while self._held and self._held[0].since <= due:
                self._forget_first()

    def _forget_first(self) -> None:
        self.size -= self._held.popleft().record.size
        if self._journal is not None:
            self._journal.trim(self.pattern)


def _range(records: list[Kept], wanted: Filter) -> tuple[int, int]:
    """Where the records are that the `*_publication` filters leave; nowhere for a publication that is not kept."""
    asked = (wanted.from_publication, wanted.after_publication, wanted.before_publication, wanted.until_publication)
    if asked == (None, None, None, None):
        return 0, len(records)
    places = {record.publication: place for place, record in enumerate(records)}
    at = [None if publication is None else places.get(publication, _NOWHERE) for publication in asked]
    if _NOWHERE in at:
        return 0, 0
    first, after, before, last = at
    begin = max(0 if first is None else first, 0 if after is None else after + 1)
    most = len(records)
    return begin, min(most if before is None else before, most if last is None else last + 1)
