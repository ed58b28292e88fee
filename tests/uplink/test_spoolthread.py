"""The thread that waits for the card."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from edge_router.uplink.spoolthread import Worker


class Loop:
    """A reactor, as far as threads know one."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.Queue()

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.calls.put((call, arguments))

    def turn(self) -> None:
        """Do the next call."""
        call, arguments = self.calls.get(timeout=10)
        call(*arguments)


def test_work_is_done_in_order_in_one_thread_and_answered_in_the_reactors() -> None:
    """Results come back by `callFromThread`, errors too."""
    loop = Loop()
    worker = Worker(loop)
    found: list[Any] = []
    for number in range(5):
        worker.run(lambda number=number: (number, threading.get_ident())).addCallback(found.append)  # type: ignore[misc]
    worker.run(lambda: 1 // 0).addErrback(lambda failure: found.append(failure.type))
    assert not found
    for _ in range(6):
        loop.turn()
    worker.stop()
    assert [number for number, _ in found[:5]] == list(range(5))
    assert len({thread for _, thread in found[:5]}) == 1
    assert found[0][1] != threading.get_ident()
    assert found[5] is ZeroDivisionError


def test_it_is_no_thread_before_there_is_work() -> None:
    """A store that is not used costs none."""
    before = threading.active_count()
    worker = Worker(Loop())
    assert threading.active_count() == before
    worker.stop()


@pytest.mark.parametrize("times", [1, 2])
def test_stopping_is_idempotent(times: int) -> None:
    """What was given before is done."""
    loop = Loop()
    worker = Worker(loop)
    done: list[int] = []
    worker.run(lambda: 7).addCallback(done.append)
    for _ in range(times):
        worker.stop()
    loop.turn()
    assert done == [7]


def test_it_goes_on_after_it_was_stopped() -> None:
    """A store may be opened again."""
    loop = Loop()
    worker = Worker(loop)
    done: list[int] = []
    for number in range(2):
        worker.run(lambda number=number: number).addCallback(done.append)  # type: ignore[misc]
        loop.turn()
        worker.stop()
    assert done == [0, 1]
