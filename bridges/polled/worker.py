"""The thread in which a bridge's devices are read, so that what blocks never blocks the reactor.

One thread a bridge, since a bus carries one message at a time. It is a daemon: a call that the kernel never returns
from holds up neither the node's end nor the bridge that is started anew, which gets another thread.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

#: what became of a call: its result, or the exception
Done = Callable[[Any, "Exception | None"], object]


class Worker(Protocol):
    """Runs calls one after the other, elsewhere."""

    def submit(self, call: Callable[[], Any], done: Done) -> None:
        """Run a call; `done` gets what became of it, in the reactor's thread."""

    def stop(self, last: Callable[[], object]) -> None:
        """Run one more call, without telling how it went, and end. Returns at once."""


class ThreadWorker:
    """A thread of its own; it begins with the first call.

    reactor: IReactorFromThreads. name: of the thread, for who looks at the process.
    """

    def __init__(self, reactor: Any, name: str) -> None:
        self._reactor = reactor
        self._name = name
        self._calls: SimpleQueue[tuple[Callable[[], Any], Done | None]] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, call: Callable[[], Any], done: Done) -> None:
        """See Worker."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put((call, done))

    def stop(self, last: Callable[[], object]) -> None:
        """See Worker. Without a thread there was no call, and there is nothing to end."""
        if self._thread is not None:
            self._calls.put((last, None))

    def _run(self) -> None:
        done: Done | None
        while True:
            call, done = self._calls.get()
            result, error = _outcome(call)
            if done is None:
                return
            self._reactor.callFromThread(done, result, error)


def _outcome(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Whatever a driver raises ends this reading, not the thread."""
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001
        return None, error
