"""Requests to a device and their answers: one at a time on the line, the others wait for their turn, bounded.

An answer that comes too late must not become that of the next request, or each one after it would be off by one. So
after a timeout what comes is dropped for as long again, before anything else is sent.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridges.clock import Clock, Delayed
from bridges.serial.device import BITS_PER_CHARACTER, DeviceAway, QueueFull
from bridges.serial.exchange_config import Exchange, Likeness


class NoAnswer(Exception):
    """Nothing came in time, however often it was sent."""


class Refused(Exception):
    """The device refused. The text is what it said."""


class Request:
    """One request.

    data: bytes for the line. timeout: seconds of a try. retries: tries after the first. answer: whether there is one.
    expect: what it looks like. refused: what a refusal looks like. call: whether it is a caller's; they are bounded.

    done: fires with the answer, a frame, or with None if there is none. Fails with NoAnswer, Refused, DeviceAway.
    """

    __slots__ = ("answer", "call", "data", "done", "expect", "left", "refused", "timeout")

    def __init__(
        self,
        data: bytes,
        timeout: float,
        retries: int = 0,
        answer: bool = True,
        expect: Likeness | None = None,
        refused: Likeness | None = None,
        call: bool = True,
    ) -> None:
        self.data = data
        self.timeout = timeout
        self.left = retries
        self.answer = answer
        self.call = call
        self.expect = _looks(expect)
        self.refused = _looks(refused)
        self.done: Deferred[bytes | None] = Deferred()

    def fire(self, result: bytes | Exception | None) -> None:
        """Tell the result, unless nobody wants it any more."""
        if self.done.called:
            return
        if isinstance(result, Exception):
            self.done.errback(result)
        else:
            self.done.callback(result)


def _looks(likeness: Likeness | None) -> Callable[[bytes], bool] | None:
    if likeness is None:
        return None
    if likeness.regex is not None:
        fits = re.compile(likeness.regex, re.DOTALL).fullmatch
        return lambda frame: fits(frame.decode("latin-1")) is not None
    prefix = (likeness.prefix or "").encode("latin-1")
    return lambda frame: frame.startswith(prefix)


class Line:
    """The line, and who waits for it.

    options: of the configuration. write: sends bytes, as `Port.write`. abandon: takes back what has not left.
    clock: for timeouts. baudrate: bits a second, for the time that sending takes.

    asked: requests sent, counting retries. unanswered: tries without an answer. late: frames dropped after a timeout.
    """

    def __init__(
        self,
        options: Exchange,
        write: Callable[[bytes], Deferred[None]],
        abandon: Callable[[], object],
        clock: Clock,
        baudrate: int,
    ) -> None:
        self._options = options
        self._write = write
        self._abandon = abandon
        self._clock = clock
        self._per_byte = BITS_PER_CHARACTER / baudrate
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._timer: Delayed | None = None
        self._resting = self._expecting_late = False
        self._away: str | None = "it is being opened"
        self.asked = self.unanswered = self.late = 0

    def begin(self) -> None:
        """The device is open."""
        if self._away is not None:
            self._away = None
            self._next()

    def end(self, reason: str) -> None:
        """The device is away: whoever waits is told. reason: in words. Idempotent."""
        self._away = reason
        self._set_timer(None)
        self._resting = self._expecting_late = False
        waiting = [self._current, *self._waiting]
        self._current = None
        self._waiting.clear()
        for request in waiting:
            if request is not None:
                request.fire(DeviceAway(f"the device is away: {reason}"))

    def ask(self, request: Request) -> Deferred[bytes | None]:
        """Take a request for its turn. Raises DeviceAway, and QueueFull for calls; polls have one each at most."""
        if self._away is not None:
            raise DeviceAway(f"the device is away: {self._away}")
        limit = self._options.queue
        if request.call and sum(waiting.call for waiting in self._waiting) >= limit:
            raise QueueFull(f"{limit} requests wait for the device already (queue)")
        self._waiting.append(request)
        self._next()
        return request.done

    def take(self, frame: bytes) -> bool:
        """A frame from the device. The result: whether it was an answer, or one that came too late and is dropped."""
        request = self._current
        if request is None or not request.answer:
            return False
        refused = request.refused is not None and request.refused(frame)
        if not refused and request.expect is not None and not request.expect(frame):
            return False
        if self._expecting_late:
            self.late += 1
            self._after_late()
        else:
            self._finish(Refused(frame.decode("utf-8", "replace")) if refused else frame)
        return True

    # --- inside -----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Whose turn it is now, if anybody's. Who does not wait any more is passed over."""
        while self._current is None and not self._resting and self._away is None and self._waiting:
            request = self._waiting.popleft()
            if not request.done.called:
                self._current = request
                self._send(request)

    def _send(self, request: Request) -> None:
        self.asked += 1
        self._set_timer(request.timeout + len(request.data) * self._per_byte, self._timed_out, request)
        try:
            self._write(request.data).addCallbacks(self._sent, self._not_sent, (request,), errbackArgs=(request,))
        except (DeviceAway, QueueFull) as error:
            self._finish(error)

    def _sent(self, _none: None, request: Request) -> None:
        """The kernel has taken it. With no answer to come, that is all."""
        if request is self._current and not request.answer:
            self._finish(None)

    def _not_sent(self, failure: Failure, request: Request) -> None:
        """The device went, or is opened anew."""
        if request is self._current:
            self._finish(DeviceAway(failure.getErrorMessage()))

    def _timed_out(self, request: Request) -> None:
        self.unanswered += 1
        if not request.left:
            what = "no answer" if request.answer else "the device did not take it"
            request.fire(NoAnswer(f"{what} within {request.timeout:g} s"))
        self._expecting_late = True
        self._set_timer(request.timeout, self._after_late)
        self._abandon()

    def _after_late(self) -> None:
        """Whatever comes now is no answer to what was sent before."""
        request = self._current
        self._expecting_late = False
        if request is not None and request.left and not request.done.called:
            request.left -= 1
            self._send(request)
        else:
            self._rest()

    def _finish(self, result: bytes | Exception | None) -> None:
        """The line rests first, for the result may bring the next request at once."""
        request = self._current
        self._rest()
        if request is not None:
            request.fire(result)

    def _rest(self) -> None:
        self._current = None
        self._resting = True
        self._set_timer(self._options.pause / 1000, self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._next()

    def _set_timer(self, delay: float | None, call: Callable[..., object] = id, *args: object) -> None:
        """One at a time. delay: None for no other."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if delay is not None:
            self._timer = self._clock.callLater(delay, self._due, call, *args)

    def _due(self, call: Callable[..., object], *args: object) -> None:
        self._timer = None
        call(*args)
