"""The events of an uplink that must not be lost: they wait here until the other router says that it has them.

Every event gets a number that is never used twice under this start's name, the moment it happened, and whether the
clock was right then. It is sent at once while the link is up and nothing of its topic waits, and written to a file
(`spoolwriter`, `spoolfile`) if it is not acknowledged within the time that the configuration gives. What waited is sent
in the order of its topic (`replay`), by its importance (`spoollane`).

What is promised: an event that was written, or acknowledged, outlives a kill of the program; one that was neither is
lost with it. An event may be sent twice, with the same origin, if the answer got lost; a router that knows origins
publishes it once. What is dropped is counted, by reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Raw
from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed

from edge_router import registry
from edge_router.config.schema.uplinks import UplinkStore
from edge_router.uplink.keeping import Kept, Sender
from edge_router.uplink.replay import Replay
from edge_router.uplink.spoolfile import SpoolFile
from edge_router.uplink.spoollane import Lane, Lanes, cell_of
from edge_router.uplink.spoolrecord import Record, Start, origin_of, this_start, time_of
from edge_router.uplink.spoolthread import Worker
from edge_router.uplink.spoolwriter import Work, Writer
from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import PublishOptions

#: gives the time in milliseconds since 1970, and `synced` or `unsynced`
_STAMPS: Final = "bridges.stamps:Stamps"
#: records that are looked through at a time for the topics that a file of before has
LOOKED_AT_ONCE: Final = 20_000
#: letters of `Origin.boot`
MOST_BOOT: Final = 64
#: seconds: the span of "per hour", and between two notes of it
HOUR: Final = 3600.0
NOTE_EVERY: Final = 60.0


class Spool:
    """The store of one uplink; `keeping.Store`.

    section: what the configuration says. node: what events come from. directory: the node directory. reactor:
    Twisted's. alarm: takes what is wrong, for the operator; None when all is well again. work: has a thread do
    something, in order; left out, a thread of its own does. now: the time in milliseconds since 1970, and `synced` or
    `unsynced`. start: this start of the program.
    """

    def __init__(
        self,
        section: UplinkStore,
        node: str,
        directory: Path,
        reactor: Any,
        alarm: Callable[[str | None], object],
        *,
        work: Work | None = None,
        now: Callable[[], tuple[int, str]] | None = None,
        start: Start | None = None,
    ) -> None:
        self._section = section
        self._path = directory / (section.path or "uplink.sqlite")
        self._node = node
        self._clock = reactor
        self._alarm = alarm
        self._alarms: dict[str, str] = {}
        self._now = now or registry.load(_STAMPS)(reactor).now
        self._thread = None if work else Worker(reactor)
        self._work: Work = work or self._thread.run  # type: ignore[union-attr]
        self._refused = 0
        self._ended: Deferred[None] | None = None
        self._begin(start or this_start())

    def _begin(self, start: Start) -> None:
        """Have nothing in memory."""
        section = self._section
        self._file = SpoolFile(self._path, section.max_bytes, section.sync, start)
        self._lanes = Lanes()
        self._writer = Writer(section, self._file, self._lanes, self._clock, self._work, self._time, self._say)
        self._replay = Replay(
            section, self._lanes, self._writer, self._clock, self._load, self._packed, self._put_again, self._refuse
        )
        self._number = 0
        self._wear: deque[tuple[float, int]] = deque([(self._clock.seconds(), 0)])

    # --- start and end -------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin, also after `close`; the file is opened in the thread. Never raises."""
        if self._ended is not None:
            self._ended = None
            dropped, late = self._writer.dropped, self._replay.sent_late
            self._begin(this_start())  # under another name: numbers begin anew
            self._writer.dropped, self._replay.sent_late = dropped, late
        known = self._writer.on_open

        def opened() -> None:
            known()
            self._see_topics()

        self._writer.on_open = opened
        self._writer.open()

    def close(self) -> Deferred[None]:
        """Write what is in memory, and end. Idempotent. Result: fires when that is done."""
        if self._ended is None:
            self._replay.down()
            ended = self._ended = Deferred()
            self._writer.close().addCallback(self._has_closed, ended)
            return ended
        return succeed(None)

    def _has_closed(self, _: object, ended: Deferred[None]) -> None:
        if self._thread is not None and self._ended is ended:  # else it has begun again
            self._thread.stop()
        ended.callback(None)

    # --- events --------------------------------------------------------------------------------------------------

    def add(self, event: Kept, buffer: Literal["last", "all"], priority: int) -> None:
        """Take an event. buffer: whether it replaces those of its topic that wait. priority: 0 to 9; 9 is sent first,
        and dropped last.
        """
        if self._ended is not None:
            self._writer.dropped["closed"] += 1
            return
        time, synced = self._stamp()
        mono = round(self._clock.seconds() * 1000)
        args, kwargs = bytes(event.args), bytes(event.kwargs)
        number = self._next_number()
        record = Record(number, 0, event.topic, event.serializer, args, kwargs, event.options, time, mono, synced)
        self._put(self._lanes.of(buffer, priority), record)

    def _put(self, lane: Lane, record: Record) -> None:
        self._writer.size += record.size - lane.put(record)
        self._replay.add(lane, record)
        self._writer.added(self._replay.flying)

    def _put_again(self, lane: Lane, record: Record) -> None:
        """The other router wants it another time: it goes to the end, under a new number, since it has not arrived
        under the one that it had, and others of its topic may have.
        """
        time, synced = time_of(record, self._file.starts[record.start])
        number = self._next_number()
        again = replace(
            record, number=number, start=0, time=time, synced=synced, mono=self._mono_of(record),
            tries=record.tries + 1, options=self._renumbered(record.options, number),
        )  # fmt: skip
        self._writer.size += again.size - lane.put(again)
        lane.put_behind(again)
        self._writer.added(self._replay.flying)

    def _renumbered(self, options: PublishOptions, number: int) -> PublishOptions:
        """A new number for what came from a node behind this one, under a name that only this start gives."""
        origin, own = options.origin, self._file.starts[0].boot
        if origin is None:
            return options
        boot = origin.boot if origin.boot.endswith(f"/{own}") else f"{origin.boot}/{own}"[-MOST_BOOT:]
        return replace(options, origin=replace(origin, boot=boot, sequence=number))

    def _mono_of(self, record: Record) -> int:
        same = self._file.starts[record.start].kernel == self._file.starts[0].kernel
        return record.mono if same else -1

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _refuse(self, record: Record, problem: WampError) -> None:
        self._refused += 1
        if "refused" not in self._alarms:
            self._say("refused", f"the other router refuses events, at first one of {record.topic}: {problem}")

    # --- time ----------------------------------------------------------------------------------------------------

    def _stamp(self) -> tuple[int, bool]:
        """The time, and whether it is right; the first time that it is, stamps of before can be put right."""
        time, quality = self._now()
        synced = quality == "synced"
        own = self._file.starts[0]
        if synced and own.shift is None:
            shift = time - round(self._clock.seconds() * 1000)
            for start in self._file.starts.values():
                if start.kernel == own.kernel:
                    start.shift = shift
        return time, synced

    def _time(self) -> int | None:
        time, synced = self._stamp()
        return time if synced else None

    # --- the link ------------------------------------------------------------------------------------------------

    def link_up(self, sender: Sender) -> None:
        """The link is up: send what waits, and from now on what comes."""
        self._say("refused", None)
        self._stamp()
        self._writer.drop_old()
        self._replay.up(sender)

    def link_down(self) -> None:
        """The link is down. What was not acknowledged waits again."""
        self._replay.down()

    def _packed(self, lane: Lane, record: Record, late: bool) -> Kept:
        """A record as it is sent. What comes from a node behind this one keeps its origin."""
        options = record.options
        origin = options.origin or origin_of(record, self._node, self._file.starts[record.start], self._file.first)
        if lane.mark_of_boot:
            origin = replace(origin, boot=(origin.boot + lane.mark_of_boot)[-MOST_BOOT:])
        options = replace(options, origin=origin, replayed=late or options.replayed)
        return Kept(record.topic, Raw(record.args), Raw(record.kwargs), record.encoding, options)

    def _load(self, lane: Lane, limit: int) -> Deferred[tuple[list[Record], int]]:
        key, after, until = lane.key, lane.after, lane.on_disk
        return self._work(lambda: self._file.read(key, after, until, limit))

    def _see_topics(self) -> None:
        """See which topics a file of before has, so that the others need not wait for it."""
        for lane in self._lanes:
            if self._writer.is_open and lane.on_disk <= 0:
                self._see_more(lane, -self._file.first, {})

    def _see_more(self, lane: Lane, after: int, newest: dict[int, int]) -> None:
        """newest: cell -> the highest number of its topics, so far."""
        key = lane.key

        def seen(found: tuple[list[tuple[str, int]], int]) -> None:
            topics, until = found
            newest.update((cell_of(topic), number) for topic, number in sorted(topics, key=itemgetter(1)))
            if until < 0:
                self._see_more(lane, until, newest)
            else:
                lane.mark_only(newest, 0)

        looked = self._work(lambda: self._file.topics(key, after, 0, LOOKED_AT_ONCE))
        looked.addCallbacks(seen, lambda _: None)  # they wait for the file then

    # --- how it is -----------------------------------------------------------------------------------------------

    def _say(self, about: str, words: str | None) -> None:
        """Tell the operator what is wrong, once, and when all is well again."""
        if words is None:
            if self._alarms.pop(about, None) is None:
                return
        elif self._alarms.get(about) == words:
            return
        else:
            self._alarms[about] = words
        self._alarm("; ".join(self._alarms.values()) or None)

    def figures(self) -> dict[str, Any]:
        """How much waits, and what came of it.

        rows: events that wait for their acknowledgement. bytes: of the file. oldest: when the oldest happened,
        milliseconds since 1970; None if nothing waits. dropped: events, dropped_by: by reason. refused: events that the
        other router did not want. replayed: events that arrived late. written_per_hour: bytes written to the file in
        the last hour, or since the start; None where the kernel does not say. error: what is wrong, or None.
        """
        writer = self._writer
        memory = sum(len(lane.fresh) + len(lane.writing) for lane in self._lanes)
        rows = max(0, writer.seen.rows + memory - len(writer.done) - len(writer.deleting))
        return {
            "rows": rows,
            "bytes": writer.seen.bytes,
            "oldest": self._oldest() if rows else None,
            "dropped": writer.dropped.total(),
            "dropped_by": dict(+writer.dropped),
            "refused": self._refused,
            "replayed": self._replay.sent_late,
            "written_per_hour": self._written_per_hour(),
            "error": "; ".join(self._alarms.values()) or None,
        }

    def _oldest(self) -> int | None:
        """As of the last transaction, or in memory."""
        starts = self._file.starts
        heads = [next(lane.in_memory(), None) for lane in self._lanes]
        times = [time_of(record, starts[record.start])[0] for record in heads if record is not None]
        if self._writer.seen.oldest is not None:
            times.append(self._writer.seen.oldest)
        return min(times, default=None)

    def _written_per_hour(self) -> int | None:
        written, now = self._file.written, self._clock.seconds()
        if written is None:
            return None
        if now - self._wear[-1][0] >= NOTE_EVERY:
            self._wear.append((now, written))
        while len(self._wear) > 1 and now - self._wear[0][0] > HOUR:
            self._wear.popleft()
        return written - self._wear[0][1]
