"""Work that blocks - disks, other people's programs - in a few threads of its own, started when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

Result = TypeVar("Result")

#: seconds that work under way has to end when the node does; what hangs longer is left to the end of the process
PATIENCE: Final = 1.0


class _Pool(ThreadPool):
    """A pool whose threads do not keep the process from ending."""

    @staticmethod
    def threadFactory(*args: Any, **options: Any) -> Thread:  # type: ignore[override]
        return Thread(*args, **options, daemon=True)


class Threads:
    """A bounded pool. reactor: Twisted's. most: threads at one time; further work waits. least: that are kept."""

    def __init__(self, reactor: Any, most: int, name: str, least: int = 0) -> None:
        self._reactor = reactor
        self.pool = _Pool(minthreads=least, maxthreads=most, name=name)

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
        """Let work that is under way end, and wait for it a moment. Idempotent."""
        if self.pool.started and not self.pool.joined:
            stopping = Thread(target=self.pool.stop, daemon=True)
            stopping.start()
            stopping.join(PATIENCE)
