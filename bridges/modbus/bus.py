"""One request at a time on a line or connection: what waits, what is asked, how long an answer may take.

Callers come before polls, but do not keep them off for ever. A request that is repeated may be answered twice, and the
second answer would be taken for the next request's where answers have no number of their own. So after a missed answer
a unit is asked something else only when its late answer would have come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from bridges.clock import Clock, Delayed
from bridges.modbus.framing import RTU_EXTRA, Framing, StreamBroken
from bridges.modbus.pdu import BadAnswer, Refused, answer_data, answer_size

#: seconds of silence after which a damaged answer is given up: a USB adapter hands bytes over in pieces
DAMAGED_AFTER: Final = 0.05
#: missed answers in a row, of whichever units, after which a connection is made anew
CONNECTION_DEAD: Final = 5
#: requests of callers in a row, after which a poll has its turn
CALLS_IN_ROW: Final = 4


class BusAway(Exception):
    """There is no line or connection. The text says why."""


class NoAnswer(Exception):
    """No answer came in time, or only a damaged one. The text is for the operator."""


class BusFull(Exception):
    """Too many callers wait."""


class Link(Protocol):
    """A line or connection. user: who is told of it, set before it is started."""

    user: LinkUser

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def write(self, data: bytes) -> None:
        """Send bytes; what cannot be sent is an answer that does not come."""

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """Those of what is simulated, for the bridge."""

    def restart(self, reason: str) -> None:
        """Close it and open it again: it does not work as it is."""


class LinkUser(Protocol):
    """Who is told of a link."""

    def link_ready(self) -> None: ...

    def link_away(self, reason: str, briefly: bool) -> None:
        """briefly: it is being opened again at once; no news unless that fails."""

    def link_received(self, data: bytes) -> None: ...


class Timing(NamedTuple):
    """Seconds. timeout: for an answer, besides the time it takes on the line. character: for one character on the line;
    0 on a socket. pause: of silence before a request.
    """

    timeout: float
    character: float
    pause: float


class Request:
    """One request that waits or is asked.

    unit: of whom. pdu: what. retries: how often it is repeated if no answer comes.

    answer: fires with the data of the answer, fails with Refused, NoAnswer or BusAway. sent: whether it left.
    """

    __slots__ = ("answer", "pdu", "retries", "sent", "unit")

    def __init__(self, unit: int, pdu: bytes, retries: int) -> None:
        self.unit = unit
        self.pdu = pdu
        self.retries = retries
        self.sent = False
        self.answer: Deferred[bytes] = Deferred()


class Bus:
    """The queue of one link.

    link, framing, timing: how to ask. clock: monotonic time. max_waiting: requests of callers that may wait.

    requests, timeouts, damaged: how many there were.
    """

    def __init__(self, link: Link, framing: Framing, timing: Timing, clock: Clock, max_waiting: int) -> None:
        self._link = link
        self._framing = framing
        self._timing = timing
        self._clock = clock
        self._max_waiting = max_waiting
        self._calls: deque[Request] = deque()
        self._polls: deque[Request] = deque()
        self._current: Request | None = None
        self._timer: Delayed | None = None
        self._damage: Delayed | None = None
        self._pausing: Delayed | None = None
        self._quiet_at = 0.0
        self._held: dict[int, float] = {}
        self._missed = 0
        self._in_row = 0
        self._away: str | None = "it is being opened"
        self.requests = self.timeouts = self.damaged = 0

    @property
    def late(self) -> int:
        """What came when nobody waited for it."""
        return self._framing.late

    # --- from above -------------------------------------------------------------------------------------------------

    def call(self, unit: int, pdu: bytes, retries: int) -> Deferred[bytes]:
        """Ask for a caller. Result: the data of the answer. Raises BusAway, BusFull.

        Canceling the result takes the request back if it has not left yet.
        """
        if len(self._calls) >= self._max_waiting:
            raise BusFull(f"{len(self._calls)} requests wait already (max_waiting)")
        return self._add(self._calls, unit, pdu, retries)

    def poll(self, unit: int, pdu: bytes, retries: int) -> Deferred[bytes]:
        """Ask when no caller waits. Result and errors as of `call`."""
        return self._add(self._polls, unit, pdu, retries)

    def _add(self, queue: deque[Request], unit: int, pdu: bytes, retries: int) -> Deferred[bytes]:
        if self._away is not None:
            raise BusAway(self._away)
        request = Request(unit, pdu, retries)
        request.answer = Deferred(lambda _: self._take_back(queue, request))
        queue.append(request)
        self._next()
        return request.answer

    def _take_back(self, queue: deque[Request], request: Request) -> None:
        if not request.sent and request in queue:
            queue.remove(request)

    # --- from the link ----------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """The link is there."""
        self._away = None
        self._framing.restart()
        self._held.clear()
        self._missed = 0
        self._quiet_at = self._clock.seconds()
        self._next()

    def away(self, reason: str) -> None:
        """The link is gone, and with it what waited: nothing is sent later that was asked for now. Idempotent."""
        self._away = reason
        self._cancel_timers()
        current, self._current = self._current, None
        waiting = [*([] if current is None else [current]), *self._calls, *self._polls]
        self._calls.clear()
        self._polls.clear()
        for request in waiting:
            _fail(request, BusAway(reason))

    def received(self, data: bytes) -> None:
        """Bytes from the link."""
        self._quiet_at = self._clock.seconds()
        try:
            answer = self._framing.feed(data)
        except StreamBroken as error:
            self._link.restart(str(error))
            return
        if answer is not None:
            self._answered(answer)
        elif self._current is not None and self._framing.damaged():
            self._cancel_damage()
            self._damage = self._clock.callLater(DAMAGED_AFTER, self._is_damaged)

    # --- asking -----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._current is not None or self._pausing is not None or self._away is not None:
            return
        now = self._clock.seconds()
        wait = self._quiet_at + self._timing.pause - now
        request = self._waiting(now)
        if request is None:
            wait = self._soonest_release() - now if self._calls or self._polls else 0.0
        if wait > 0:
            self._pausing = self._clock.callLater(wait, self._paused)
        elif request is not None:
            self._ask(request)

    def _paused(self) -> None:
        self._pausing = None
        self._next()

    def _waiting(self, now: float) -> Request | None:
        """The first request to a unit that is not held; it stays in its queue."""
        queues = (self._calls, self._polls)
        for queue in queues if self._in_row < CALLS_IN_ROW else reversed(queues):
            for request in queue:
                if self._held.get(request.unit, 0.0) <= now:
                    return request
        return None

    def _soonest_release(self) -> float:
        return min(self._held[request.unit] for queue in (self._calls, self._polls) for request in queue)

    def _ask(self, request: Request) -> None:
        called = request in self._calls
        self._in_row = self._in_row + 1 if called else 0
        (self._calls if called else self._polls).remove(request)
        self._held.pop(request.unit, None)
        self._current = request
        self._send(request)

    def _send(self, request: Request) -> None:
        request.sent = True
        self.requests += 1
        data = self._framing.request(request.unit, request.pdu)
        characters = len(data) + answer_size(request.pdu) + RTU_EXTRA
        wait = self._timing.timeout + characters * self._timing.character
        self._timer = self._clock.callLater(wait, self._timed_out, wait)
        self._link.write(data)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _answered(self, answer: bytes) -> None:
        request, self._current = self._current, None
        assert request is not None
        self._cancel_timers()
        self._missed = 0
        try:
            data = answer_data(request.pdu, answer)
        except Refused as error:
            _fail(request, error)
        except BadAnswer as error:
            self.damaged += 1
            _fail(request, NoAnswer(f"the answer does not fit: {error}"))
        else:
            _succeed(request, data)
        self._next()

    def _timed_out(self, wait: float) -> None:
        self._timer = None
        self.timeouts += 1
        self._missed += 1
        self._missing(f"no answer within {self._timing.timeout:g} s", wait)

    def _is_damaged(self) -> None:
        """The checksum is wrong, and nothing more comes."""
        self._damage = None
        self.damaged += 1
        self._missing("the checksum of the answer is wrong", 0.0)

    def _missing(self, why: str, late_for: float) -> None:
        """late_for: seconds for which the answer may still come."""
        request = self._current
        assert request is not None
        self._cancel_timers()
        if late_for and not self._framing.numbered:
            self._held[request.unit] = self._clock.seconds() + late_for
        if request.retries > 0:
            request.retries -= 1
            self._send(request)
            return
        self._current = None
        self._framing.done()
        _fail(request, NoAnswer(why))
        if self._missed >= CONNECTION_DEAD and self._away is None:
            self._missed = 0
            self._link.restart(f"nothing was answered {CONNECTION_DEAD} times in a row")
        self._next()

    def _cancel_damage(self) -> None:
        timer, self._damage = self._damage, None
        if timer is not None:
            timer.cancel()

    def _cancel_timers(self) -> None:
        self._cancel_damage()
        for timer in (self._timer, self._pausing):
            if timer is not None:
                timer.cancel()
        self._timer = self._pausing = None


def _succeed(request: Request, data: bytes) -> None:
    if not request.answer.called:
        request.answer.callback(data)


def _fail(request: Request, error: Exception) -> None:
    if not request.answer.called:
        request.answer.errback(error)
