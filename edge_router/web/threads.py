"""Work that blocks - disks, other people's programs - in a few threads of its own, started when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

Result = TypeVar("Result")


class Threads:
    """A bounded pool. reactor: Twisted's. most: threads at one time; further work waits."""

    def __init__(self, reactor: Any, most: int, name: str) -> None:
        self._reactor = reactor
        self.pool = ThreadPool(minthreads=0, maxthreads=most, name=name)

    def start(self) -> ThreadPool:
        """The pool, started. Idempotent."""
        if not self.pool.started and not self.pool.joined:
            self.pool.start()
        return self.pool

    def run(self, work: Callable[[], Result]) -> Deferred[Result]:
        """Do something in a thread. Result: what it gives, or its failure, back in the reactor."""
        done: Deferred[Result] = Deferred()

        def ended(succeeded: bool, result: Any) -> None:
            self._reactor.callFromThread(done.callback if succeeded else done.errback, result)

        self.start().callInThreadWithCallback(ended, work)
        return done

    def stop(self) -> None:
        """Let work that is under way end, and wait for it. Idempotent."""
        if self.pool.started and not self.pool.joined:
            self.pool.stop()
