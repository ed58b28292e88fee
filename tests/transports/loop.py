"""A private reactor that tests turn by hand, for what needs real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor


class Loop:
    """`reactor`: handed to what is tested. Nothing happens unless the test turns it."""

    def __init__(self) -> None:
        self.reactor = SelectReactor()

    def until(self, reached: Callable[[], object], seconds: float = 5.0) -> None:
        """Turn until `reached()`; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, "it did not happen in time"
            due = self.reactor.timeout()
            # never wait for a socket while a call is due: the call may be all that is missing
            self.reactor.iterate(0.01 if due is None else min(due, 0.01))

    def result(self, deferred: Deferred[object]) -> object:
        """Turn until the Deferred has fired; its result, or its failure raised."""
        outcome: list[object] = []
        failures: list[Exception] = []
        deferred.addCallbacks(outcome.append, lambda failure: failures.append(failure.value))
        self.until(lambda: outcome or failures)
        if failures:
            raise failures[0]
        return outcome[0]

    def close(self) -> None:
        """Let go of what the reactor itself holds open."""
        for reader in self.reactor.removeAll():
            lost = getattr(reader, "connectionLost", None)
            if lost is not None:
                lost(None)
        for internal in list(self.reactor._internalReaders):
            internal.connectionLost(None)


@contextmanager
def running_loop() -> Iterator[Loop]:
    """A loop that is cleaned up."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()
