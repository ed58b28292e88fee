"""A thread for what may wait for a card, one thing after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Worker:
    """One thread; it begins with the first work, also after `stop`. reactor: Twisted's."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._thread: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[], T]) -> Deferred[T]:
        """Have the thread do something. Result: what it gives, or fails with."""
        result: Deferred[T] = Deferred()

        def do() -> None:
            try:
                found = work()
            except BaseException:  # noqa: BLE001 - whoever asked is told
                self._reactor.callFromThread(result.errback, Failure())
            else:
                self._reactor.callFromThread(result.callback, found)

        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "uplink")
        self._thread.submit(do)
        return result

    def stop(self) -> None:
        """End the thread when it has done what it was given. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False)
