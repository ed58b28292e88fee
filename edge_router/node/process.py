"""A process that the node looks after: started, started again as its options say, ended.

What a process is made of (a guest's program, a container) is the business of those who give it its `spawn`; here is
when. A process is ended by SIGTERM to its process group, and SIGKILL to what is left of it GRACE seconds later; what
it has started itself goes with it in any case.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger, LogLevel

from edge_router.config.schema import Restart
from edge_router.node.backoff import Backoff
from edge_router.node.guard import Guard
from edge_router.node.output import Output
from edge_router.node.throttle import Throttle
from edge_router.router.interfaces import Clock, Delayed

#: seconds that a process has to end by itself
GRACE: Final = 2.0
#: times Twisted has to read from a pipe (8 KiB each) until all is read that it holds (64 KiB, pipe(7))
_READS: Final = 10


class Running(Protocol):
    """A process under way, or about to be."""

    def release(self) -> None:
        """Its output is of no interest any more: a child of it may hold that open for ever."""


class Supervised:
    """One process and its restarts.

    name: for the log. what: it is, in a word. restart: the option. max_restarts: in a row, after which it is given up;
    None: any number. spawn: starts it; calls `begun` now or
    later, then `exited`; may raise OSError. guard: of the node. clock: the
    reactor. changed: called when `state` has changed. cpu_limit: the option, in percent of a core.
    """

    def __init__(
        self,
        name: str,
        what: str,
        restart: Restart,
        max_restarts: int | None,
        spawn: Callable[[Supervised], Running],
        guard: Guard,
        clock: Clock,
        changed: Callable[[], None],
        cpu_limit: int | None = None,
    ) -> None:
        self.name = name
        self.log = Logger(namespace=f"edge_router.{what}")
        self.output = Output(self.write, self.note, clock)
        #: `stopped`, `starting`, `running`, `stopping`, `failed` (and will be started again), `given up`, `ended` (by
        #: itself)
        self.state = "stopped"
        self.restarts = 0
        #: how it ended the last time, in words; empty: it never did
        self.last_end = ""
        self._what = what
        self._restart = restart
        self._max_restarts = max_restarts
        self._in_a_row = 0
        self._spawn = spawn
        self._guard = guard
        self._clock = clock
        self._changed = changed
        self._cpu_limit = cpu_limit
        self._throttle: Throttle | None = None
        self._backoff = Backoff()
        self._running: Running | None = None
        self._pid = 0
        self._since = 0.0
        self._timer: Delayed | None = None
        self._again = False
        self._ended: list[Deferred[None]] = []

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._pid or None

    def _be(self, state: str) -> None:
        self.state = state
        self._changed()

    # --- start and end -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it. Returns at once; whether it worked shows in `state` and in the log. While it runs, nothing."""
        if self._running is not None:
            return
        self._cancel_timer()
        self._since = self._clock.seconds()
        self._be("starting")
        try:
            self._running = self._spawn(self)
        except OSError as problem:
            self._failed(f"cannot be started: {problem.strerror or problem}")

    def begun(self, pid: int) -> None:
        """The process is there. pid: its process id, and that of its group."""
        self._pid = pid
        self._guard.begun(pid)
        self.log.info("{name}: started as process {pid}", name=self.name, pid=pid)
        if self.state == "stopping":
            self._kill(signal.SIGTERM)
            return
        if self._cpu_limit is not None:
            self._throttle = Throttle(self._cpu_limit / 100, pid, self._clock, self._kill)
        self._be("running")

    def exited(self, status: int) -> None:
        """The process has ended (and was waited for). status: as `os.waitstatus_to_exitcode` has it."""
        running, self._running = self._running, None
        if running is None:
            return
        self._unlimit()
        if self._pid:
            self._kill(signal.SIGKILL, leader=False)  # what it has left behind
            self._guard.ended(self._pid)
        self._pid = 0
        running.release()
        self.output.end()
        self.last_end = in_words(status)
        if self.state == "stopping":
            self._has_stopped()
        elif status == 0 and self._restart != "restart-always":
            self.log.info("{name}: has ended", name=self.name)
            self._be("ended")
        else:
            self._failed(self.last_end, LogLevel.error if status else LogLevel.info)

    def _has_stopped(self) -> None:
        self._cancel_timer()
        self.log.info("{name}: stopped, {how}", name=self.name, how=self.last_end)
        self._be("stopped")
        ended, self._ended = self._ended, []
        for waiting in ended:
            waiting.callback(None)
        if self._again:
            self._again = False
            self.start()

    def _failed(self, why: str, level: Any = LogLevel.error) -> None:
        ran = self._clock.seconds() - self._since
        delay = self._backoff.after(ran)
        self._in_a_row = 0 if ran >= self._backoff.settled else self._in_a_row + 1
        if self._restart == "restart-never":
            self.log.error("{name}: {why}; it is not started again", name=self.name, why=why)
            self._be("given up")
        elif self._max_restarts is not None and self._in_a_row > self._max_restarts:
            self.log.error(
                "{name}: {why}; given up after {count} restarts in a row",
                name=self.name, why=why, count=self._max_restarts,
            )  # fmt: skip
            self._be("given up")
        else:
            self.log.emit(level, "{name}: {why}; started again in {delay:.1f} s", name=self.name, why=why, delay=delay)
            self._timer = self._clock.callLater(delay, self._start_again)
            self._be("failed")

    def _start_again(self) -> None:
        self._timer = None
        self.restarts += 1
        self.start()

    def stop(self) -> Deferred[None]:
        """End it, and do not start it again. Idempotent. Result: when it has ended, within a little more than GRACE."""
        self._again = False
        if self._running is None:
            self._cancel_timer()
            if self.state == "failed":
                self._be("stopped")
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._ended.append(ended)
        if self.state != "stopping":
            self._be("stopping")
            self._unlimit()
            self._kill(signal.SIGTERM)
            self._timer = self._clock.callLater(GRACE, self._insist)
        return ended

    def restart(self) -> None:
        """End it and start it again, once it has ended. One that does not run is started."""
        if self._running is None:
            self.start()
            return
        self.stop()
        self._again = True

    def close(self) -> None:
        """The node ends. What still runs is killed."""
        self._unlimit()
        self._cancel_timer()
        if self._running is not None:
            self._kill(signal.SIGKILL)
        self.output.close()

    def _unlimit(self) -> None:
        """Who is about to end has to be awake for it."""
        throttle, self._throttle = self._throttle, None
        if throttle is not None:
            throttle.end()

    def _insist(self) -> None:
        self._timer = None
        if self._running is not None:
            self.log.warn("{name}: does not end; it is killed", name=self.name)
            self._kill(signal.SIGKILL)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _kill(self, number: signal.Signals, leader: bool = True) -> None:
        """Signal its group. leader: if there is no such group (yet), the process itself."""
        if not self._pid:
            return
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            if leader:
                self._kill_leader(number)
        except PermissionError as problem:
            self.log.error("{name}: cannot be signalled: {problem}", name=self.name, problem=problem)

    def _kill_leader(self, number: signal.Signals) -> None:
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            pass

    # --- what it says ------------------------------------------------------------------------------------------

    def write(self, line: str) -> None:
        """A line that it wrote, for the log."""
        self.log.info("{name}: {line}", name=self.name, line=line)

    def note(self, count: int) -> None:
        """So many lines of it were left out."""
        self.log.warn("{name}: wrote too much; {count} lines were left out", name=self.name, count=count)

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page and `status`, JSON-like."""
        return {
            "id": self.name,
            "type": self._what,
            "state": self.state,
            "pid": self.pid,
            "restarts": self.restarts,
            "last_end": self.last_end or None,
            "lines_left_out": self.output.dropped,
        }


def drain(reader: Any) -> None:
    """Read what is left in a pipe whose writer has ended; as much as a pipe holds. reader: Twisted's ProcessReader."""
    for _ in range(_READS):
        if reader.doRead() is not None:
            return


def in_words(status: int) -> str:
    """How a process ended. status: as `os.waitstatus_to_exitcode` has it."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"ended by {name}"
