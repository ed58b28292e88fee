"""One event that waits for the other router, and the clock that it was stamped with.

A stamp of a board without a clock is worth what the clock is: so the time since the machine's start stands beside it,
and once the clock is right, the stamps of before can be put right as well - of those too that were written by an
earlier start of the program, if the machine was not switched off in between.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from msgspec import Struct

from edge_router.wamp.messages import Origin, PublishOptions

#: bytes that a record takes in memory beside its topic and payload, about
RECORD: Final = 500

_KERNEL: Final = Path("/proc/sys/kernel/random/boot_id")


class Start(Struct):
    """One start of the program.

    boot: its name, never used again. kernel: the machine's start that it belongs to (random(4), boot_id). base: the
    place in the file before its first record. shift: milliseconds from the time since the machine's start to the time
    since 1970; None while the clock has not been right.
    """

    boot: str
    kernel: str
    base: int = 0
    shift: int | None = None


class Record(Struct, gc=False):
    """One event.

    number: its place; what was in the file before this start has numbers up to 0. start: which start stamped it.
    topic: where it goes. encoding: of args and kwargs, by name. options: what is said with it. time: milliseconds since
    1970 as the clock had it, mono: since the machine's start; -1: that is of no use. synced: whether the clock was
    right. tries: how often the other router wanted it another time.
    """

    number: int
    start: int
    topic: str
    encoding: str
    args: bytes
    kwargs: bytes
    options: PublishOptions
    time: int
    mono: int
    synced: bool
    tries: int = 0

    @property
    def size(self) -> int:
        """Bytes that it counts for in memory."""
        return len(self.topic) + len(self.args) + len(self.kwargs) + RECORD


class Parcel(Struct, frozen=True, gc=False):
    """What is to be published at the other router. number: for the answer. The rest is PUBLISH's."""

    number: int
    topic: str
    encoding: str
    args: bytes
    kwargs: bytes
    options: PublishOptions


def this_start() -> Start:
    """The start that this is, with a name of its own: a restored or copied file cannot make one be used twice."""
    try:
        kernel = _KERNEL.read_text("ascii").strip()
    except OSError:
        kernel = secrets.token_hex(16)
    return Start(secrets.token_hex(6), kernel)


def time_of(record: Record, start: Start) -> tuple[int, bool]:
    """When it happened in milliseconds since 1970, put right if that can be; and whether that is to be relied upon."""
    if record.synced or start.shift is None or record.mono < 0:
        return record.time, record.synced
    return record.mono + start.shift, True


def origin_of(record: Record, node: str, start: Start, first: int) -> Origin:
    """Where it comes from. first: the place in the file of what has number 0."""
    time, synced = time_of(record, start)
    sequence = record.number + first - start.base
    return Origin(node, start.boot, sequence, time, "synced" if synced else "unsynced")
