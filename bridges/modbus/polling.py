"""The rounds of polling: every so often, the values of one unit that have the same interval are read and handed on.

The pace stays the same however long a round takes; rounds that would begin before the last one is over are left out
and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from bridges.clock import Clock, Delayed
from bridges.modbus.bus import Bus, BusAway, NoAnswer
from bridges.modbus.pdu import NOT_REACHED, Refused, read
from bridges.modbus.planning import Block
from bridges.modbus.slaves import Slave

#: exceptions of devices that cannot read over a gap, or not so much at once: address, value, device failure
_NOT_TOGETHER: Final = frozenset({2, 3, 4})
#: a block and its data, or the exception that the slave has for it
Outcome = tuple[Block, "bytes | Refused"]


class Round:
    """The values of one slave that are read together.

    slave: whose. interval: seconds. blocks: what its requests read. bus: where. retries: of one request.
    clock: monotonic time. done: takes what was read; also a part, if the slave stopped to answer. slave_changed: called
    when the slave was put aside, with why, or is back, with None. split: told of blocks that cannot be read at once.

    late: rounds that were left out.
    """

    def __init__(
        self,
        slave: Slave,
        interval: float,
        blocks: Sequence[Block],
        bus: Bus,
        retries: int,
        clock: Clock,
        done: Callable[[Slave, list[Outcome]], object],
        slave_changed: Callable[[Slave, str | None], object],
        split: Callable[[Block, Refused], object],
    ) -> None:
        self._slave = slave
        self._interval = interval
        self._blocks = list(blocks)
        self._bus = bus
        self._retries = retries
        self._clock = clock
        self._done = done
        self._slave_changed = slave_changed
        self._split = split
        self._due: float | None = None
        self._timer: Delayed | None = None
        self._asked: Deferred[None] | None = None
        self._found: list[Outcome] = []
        self.late = 0

    def start(self) -> None:
        """The line is there: go on at the pace, or begin now."""
        now = self._clock.seconds()
        if self._due is None or self._due < now:
            self._due = now
        self._timer = self._clock.callLater(max(self._due - now, 0.0), self._begin)

    def stop(self) -> None:
        """The line is gone, or the bridge stops. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
        self._found = []

    def _begin(self) -> None:
        self._timer = None
        self._found = []
        if self._slave.is_due():
            self._ask(0)
        else:
            self._wait()

    def _ask(self, place: int) -> None:
        if place >= len(self._blocks):
            self._over()
            return
        block = self._blocks[place]
        retries = self._retries if self._slave.alive else 0
        try:
            asked = self._bus.poll(self._slave.unit, read(block.table, block.address, block.size), retries)
        except BusAway:
            return  # whoever tells of that stops this round, too
        self._asked = asked.addCallbacks(self._answered, self._failed, callbackArgs=(place,), errbackArgs=(place,))
        self._asked.addErrback(self._stopped)

    def _answered(self, data: bytes, place: int) -> None:
        self._asked = None
        self._is_there()
        self._found.append((self._blocks[place], data))
        self._ask(place + 1)

    def _failed(self, failure: Failure, place: int) -> None:
        self._asked = None
        error = failure.value
        if isinstance(error, Refused) and error.code not in NOT_REACHED:
            self._refused(error, place)
        elif isinstance(error, (NoAnswer, Refused)):
            if self._slave.has_missed():
                self._slave_changed(self._slave, str(error))
            self._over()
        else:
            failure.raiseException()

    def _stopped(self, failure: Failure) -> None:
        failure.trap(BusAway, CancelledError)

    def _refused(self, error: Refused, place: int) -> None:
        self._is_there()
        self._slave.exceptions += 1
        block = self._blocks[place]
        if len(block.places) > 1 and error.code in _NOT_TOGETHER:
            self._split(block, error)
            self._blocks[place : place + 1] = block.apart()
            self._ask(place)
            return
        self._found.append((block, error))
        self._ask(place + 1)

    def _is_there(self) -> None:
        if self._slave.has_answered():
            self._slave_changed(self._slave, None)

    def _over(self) -> None:
        found, self._found = self._found, []
        self._wait()
        if found:
            self._done(self._slave, found)

    def _wait(self) -> None:
        assert self._due is not None
        now = self._clock.seconds()
        self._due += self._interval
        if self._due < now:
            left_out = int((now - self._due) // self._interval) + 1
            self.late += left_out
            self._due += left_out * self._interval
        self._timer = self._clock.callLater(max(self._due - now, 0.0), self._begin)
