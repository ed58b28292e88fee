"""Refused sessions in the log: a line each, as long as that can be read; then how many more there were.

A device with a wrong password tries for years. Without a bound its lines would wear out an SD card, or push everything
else out of the journal.
"""

from __future__ import annotations

from twisted.logger import Logger

from edge_router.router.interfaces import Clock

#: lines in a period, and its seconds
LINES, PERIOD = 10, 60.0


class Refusals:
    """Logs refused sessions. clock: for the periods."""

    log = Logger(namespace="edge_router.session")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_period = 0

    def add(self, peer: str, reason: str, message: str) -> None:
        """A session was refused or aborted. peer: its address. reason: an error URI. message: a sentence."""
        if self._in_period == 0:
            self._clock.callLater(PERIOD, self._end_period)
        self._in_period += 1
        if self._in_period <= LINES:
            self.log.info("{peer} refused: {reason}: {message}", peer=peer, reason=reason, message=message)

    def _end_period(self) -> None:
        more, self._in_period = self._in_period - LINES, 0
        if more > 0:
            self.log.info("{more} more were refused within {period:g} s", more=more, period=PERIOD)
