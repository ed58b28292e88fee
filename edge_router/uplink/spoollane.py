"""One queue of events: those of one priority that are all kept, or of which the last of each topic is kept.

A lane is sent in order. Its older part is in the file, of which a batch at a time is loaded; its newest part waits in
memory until it is written. For order within a topic it must be known whether anything of a topic waits; that takes a
table of fixed size, whose cells topics share: a topic that shares one with another may have to wait a little for
nothing.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, TypeAlias
from zlib import crc32

from edge_router.uplink.spoolrecord import Record

Keep: TypeAlias = Literal["all", "last"]
#: what is kept, and the priority
Key: TypeAlias = tuple[Keep, int]

#: what a rule that says no more has
USUAL: Final[Key] = ("all", 5)
CELLS: Final = 4096
#: below every number
LOWEST: Final = -(1 << 62)


def cell_of(topic: str) -> int:
    """The cell of a topic."""
    return crc32(topic.encode()) % CELLS


class Lane:
    """One queue. key: what is kept, and the priority."""

    __slots__ = (
        "_backlog", "_last", "_loaded", "_newest", "_newest_of", "_read", "_sent", "fresh", "key", "mark_of_boot",
        "on_disk", "writing",
    )  # fmt: skip

    def __init__(self, key: Key) -> None:
        self.key = key
        #: sets apart what this lane sends: sequences rise within a lane, and others may have events of the same topic
        self.mark_of_boot = "" if key == USUAL else f".{key[0][0]}{key[1]}"
        #: what is neither acknowledged nor written, and what is being written, in order
        self.fresh: dict[int, Record] = {}
        self.writing: dict[int, Record] = {}
        #: the highest number that was written
        self.on_disk = LOWEST
        self._sent = LOWEST  # of the backlog, over this connection
        self._read = LOWEST  # loaded, or known not to be there
        self._loaded: deque[Record] = deque()
        self._backlog: deque[Record] = deque()  # the part that is in memory
        self._newest = LOWEST
        self._newest_of = array("q", [LOWEST]) * CELLS
        self._last: dict[str, int] = {}  # topic -> what of it waits in memory, where only the last is kept

    # --- what comes in -----------------------------------------------------------------------------------------

    def is_behind(self, topic: str) -> bool:
        """Whether an event of this topic has to wait for others."""
        return self._newest > self._sent and self._newest_of[cell_of(topic)] > self._sent

    def put(self, record: Record) -> int:
        """A new record, neither written nor sent. Result: bytes that became free, if it takes another's place."""
        self.fresh[record.number] = record
        if self.key[0] == "all":
            return 0
        before = self.fresh.get(self._last.get(record.topic, LOWEST))
        self._last[record.topic] = record.number
        if before is None:
            return 0
        del self.fresh[before.number]
        return before.size

    def put_behind(self, record: Record) -> None:
        """A record of `fresh` that has to wait."""
        self._backlog.append(record)
        self.mark(record.number, record.topic)

    def mark(self, number: int, topic: str) -> None:
        """A record of this topic waits."""
        cell = cell_of(topic)
        self._newest_of[cell] = max(self._newest_of[cell], number)
        self._newest = max(self._newest, number)

    def mark_all(self, number: int) -> None:
        """Records of any topic may wait, up to this one."""
        self._newest_of = array("q", (max(one, number) for one in self._newest_of))
        self._newest = max(self._newest, number)

    def mark_only(self, newest: Mapping[int, int], until: int) -> None:
        """Up to `until` only records of these cells wait. newest: cell -> its highest number."""
        for cell, number in enumerate(self._newest_of):
            if number <= until:
                self._newest_of[cell] = newest.get(cell, LOWEST)

    # --- what goes out -----------------------------------------------------------------------------------------

    def next(self, is_handled: Callable[[int], bool]) -> Record | None:
        """The next of the backlog. None: there is none, or more has to be loaded; `wants` says that."""
        while self._loaded:
            if not is_handled(self._loaded[0].number):
                return self._loaded[0]
            self._loaded.popleft()
        if self._read < self.on_disk:
            return None
        while self._backlog:
            number = self._backlog[0].number
            if number > self._read and (number in self.fresh or number in self.writing) and not is_handled(number):
                return self._backlog[0]
            self._backlog.popleft()
        self._sent = max(self._sent, self._newest)
        return None

    def taken(self, record: Record) -> None:
        """What `next` gave has been sent."""
        (self._loaded or self._backlog).popleft()
        self._sent = max(self._sent, record.number)
        self._read = max(self._read, record.number)
        self._sent_last(record)

    def sent_at_once(self, record: Record) -> None:
        """A record that did not wait has been sent."""
        self._sent_last(record)

    def _sent_last(self, record: Record) -> None:
        if self._last.get(record.topic) == record.number:
            del self._last[record.topic]

    @property
    def wants(self) -> bool:
        """Whether something has to be loaded, soon."""
        return self._read < self.on_disk and len(self._loaded) < 8

    @property
    def has_backlog(self) -> bool:
        """Whether something waits that is sent in order."""
        return self._newest > self._sent

    @property
    def after(self) -> int:
        """What is to be loaded has higher numbers."""
        return self._read

    def loaded(self, records: list[Record], until: int) -> None:
        """What was loaded. until: nothing else is in the file up to here."""
        if until > self._read:
            self._loaded.extend(record for record in records if record.number > self._read)
            self._read = until

    # --- connections and writing ---------------------------------------------------------------------------------

    def rewind(self, back: list[Record]) -> None:
        """These records wait, in their order: again, or since they could not be sent at once."""
        for record in back:
            self._sent = min(self._sent, record.number - 1)
            self.mark(record.number, record.topic)
        self._read = self._sent
        self._loaded.clear()
        self._backlog = deque(self.in_memory())

    def found(self, newest: int) -> None:
        """The file has records of before, up to this one; they go first."""
        self.on_disk = max(self.on_disk, newest)
        self._sent = self._read = LOWEST
        self._loaded.clear()
        self._backlog = deque(self.in_memory())
        self.mark_all(newest)

    def begin_writing(self) -> list[Record]:
        """Everything that is not written, to be written."""
        self.writing, self.fresh = self.fresh, {}
        self._last.clear()
        return list(self.writing.values())

    def written(self, newest: int) -> None:
        """What was being written is. newest: its last."""
        self.on_disk = max(self.on_disk, newest)
        self.writing = {}
        while self._backlog and self._backlog[0].number <= newest:
            self._backlog.popleft()

    def not_written(self) -> None:
        """What was being written is not; it will be with what came since."""
        self.fresh = {**self.writing, **self.fresh}
        self.writing = {}

    def lost_file(self) -> None:
        """The file is gone, with all that was in it."""
        self.on_disk = LOWEST
        self._loaded.clear()

    def in_memory(self) -> Iterator[Record]:
        """What is not written, oldest first."""
        yield from self.writing.values()
        yield from self.fresh.values()


class Lanes:
    """The queues of an uplink, made when they are needed; the most important first."""

    def __init__(self) -> None:
        self._lanes: dict[Key, Lane] = {}

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def of(self, keep: Keep, priority: int) -> Lane:
        """The lane for what is kept with this priority."""
        key = (keep, priority)
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = lane = Lane(key)
            self._lanes = dict(sorted(self._lanes.items(), key=_importance))
        return lane


def _importance(item: tuple[Key, Lane]) -> tuple[int, bool]:
    keep, priority = item[0]
    return -priority, keep == "all"
