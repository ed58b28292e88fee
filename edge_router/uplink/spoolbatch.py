"""What the thread of the file and the rest of the store tell each other."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from edge_router.uplink.spoollane import Key
from edge_router.uplink.spoolrecord import Record


class Found(Struct):
    """What a file has when it is opened. lanes: key -> number of the last record. rows: records. aside: where a damaged
    one is now, and why.
    """

    lanes: dict[Key, int]
    rows: int
    bytes: int
    oldest: int | None
    aside: tuple[Path, str] | None = None


class Batch(Struct):
    """What is to change. records: to be written, in order. done: to be deleted, by number. since: milliseconds since
    1970 before which events are not worth keeping; None if that cannot be said.
    """

    records: dict[Key, list[Record]] = field(default_factory=dict)
    done: dict[Key, list[int]] = field(default_factory=dict)
    since: int | None = None

    def __len__(self) -> int:
        return sum(map(len, self.records.values())) + sum(map(len, self.done.values()))


class Outcome(Struct):
    """What came of it. full, old: records that were dropped since there was no room, or since they were too old."""

    rows: int
    bytes: int
    oldest: int | None
    full: int = 0
    old: int = 0
    unreadable: int = 0
