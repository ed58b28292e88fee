"""Who is read when: each at its interval, one at a time, those that fail less often.

A device that fails is tried again soon, twice; then it is away, which is told once, and is tried with growing waits, so
that a dead one does not slow down the others. A call that does not come back in time is given up: what it brings in the
end is of an unknown age, and is thrown away. Meanwhile the others cannot be read, and are told so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bridges.backoff import Backoff
from bridges.clock import Clock, Delayed
from bridges.polled.reasons import explain
from bridges.polled.worker import Worker

#: failures one after the other until a device is away; one that was never there is so at the first
ENOUGH_FAILURES: Final = 3


class Turn:
    """One device's part in the turns.

    name: for the operator. interval: seconds from one reading to the next. read: called in the thread; it may block.
    took: called with what it returned. failed: called with the reason, and whether the device is away from now on.

    Its `failures` are those since the last reading.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        read: Callable[[], Any],
        took: Callable[[Any], object],
        failed: Callable[[str, bool], object],
    ) -> None:
        self.name = name
        self.interval = interval
        self.read = read
        self.took = took
        self.failed = failed
        self.failures = 0
        self.away = False
        self.read_once = False
        self.active = False
        self.began = 0.0
        self.timer: Delayed | None = None


class Turns:
    """Gives each its turn.

    clock: monotonic time. worker: where calls are run. patience: seconds that one may take. random: numbers of [0, 1),
    for the waits.
    """

    def __init__(self, clock: Clock, worker: Worker, patience: float, random: Callable[[], float]) -> None:
        self._clock = clock
        self._worker = worker
        self._patience = patience
        self._random = random
        self._backoffs: dict[Turn, Backoff] = {}
        self._queue: deque[Turn] = deque()
        self._reading: Turn | None = None
        self._alarm: Delayed | None = None
        self._hangs = False
        self._stopped = False

    def add(self, turn: Turn) -> None:
        """From now on; the first reading as soon as may be."""
        turn.active = True
        self._backoffs[turn] = Backoff(self._random)
        self._due(turn)

    def soon(self, turn: Turn) -> None:
        """Read it as soon as may be, instead of at its next time."""
        timer, turn.timer = turn.timer, None
        if timer is not None:
            timer.cancel()
            self._due(turn)

    def remove(self, turn: Turn) -> None:
        """No more. Idempotent."""
        turn.active = False
        self._backoffs.pop(turn, None)
        if turn in self._queue:
            self._queue.remove(turn)
        timer, turn.timer = turn.timer, None
        if timer is not None:
            timer.cancel()

    def stop(self, last: Callable[[], object]) -> None:
        """Nobody's turn any more. last: called in the thread when what it does now is over; closes devices."""
        self._stopped = True
        for turn in list(self._backoffs):
            self.remove(turn)
        self._disarm()
        self._worker.stop(last)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _due(self, turn: Turn) -> None:
        turn.timer = None
        turn.began = self._clock.seconds()
        self._queue.append(turn)
        if self._hangs and self._reading is not None:
            self._tell(turn, _behind(self._reading), True)
        else:
            self._next()

    def _next(self) -> None:
        if self._reading is not None or not self._queue:
            return
        turn = self._reading = self._queue.popleft()
        turn.began = self._clock.seconds()
        self._alarm = self._clock.callLater(self._patience, self._overdue)
        self._worker.submit(turn.read, partial(self._done, turn))

    def _done(self, turn: Turn, result: Any, error: Exception | None) -> None:
        if self._stopped:
            return
        self._reading = None
        late, self._hangs = self._hangs, False
        self._disarm()
        if turn.active and late:
            self._due(turn)
        try:
            if turn.active and not late:
                self._settle(turn, result, error)
        finally:
            self._next()

    def _settle(self, turn: Turn, result: Any, error: Exception | None) -> None:
        if error is not None:
            self._fail(turn, explain(error))
            return
        turn.failures = 0
        turn.away = False
        turn.read_once = True
        self._backoffs[turn].reset()
        self._wait(turn, turn.interval)
        turn.took(result)

    def _fail(self, turn: Turn, reason: str) -> None:
        turn.failures += 1
        wait = self._backoffs[turn].wait()
        passing = turn.read_once and not turn.away and turn.failures < ENOUGH_FAILURES
        self._wait(turn, min(wait, turn.interval) if passing else max(wait, turn.interval))
        self._tell(turn, reason, not passing)

    def _tell(self, turn: Turn, reason: str, away: bool) -> None:
        news, turn.away = away and not turn.away, away
        turn.failed(reason, news)

    def _wait(self, turn: Turn, seconds: float) -> None:
        """From the beginning of the last reading, so that the time it took makes no difference."""
        left = turn.began + seconds - self._clock.seconds()
        turn.timer = self._clock.callLater(max(left, 0.0), self._due, turn)

    def _overdue(self) -> None:
        """The call has not come back. All turns go on when it does; those that wait are told now."""
        self._alarm = None
        self._hangs = True
        turn = self._reading
        assert turn is not None
        if turn.active:
            self._tell(turn, f"it does not answer: a reading did not come back within {self._patience:g} s", True)
        for other in self._queue:
            self._tell(other, _behind(turn), True)

    def _disarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()


def _behind(turn: Turn) -> str:
    return f"{turn.name}, which is read before it, does not come back"
