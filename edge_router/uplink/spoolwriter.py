"""Brings events into the file, and those that have arrived out of it, now and then, in a thread.

What the other router acknowledges before its turn comes is never written: while a link is well, the card rests. What
cannot be written waits in memory, as far as there is room, and is tried again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edge_router.config.schema.uplinks import UplinkStore
from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink.spoolbatch import Batch, Found, Outcome
from edge_router.uplink.spoolfile import SpoolFile, is_damage
from edge_router.uplink.spoollane import Key, Lane, Lanes
from edge_router.uplink.spoolplace import why_volatile
from edge_router.uplink.spoolrecord import Record

#: has a thread do something
Work: TypeAlias = Callable[[Callable[[], Any]], Deferred[Any]]

#: seconds between two attempts at a file that cannot be used, at first and at most
AGAIN: Final = 1.0
AGAIN_MOST: Final = 60.0
#: what has arrived is deleted when it is so many records, or so many seconds after the first: each time costs wear
DELETE_ROWS: Final = 1_000
DELETE_SECONDS: Final = 5.0
#: records that have arrived and are in the file all the same, before no others are sent
MOST_DONE: Final = 20_000
#: seconds between two looks whether records are too old
AGE_EVERY: Final = 60.0
#: seconds after a loss until all is well again
QUIET: Final = 60.0


class Writer:
    """Arguments: what the configuration says; the file; the lanes; monotonic time; the thread; now: milliseconds since
    1970, None if the clock is not right; alarm: takes what is wrong, by a word for it, None when it is right again.

    size: bytes of records in memory. found: what the last look at the file gave. dropped: by reason.
    """

    def __init__(
        self,
        config: UplinkStore,
        file: SpoolFile,
        lanes: Lanes,
        clock: Clock,
        work: Work,
        now: Callable[[], int | None],
        alarm: Callable[[str, str | None], None],
    ) -> None:
        self.size = 0
        self.seen = Outcome(0, 0, None)
        self.dropped: Counter[str] = Counter()
        self.is_open = False
        #: arrived, but still in the file; and of these, what is just being deleted
        self.done: dict[int, Key] = {}
        self.deleting: dict[int, Key] = {}
        #: are told when it is known what the file has, and after each transaction
        self.on_open: Callable[[], None] = _nothing
        self.on_written: Callable[[], None] = _nothing
        self.is_flying: Callable[[int], bool] = lambda _: False
        self._config = config
        self._file = file
        self._lanes = lanes
        self._clock = clock
        self._work = work
        self._now = now
        self._alarm = alarm
        self._timer: Delayed | None = None
        self._busy = False
        self._again = AGAIN
        self._failing = False
        self._aged = self._dropped_at = -AGE_EVERY
        self._done_at = self._due_at = 0.0
        self._written_size = 0
        self._closing: Deferred[None] | None = None

    # --- the file ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, in the thread."""
        self._busy = True
        self._work(self._open).addCallbacks(self._opened, self._failed)

    def _open(self) -> tuple[Found, str | None]:
        return self._file.open(), why_volatile(self._file.path)

    def _opened(self, found: tuple[Found, str | None]) -> None:
        what, volatile = found
        self.is_open, self._busy = True, False
        self._well()
        if what.aside:
            self._set_aside(*what.aside)
        self.seen = Outcome(what.rows, what.bytes, what.oldest)
        for (keep, priority), newest in what.lanes.items():
            self._lanes.of(keep, priority).found(newest)
        if volatile:
            self._alarm("place", f"{self._file.path} is on {volatile}: what it keeps is gone when the power is")
        self.on_open()
        self.look()

    def _set_aside(self, where: object, why: str) -> None:
        self.dropped["damaged"] += self.seen.rows  # as far as it was known what is there
        self._alarm("damage", f"{self._file.path} was damaged ({why}); it is now {where}, and a new one is begun")

    def _failed(self, failure: Failure) -> None:
        """The thread could not do it."""
        self._busy = False
        self._written_size = 0
        self._take_back()
        if is_damage(failure.value) and self.is_open:
            self._renew(str(failure.value))
            return
        self._failing = True
        self._alarm("file", f"{self._file.path} cannot be used: {failure.getErrorMessage()}; events wait in memory")
        if not self.is_open:
            self.on_open()
        if self._closing is not None:
            self._ended()
            return
        self._rearm(self._again)
        self._again = min(self._again * 2, AGAIN_MOST)
        if self.is_open and 0 < self.seen.rows <= len(self.done):
            self._begin_anew()

    def _begin_anew(self) -> None:
        """All that was in the file may have arrived; then it is not needed, though it cannot be emptied."""
        self._busy = True
        done = list(self.done)

        def begun(has_begun: bool) -> None:
            self._busy = False
            if not has_begun:
                self._rearm(self._again)
                return
            for number in done:
                del self.done[number]
            self._empty()
            self.look()

        def not_begun(failure: Failure) -> None:
            self.is_open = False
            self._failed(failure)

        self._work(lambda: self._file.begin_anew(done)).addCallbacks(begun, not_begun)

    def _take_back(self) -> None:
        """What was to be written or deleted waits for the next attempt."""
        self.done, self.deleting = {**self.deleting, **self.done}, {}
        for lane in self._lanes:
            lane.not_written()
            for number in [number for number in self.done if number in lane.fresh]:
                self._forget_fresh(lane, lane.fresh[number])
                del self.done[number]

    def not_readable(self, failure: Failure) -> None:
        """Records could not be loaded."""
        if self._busy:
            return  # what is just going on will fail too, or has put it right
        if is_damage(failure.value):
            self._renew(str(failure.value))
        else:
            self._alarm("file", f"{self._file.path} cannot be read: {failure.getErrorMessage()}")

    def _renew(self, problem: str) -> None:
        self._busy = True

        def renewed(where: object) -> None:
            self._busy = False
            self.is_open = True
            self._set_aside(where, problem)
            self.done.clear()
            self._empty()
            self.on_written()
            self.look()

        self.is_open = False
        self._work(self._file.renew).addCallback(renewed).addErrback(self._failed)

    def _empty(self) -> None:
        """The file is a new one."""
        self.seen = Outcome(0, 0, None)
        for lane in self._lanes:
            lane.lost_file()

    # --- what comes and goes -----------------------------------------------------------------------------------

    def added(self, flying: int) -> None:
        """A record is in its lane. flying: records that are under way."""
        if self.size > self._config.max_memory:
            self._relieve()
        elif sum(len(lane.fresh) for lane in self._lanes) - flying >= self._config.commit_rows and not self._failing:
            self.commit()
        else:
            self._within(self._config.commit_seconds)

    def arrived(self, lane: Lane, record: Record) -> None:
        """A record needs to be kept no more."""
        if record.number in lane.fresh:
            self._forget_fresh(lane, record)
            return
        if not self.done:
            self._done_at = self._clock.seconds()
        self.done[record.number] = lane.key
        if len(self.done) >= DELETE_ROWS and not self._failing:
            self.commit()
        else:
            self._within(DELETE_SECONDS)

    def _forget_fresh(self, lane: Lane, record: Record) -> None:
        del lane.fresh[record.number]
        self.size -= record.size

    def _relieve(self) -> None:
        """There is too much in memory: write it, or drop the oldest of the least important."""
        if not self._failing and not self._busy:
            self.commit()
        for lane in reversed(list(self._lanes)):
            while self.size > self._config.max_memory + self._written_size:
                record = next((one for one in lane.fresh.values() if not self.is_flying(one.number)), None)
                if record is None:
                    break
                self._forget_fresh(lane, record)
                self.dropped["memory"] += 1
                self._dropped_at = self._clock.seconds()
                self._alarm("memory", "events come faster than they can be written; the oldest are dropped")

    # --- transactions ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Write if it is time to, else see when it will be."""
        self._stop_timer()
        if self._busy:
            return
        if self._closing is not None:
            self.commit() if self.is_open else self._ended()
            return
        left = 0.0 if self._failing else self._left()
        if left is None:
            return
        if left > 0.001:
            self._rearm(left)
        elif self.is_open:
            self.commit()
        else:
            self.open()

    def _left(self) -> float | None:
        """Seconds until something is to be written; None: nothing is."""
        now = self._clock.seconds()
        heads = [next(iter(lane.fresh.values())).mono / 1000 for lane in self._lanes if lane.fresh]
        due = [min(heads) + self._config.commit_seconds] if heads else []
        if self.done:
            due.append(self._done_at + DELETE_SECONDS)
        return min(due) - now if due else None

    def _deletes(self) -> bool:
        """Whether what has arrived is to be deleted now."""
        late = self._clock.seconds() - self._done_at >= DELETE_SECONDS - 0.01
        return self._closing is not None or late or len(self.done) >= DELETE_ROWS

    def _due(self) -> None:
        self._timer = None
        self.look()

    def _within(self, seconds: float) -> None:
        """Look in so many seconds at the latest; after a failure, when it is time to try again."""
        if self._timer is None or (not self._failing and self._clock.seconds() + seconds < self._due_at):
            self._rearm(seconds)

    def _rearm(self, seconds: float) -> None:
        self._stop_timer()
        self._due_at = self._clock.seconds() + seconds
        self._timer = self._clock.callLater(seconds, self._due)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def commit(self) -> None:
        """Write what is in memory, and delete what has arrived."""
        if self._busy or not self.is_open:
            return
        batch = Batch()
        for lane in self._lanes:
            if lane.fresh:
                batch.records[lane.key] = lane.begin_writing()
        self._written_size = self.size
        if self._deletes():
            self.deleting, self.done = self.done, {}
        for number, key in self.deleting.items():
            batch.done.setdefault(key, []).append(number)
        batch.since = self._since()
        self._stop_timer()
        if not len(batch) and batch.since is None:
            if self._closing is not None:
                self._ended()
            return
        self._busy = True
        self._work(lambda: self._file.commit(batch)).addCallbacks(self._written, self._failed, callbackArgs=(batch,))

    def drop_old(self) -> None:
        """See that what is too old is gone, if that has not been looked at of late."""
        if self.seen.rows:
            self.commit()

    def _since(self) -> int | None:
        """Before which time, in milliseconds since 1970, records are too old; None if that is not to be looked at."""
        at, now = self._clock.seconds(), self._now()
        if not self._config.max_age or now is None or at - self._aged < AGE_EVERY:
            return None
        self._aged = at
        return int(now - self._config.max_age * 1000)

    def _written(self, seen: Outcome, batch: Batch) -> None:
        self._busy = False
        self._well()
        self.seen = seen
        self.deleting = {}
        self.size -= self._written_size
        self._written_size = 0
        for lane in self._lanes:
            if lane.key in batch.records:
                lane.written(batch.records[lane.key][-1].number)
        self._count(seen)
        self.on_written()
        self.look()

    def _count(self, seen: Outcome) -> None:
        for reason in ("full", "old", "unreadable"):
            lost = getattr(seen, reason)
            if lost:
                self.dropped[reason] += lost
        if seen.full:
            self._alarm("full", f"{self._file.path} has its {self._config.max_bytes} bytes; the oldest are dropped")
        elif seen.bytes < self._config.max_bytes * 0.9:
            self._alarm("full", None)
        if self._clock.seconds() - self._dropped_at > QUIET:
            self._alarm("memory", None)

    def _well(self) -> None:
        self._failing = False
        self._again = AGAIN
        self._alarm("file", None)

    # --- the end -----------------------------------------------------------------------------------------------

    def close(self) -> Deferred[None]:
        """Write what is in memory, and close the file. Result: when that is done, or has failed."""
        closing = self._closing = Deferred()
        self.look()
        return closing

    def _ended(self) -> None:
        closing, self._closing = self._closing, None
        left = sum(len(lane.fresh) for lane in self._lanes)
        if left:
            self._alarm("lost", f"{left} events could not be written to {self._file.path} and are lost")
        self.is_open = False
        if closing is not None:
            self._work(self._file.close).addBoth(lambda _: closing.callback(None))


def _nothing() -> None:
    return None
