"""Requests that are sent again and again; put aside while nobody answers, so that the others are not slowed down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridges.clock import Clock, Delayed
from bridges.serial.device import DeviceAway, QueueFull
from bridges.serial.exchange import Line, Refused, Request
from bridges.serial.exchange_config import Exchange, Poll


class PollUser(Protocol):
    """Who is told of polls."""

    def polled(self, poll: Poll, frame: bytes) -> None:
        """An answer."""

    def poll_aside(self, error: str) -> None:
        """A poll was put aside. Told once, until it has an answer again."""

    def poll_back(self, text: str) -> None:
        """It has an answer again."""


class Polling:
    """All polls of a device.

    polls: their sections. options: of the exchange. encode: a poll's line -> bytes. line: where they take turns.
    clock: for when they are due. user: who is told.
    """

    def __init__(
        self,
        polls: Sequence[Poll],
        options: Exchange,
        encode: Callable[[str | bytes], bytes],
        line: Line,
        clock: Clock,
        user: PollUser,
    ) -> None:
        self._polls = [_Polled(poll, options, encode, line, clock, user) for poll in polls]

    def begin(self) -> None:
        """The device is open: each is due now."""
        for poll in self._polls:
            poll.begin()

    def end(self) -> None:
        """The device is away. Idempotent."""
        for poll in self._polls:
            poll.end()

    @property
    def aside(self) -> list[str]:
        """What is sent by the polls that are put aside."""
        return [poll.shown for poll in self._polls if poll.is_aside]

    @property
    def missed(self) -> int:
        """Polls that were due while the one before still waited for its turn or its answer."""
        return sum(poll.missed for poll in self._polls)


class _Polled:
    """One poll. It is due at even distances, however long answers take."""

    def __init__(
        self,
        poll: Poll,
        options: Exchange,
        encode: Callable[[str | bytes], bytes],
        line: Line,
        clock: Clock,
        user: PollUser,
    ) -> None:
        self._poll = poll
        self._encode = encode
        self._options = options
        self._line = line
        self._clock = clock
        self._user = user
        self._data = b""
        self._timer: Delayed | None = None
        self._due_at = 0.0
        self._asking = False
        self._failures = 0
        self.shown = poll.send or f"hex {poll.hex}"
        self.missed = 0

    @property
    def is_aside(self) -> bool:
        return self._failures >= self._options.aside_after

    def begin(self) -> None:
        self.end()
        self._data = self._encode(self._poll.line)
        self._due_at = self._clock.seconds()
        self._due()

    def end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _due(self) -> None:
        self._timer = None
        if self._asking:
            self.missed += 1
        else:
            self._ask()
        self._wait()

    def _wait(self) -> None:
        """Until the next multiple of `every`; those that are over are not made up for."""
        every = max(self._poll.every, self._options.aside) if self.is_aside else self._poll.every
        now = self._clock.seconds()
        self._due_at += every * ((now - self._due_at) // every + 1)
        self._timer = self._clock.callLater(max(self._due_at - now, 0.0), self._due)

    def _ask(self) -> None:
        poll = self._poll
        request = Request(
            self._data, poll.timeout or self._options.timeout, poll.retries, expect=poll.expect, call=False
        )
        try:
            asked: Deferred[bytes | None] = self._line.ask(request)
        except (DeviceAway, QueueFull):
            return
        self._asking = True
        asked.addCallbacks(self._answered, self._failed)

    def _answered(self, frame: bytes | None) -> None:
        self._asking = False
        if self.is_aside:
            self._user.poll_back(f"{self.shown} is answered again")
            self.end()
            self._failures = 0
            self._due_at = self._clock.seconds()
            self._wait()
        self._failures = 0
        self._user.polled(self._poll, frame or b"")

    def _failed(self, failure: Failure) -> None:
        """That the device is away says nothing about this poll."""
        self._asking = False
        if failure.check(DeviceAway, QueueFull):
            return
        self._failures += 1
        if self._failures == self._options.aside_after:
            why = "the device refuses it" if failure.check(Refused) else failure.getErrorMessage()
            self._user.poll_aside(f"{self.shown}: {why}, {self._failures} times in a row; {self._waits()}")

    def _waits(self) -> str:
        return f"it is put aside and tried every {max(self._poll.every, self._options.aside):g} s"
