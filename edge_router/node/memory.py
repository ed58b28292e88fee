"""A bound on the node's own memory, kept by the node: `controller.memory_limit`.

systemd's MemoryMax= does nothing where the kernel has no memory controller, which is how Raspberry Pi OS boots. Without
a bound a board that runs out of memory swaps for minutes, and then the kernel ends whatever it likes. Here the node
gives back what it can, and if that is not enough it ends in order, with a failure, so that systemd starts it anew.

(proc_pid_statm(5), malloc_trim(3).)
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from edge_router.router.interfaces import Clock

#: seconds between two looks; a leak takes longer, and an idle node is hardly woken
EVERY: Final = 10.0
#: of the limit, from which on the operator is warned
MUCH: Final = 0.8
#: looks in a row, after giving back what can be, before the node ends
PATIENCE: Final = 3
MIB: Final = 1 << 20


class MemoryGuard:
    """limit: octets of resident memory. clock: for the looks. end: has the node end; takes the reason.

    resident: how much there is now, or OSError. give_back: returns what is not in use to the system.
    """

    log = Logger()

    def __init__(
        self,
        limit: int,
        clock: Clock,
        end: Callable[[str], None],
        resident: Callable[[], int] | None = None,
        give_back: Callable[[], None] | None = None,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._end = end
        self._resident = resident or resident_memory
        self._give_back = give_back or give_back_unused
        self._is_warned = False
        self._over = 0

    def start(self) -> None:
        """Look from now on, for as long as the process is there."""
        self._clock.callLater(EVERY, self._look)

    def _look(self) -> None:
        try:
            used = self._used()
        except OSError:  # all descriptors are in use, for one
            self._clock.callLater(EVERY, self._look)
            return
        self._over = self._over + 1 if used > self._limit else 0
        if self._over >= PATIENCE:
            most = _in_mib(self._limit)
            self._end(f"it has {_in_mib(used)} MiB of memory, more than {most} (controller.memory_limit)")
            return
        self._warn(used)
        self._clock.callLater(EVERY, self._look)

    def _used(self) -> int:
        """What there is, after giving back what can be if it is too much. Raises OSError."""
        used = self._resident()
        if used > self._limit:
            self._give_back()
            used = self._resident()
        return used

    def _warn(self, used: int) -> None:
        is_much = used > self._limit * MUCH
        if is_much and not self._is_warned:
            self.log.warn(
                "the node has {used} MiB of memory, of {limit} that it may have (controller.memory_limit)",
                used=_in_mib(used), limit=_in_mib(self._limit),
            )  # fmt: skip
        self._is_warned = is_much


def resident_memory() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def give_back_unused() -> None:
    """Collect what nobody refers to, and have the C library return free pages. (musl has no malloc_trim.)"""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _in_mib(octets: int) -> str:
    return f"{octets / MIB:.0f}"
