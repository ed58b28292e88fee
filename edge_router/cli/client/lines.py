"""The lines of stdin, one after the other, no faster than they are done with."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.stdio import StandardIO

from edge_router.cli.client.values import BadValue, value_of

#: octets of a line
LONGEST: Final = 1_048_576
#: lines that are being worked on at a time
AT_ONCE: Final = 64


def each_line(reactor: Any, work: Callable[[Any], Awaitable[None]], as_text: bool) -> Deferred[None]:
    """Do `work` with the value of each line that is not empty.

    as_text: take each as text. Result: when all is done; fails as the first work that fails.
    """
    done: Deferred[None] = Deferred(lambda _: lines.stop())
    lines = _Lines(work, as_text, done)
    StandardIO(lines, reactor=reactor)
    return done


class _Lines(StreamProtocol):
    transport: Any

    def __init__(self, work: Callable[[Any], Awaitable[None]], as_text: bool, done: Deferred[None]) -> None:
        self._work = work
        self._as_text = as_text
        self._done = done
        self._rest = b""
        self._waiting: deque[bytes] = deque()
        self._under_way = 0
        self._ended = False

    def dataReceived(self, data: bytes) -> None:
        """Some of stdin."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            self._fail(BadValue(f"a line of stdin is longer than {LONGEST} octets"))
            return
        self._waiting += (line for line in lines if line.strip())
        self._go_on()

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ARG002
        """That was all; what has no end of line counts too."""
        if self._rest.strip():
            self._waiting.append(self._rest)
        self._ended = True
        self._go_on()

    def stop(self) -> None:
        """Read no more."""
        self._waiting.clear()
        self.transport.loseConnection()

    def _go_on(self) -> None:
        while self._waiting and self._under_way < AT_ONCE:
            line = self._waiting.popleft().rstrip(b"\r").decode("utf-8", "replace")
            self._under_way += 1
            Deferred.fromCoroutine(self._one(line)).addCallbacks(self._finished, self._failed)
        if self._under_way >= AT_ONCE:
            self.transport.pauseProducing()
        if self._ended and not self._under_way and not self._done.called:
            self._done.callback(None)

    async def _one(self, line: str) -> None:
        await self._work(value_of(line, self._as_text))

    def _finished(self, _result: object) -> None:
        self._under_way -= 1
        if not self._ended:
            self.transport.resumeProducing()
        self._go_on()

    def _failed(self, failure: Any) -> None:
        self._under_way -= 1
        self._fail(failure)

    def _fail(self, problem: Any) -> None:
        if not self._done.called:
            self._done.errback(problem)
            self.stop()
