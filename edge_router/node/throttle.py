"""A limit of CPU time for a process and what it has started: who has had more than its share is stopped for a while.

The kernel's own limits need a control group that is delegated to the node; signals work everywhere (SIGSTOP, SIGCONT;
signal(7)). What is under its limit is looked at once a second; what is not, ten times. CPU time is read from /proc, in
hundredths of a second (proc_pid_stat(5)).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_router.router.interfaces import Clock, Delayed

#: seconds between two looks, at what is under its limit and at what is not
RELAXED: Final = 1.0
STRICT: Final = 0.1
#: seconds for which a share that was not used can be had later
_SAVED: Final = 1.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


class Throttle:
    """The limit of one process group.

    share: of one core, 1.0 is all of it. group: its id, that of its leader. clock: for the looks. used: gives the CPU
    seconds that it has had. send: signals it.
    """

    def __init__(
        self,
        share: float,
        group: int,
        clock: Clock,
        send: Callable[[signal.Signals], object],
        used: Callable[[int], float] | None = None,
    ) -> None:
        self._share = share
        self._group = group
        self._clock = clock
        self._send = send
        self._used = used or cpu_seconds
        self._had = self._used(group)
        self._looked = clock.seconds()
        #: seconds of CPU time that it may still have; below zero, that it has had too much
        self._balance = share * _SAVED
        self._is_stopped = False
        self._next: Delayed | None = clock.callLater(RELAXED, self._look)

    def end(self) -> None:
        """No limit any more: who is stopped goes on. Idempotent."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._go_on()

    def _go_on(self) -> None:
        if self._is_stopped:
            self._is_stopped = False
            self._send(signal.SIGCONT)

    def _look(self) -> None:
        now, had = self._clock.seconds(), self._used(self._group)
        passed, used = now - self._looked, max(0.0, had - self._had)
        self._looked, self._had = now, had
        self._balance = min(self._balance + self._share * passed - used, self._share * _SAVED)
        if self._balance >= 0:
            self._go_on()
            relaxed = used < self._share * passed
            self._next = self._clock.callLater(RELAXED if relaxed else STRICT, self._look)
            return
        if not self._is_stopped:
            self._is_stopped = True
            self._send(signal.SIGSTOP)
        self._next = self._clock.callLater(min(-self._balance / self._share, RELAXED), self._look)


def cpu_seconds(pid: int, proc: Path = _PROC) -> float:
    """CPU time of a process, of those it has waited for, and of all that descend from it; 0 if it is gone."""
    try:
        fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        children = (proc / str(pid) / "task" / str(pid) / "children").read_bytes().split()
    except OSError:
        return 0.0
    own = sum(int(field) for field in fields[11:15]) / _TICKS  # utime, stime, cutime, cstime
    return own + sum(cpu_seconds(int(child), proc) for child in children)
