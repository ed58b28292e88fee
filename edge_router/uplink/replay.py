"""What is sent when, while the link is up: events as they come, and besides them those that have waited.

An event goes at once if nothing of its topic waits; else it waits behind it, since the order within a topic counts for
more than freshness. When both want to, waiting and fresh events take turns. A backlog shrinks by so many events a
second, those that join it not counted, so that it always comes to an end; the most important lanes go first. Only so
many events are under way without an answer, and one is kept until it has PUBLISHED.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edge_router.config.schema.uplinks import UplinkStore
from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink.keeping import SEND_AGAIN, Kept, Sender
from edge_router.uplink.spoollane import Lane, Lanes
from edge_router.uplink.spoolrecord import Record
from edge_router.uplink.spoolwriter import MOST_DONE, Writer
from edge_router.wamp.errors import (
    AUTHORIZATION_FAILED,
    CANCELED,
    LIMIT_EXCEEDED,
    NETWORK_FAILURE,
    TIMEOUT,
    UNAVAILABLE,
    WampError,
)

#: what a router says that may take the event another time
LATER: Final = frozenset((AUTHORIZATION_FAILED, CANCELED, LIMIT_EXCEEDED, TIMEOUT, UNAVAILABLE))
#: seconds until it is asked again, at first and at most
PAUSE: Final = 0.1
PAUSE_MOST: Final = 60.0
#: seconds between two looks at a backlog that is sent slowly
TICK: Final = 0.02
#: and at one that waits for something else
SELDOM: Final = 1.0
#: how often an event is tried that the router wants to take another time
TRIES: Final = 20
#: records that are loaded at a time
BATCH: Final = 256

Loads = Callable[[Lane, int], Deferred[tuple[list[Record], int]]]


class Replay:
    """The way to the other router. Arguments: what the configuration says; the lanes; what keeps the file; monotonic
    time; load: loads so many records of a lane; packed: makes a record of a lane what is sent, late or at once; again:
    takes a record that is to be tried again later, with its lane; refused: is told of one that the router does not
    want.

    sent_late: acknowledged events that were not sent at once. refusals: those that the router did not want.
    """

    def __init__(
        self,
        config: UplinkStore,
        lanes: Lanes,
        writer: Writer,
        clock: Clock,
        load: Loads,
        packed: Callable[[Lane, Record, bool], Kept],
        again: Callable[[Lane, Record], None],
        refused: Callable[[Record, WampError], None],
    ) -> None:
        self.sent_late = 0
        self._config = config
        self._lanes = lanes
        self._writer = writer
        self._clock = clock
        self._load = load
        self._packed = packed
        self._again = again
        self._refused = refused
        self._sender: Sender | None = None
        self._ready = False  # it is known what the file has
        self._connection = 0
        self._round = 0  # of loading
        self._flying: dict[int, tuple[Lane, Record, bool]] = {}
        self._flying_size = 0
        self._back: dict[Lane, list[Record]] = {}  # to be sent again, when all that is under way is answered
        self._live: deque[tuple[Lane, Record]] = deque()
        self._loading = False
        self._pumping = False
        self._pause = PAUSE
        self._paused = False
        self._backlog_first = False
        self._allowed = 0.0
        self._allowed_at = clock.seconds()
        self._timer: Delayed | None = None
        writer.on_open = self._known
        writer.on_written = self._written
        writer.is_flying = self._flying.__contains__

    @property
    def flying(self) -> int:
        """Events that are under way."""
        return len(self._flying)

    # --- the link ------------------------------------------------------------------------------------------------

    def up(self, sender: Sender) -> None:
        """The link is up."""
        self._sender = sender
        self._connection += 1
        self._round += 1
        self._loading = self._paused = False
        self._pause = PAUSE
        self._allowed, self._allowed_at = 1.0, self._clock.seconds()
        self.pump()

    def down(self) -> None:
        """The link is down: what is under way waits again."""
        self._sender = None
        self._connection += 1
        self._stop_timer()
        back, self._back = self._back, {}
        for lane, record, _ in self._flying.values():
            back.setdefault(lane, []).append(record)
        self._flying.clear()
        self._flying_size = 0
        self._rewind(back)

    def _known(self) -> None:
        self._ready = True
        self._round += 1
        self._loading = False
        self.pump()

    def _written(self) -> None:
        """What waited for room although it was fresh is in the file now, and comes from there."""
        self._rewind({})
        self.pump()

    def _rewind(self, back: dict[Lane, list[Record]]) -> None:
        """These are sent again, each in its place; and what is fresh but could not be sent waits with them."""
        for lane, record in self._live:
            back.setdefault(lane, []).append(record)
        self._allowed = min(self._allowed + len(self._live), float(self._config.window))  # these are no old backlog
        self._live.clear()
        if back:
            self._round += 1  # what is being loaded is not what comes next
            self._loading = False
        for lane, records in back.items():
            lane.rewind(records)

    # --- what comes ----------------------------------------------------------------------------------------------

    def add(self, lane: Lane, record: Record) -> None:
        """A new record, already in its lane: send it now, or have it wait for its turn."""
        if self._sender is None or not self._ready or lane.is_behind(record.topic):
            lane.put_behind(record)
            self._allowed = min(self._allowed + 1, float(self._config.window))
        else:
            self._live.append((lane, record))
        self.pump()

    # --- sending -------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what may be sent now."""
        if self._pumping or self._sender is None or not self._ready:
            return
        self._pumping = True
        try:
            while self._has_room() and self._step():
                pass
        finally:
            self._pumping = False
        if not self._paused:
            self._load_more()
            self._wait()

    def _has_room(self) -> bool:
        return (
            not self._paused
            and not self._back
            and self._sender is not None
            and len(self._flying) < self._config.window
            and self._flying_size < self._config.max_memory
        )

    def _step(self) -> bool:
        """Send one, fresh and waiting ones in turn. Result: whether there was one."""
        self._backlog_first = not self._backlog_first
        if self._backlog_first:
            return self._send_waiting() or self._send_live()
        return self._send_live() or self._send_waiting()

    def _send_live(self) -> bool:
        while self._live:
            lane, record = self._live[0]
            if record.number in lane.fresh or record.number in lane.writing:
                if self._send(lane, record, late=False):
                    self._live.popleft()
                    lane.sent_at_once(record)
                return True
            self._live.popleft()  # it was dropped, or another took its place
        return False

    def _send_waiting(self) -> bool:
        if not self._may():
            return False
        for lane in self._lanes:
            record = lane.next(self._is_handled)
            if record is not None:
                if self._send(lane, record, late=True):
                    lane.taken(record)
                    self._allowed -= 1
                return True
            if lane.wants:
                return False
        return False

    def _is_handled(self, number: int) -> bool:
        return number in self._flying or number in self._writer.done or number in self._writer.deleting

    def _send(self, lane: Lane, record: Record, late: bool) -> bool:
        """Result: whether it is on its way; if not, it stays where it is, and nothing is sent for a while."""
        assert self._sender is not None
        answer = self._sender.send(self._packed(lane, record, late))
        if answer.called and _is_full(answer):
            self._hold()
            return False
        self._flying[record.number] = (lane, record, late)
        self._flying_size += record.size
        connection = self._connection
        answer.addCallbacks(
            self._acknowledged, self._failed, callbackArgs=(connection, record), errbackArgs=(connection, record)
        )
        return True

    # --- answers -------------------------------------------------------------------------------------------------

    def _acknowledged(self, _answer: Any, connection: int, record: Record) -> None:
        if connection == self._connection:
            self._pause = PAUSE
            lane, late = self._landed(record)
            self.sent_late += late
            self._writer.arrived(lane, record)
            self._go_back()
            self.pump()

    def _landed(self, record: Record) -> tuple[Lane, bool]:
        lane, _, late = self._flying.pop(record.number)
        self._flying_size -= record.size
        return lane, late

    def _failed(self, failure: Failure, connection: int, record: Record) -> None:
        problem = failure.value
        if not isinstance(problem, WampError):
            problem = WampError("wamp.error.invalid_payload", failure.getErrorMessage())
        if connection != self._connection or problem.uri == NETWORK_FAILURE:
            return  # nobody knows whether it has arrived; the link is going down, and then it waits again
        lane, _ = self._landed(record)
        if problem.uri == SEND_AGAIN:
            self._back.setdefault(lane, []).append(record)
            self._go_back()
            self.pump()
            return
        self._writer.arrived(lane, record)
        if problem.uri in LATER and record.tries < TRIES:
            self._again(lane, record)
            self._hold()
        else:
            self._refused(record, problem)
        self._go_back()
        self.pump()

    def _go_back(self) -> None:
        """What is to be sent again takes its place again, when nothing is under way that it could come behind."""
        if self._back and not self._flying:
            back, self._back = self._back, {}
            self._allowed += sum(map(len, back.values()))
            self._rewind(back)

    def _hold(self) -> None:
        """Send nothing for a while."""
        if self._paused:
            return
        self._stop_timer()
        self._paused = True
        self._timer = self._clock.callLater(self._pause, self._go_on)
        self._pause = min(self._pause * 2, PAUSE_MOST)

    def _go_on(self) -> None:
        self._timer = None
        self._paused = False
        self.pump()

    # --- the backlog -----------------------------------------------------------------------------------------------

    def _may(self) -> bool:
        """Whether the rate lets one more of the backlog go, and the file keeps up with what has arrived."""
        now = self._clock.seconds()
        most = max(1.0, self._config.replay_rate / 10)
        if self._allowed < most:
            more = (now - self._allowed_at) * self._config.replay_rate
            self._allowed = min(most, self._allowed + more)
        self._allowed_at = now
        return self._allowed >= 1 and len(self._writer.done) + len(self._writer.deleting) < MOST_DONE

    def _load_more(self) -> None:
        if self._loading or not self._writer.is_open:
            return
        lane = next((lane for lane in self._lanes if lane.wants), None)
        if lane is not None:
            self._loading = True
            loaded = self._load(lane, min(BATCH, self._config.window))
            loaded.addCallbacks(
                self._loaded, self._not_loaded, callbackArgs=(self._round, lane), errbackArgs=(self._round,)
            )

    def _loaded(self, found: tuple[list[Record], int], turn: int, lane: Lane) -> None:
        if turn == self._round:
            self._loading = False
            records, until = found
            lane.loaded([record for record in records if not self._is_handled(record.number)], until)
            self.pump()

    def _not_loaded(self, failure: Failure, turn: int) -> None:
        if turn == self._round:
            self._loading = False
            self._hold()
            self._writer.not_readable(failure)

    def _wait(self) -> None:
        """See to the backlog again when the rate allows it."""
        if self._timer is None and self._has_room() and any(lane.has_backlog for lane in self._lanes):
            missing = (1 - self._allowed) / self._config.replay_rate
            if missing > 0 or not self._loading:
                self._timer = self._clock.callLater(max(TICK, missing) if missing > 0 else SELDOM, self._go_on)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_full(answer: Deferred[Any]) -> bool:
    """Whether an event could not even leave; then the answer is used up."""
    found: list[bool] = []

    def look(failure: Failure) -> Failure | None:
        full = isinstance(failure.value, WampError) and failure.value.uri == UNAVAILABLE
        found.append(full)
        return None if full else failure

    answer.addErrback(look)
    return bool(found) and found[0]
