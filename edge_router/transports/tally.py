"""Saying what strangers can make happen as often as they like, without letting them fill the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from edge_router.router.interfaces import Clock

#: seconds between two reports
EVERY: Final = 10.0


class Tally:
    """Counts what happens and reports it: the first at once, what follows together, at most every ten seconds.

    clock: the reactor. report: called with how many there were since the last report, and what was said of the last.
    """

    def __init__(self, clock: Clock, report: Callable[[int, str], object]) -> None:
        self._clock = clock
        self._report = report
        self._count = 0
        self._last = ""
        self._waiting = False

    def add(self, what: str = "") -> None:
        """It happened. what: said of it in a report."""
        self._count += 1
        self._last = what
        if not self._waiting:
            self._tell()

    def _tell(self) -> None:
        self._waiting = self._count > 0
        if self._waiting:
            count, self._count = self._count, 0
            self._report(count, self._last)
            self._clock.callLater(EVERY, self._tell)


def logged(log: Logger, what: str) -> Callable[[int, str], None]:
    """A report for a `Tally` that is one line of the log at info: what happened, the last of them, and how many."""

    def report(count: int, last: str) -> None:
        more = f" ({count} in a short time, this is the last)" if count > 1 else ""
        log.info("{what}: {last}{more}", what=what, last=last, more=more)

    return report
