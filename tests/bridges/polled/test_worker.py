"""The thread: one call at a time, in order, told in the reactor's thread; it ends when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

from bridges.polled.worker import ThreadWorker

#: seconds of real time
PATIENCE = 5.0


class Reactor:
    """Keeps what threads hand over."""

    def __init__(self) -> None:
        self.calls: Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = Queue()

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.calls.put((call, args))

    def run_one(self) -> None:
        call, args = self.calls.get(timeout=PATIENCE)
        call(*args)


def test_calls_in_order_elsewhere_results_here() -> None:
    reactor = Reactor()
    worker = ThreadWorker(reactor, "x.bus")
    here, told, ended = threading.current_thread(), [], threading.Event()
    threads: list[threading.Thread] = []

    def work(value: int) -> int:
        threads.append(threading.current_thread())
        return 10 // value

    def done(result: Any, error: Exception | None) -> None:
        assert threading.current_thread() is here
        told.append(result if error is None else type(error))

    for value in (1, 0, 5):
        worker.submit(lambda value=value: work(value), done)  # type: ignore[misc]
    for _ in range(3):
        reactor.run_one()
    assert told == [10, ZeroDivisionError, 2]
    assert len(set(threads)) == 1
    assert threads[0].daemon
    assert threads[0].name == "x.bus"
    worker.stop(ended.set)
    threads[0].join(PATIENCE)
    assert ended.is_set()
    assert not threads[0].is_alive()


def test_without_calls_there_is_no_thread() -> None:
    worker = ThreadWorker(Reactor(), "x.idle")
    worker.stop(lambda: None)
    assert not [thread for thread in threading.enumerate() if thread.name == "x.idle"]
