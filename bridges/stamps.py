"""When something was measured, and whether the clock that says so was right.

A Raspberry Pi up to the 4 has no clock that runs without power: until it reached a time server, it believes the moment
it was last switched off. So each stamp says whether the clock was `synced`.

The kernel knows it: adjtimex(2) gives the clock's greatest possible error, which a time server's answers keep below
16 s, whichever program asks them (the rule of systemd's `timedatectl`). systemd-timesyncd leaves a file besides, which
a process that is not allowed the call can look at.
"""

from __future__ import annotations

import ctypes
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from bridges.clock import Clock

SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
#: microseconds; the kernel's NTP_PHASE_LIMIT, which it reports when nobody corrects the clock
MAX_ERROR: Final = 16_000_000
#: seconds an answer is believed
CHECK_EVERY: Final = 10.0

#: the head of struct timex: modes, offset, freq, maxerror, esterror; the whole is 208 bytes or less
_TIMEX: Final = struct.Struct("@Illll")
_TIMEX_SIZE: Final = 256


class Stamp(Struct, frozen=True):
    """seq: the number of the frame. ts: milliseconds since 1970, UTC. ts_quality: `synced` or `unsynced`."""

    seq: int
    ts: int
    ts_quality: str


def is_synchronized(marker: Path = SYNCHRONIZED) -> bool:
    """Whether something keeps this machine's clock right. Costs two system calls and never blocks."""
    return marker.exists() or _greatest_error() < MAX_ERROR


def _greatest_error(adjtimex: Callable[[Any], int] | None = None) -> int:
    """The greatest error of the clock in microseconds; MAX_ERROR where the kernel does not say it."""
    timex = ctypes.create_string_buffer(_TIMEX_SIZE)
    if (adjtimex or _adjtimex())(timex) < 0:
        return MAX_ERROR
    return int(_TIMEX.unpack_from(timex)[3])


@cache
def _adjtimex() -> Callable[[Any], int]:
    found: Callable[[Any], int] = ctypes.CDLL(None).adjtimex
    return found


class Stamps:
    """Gives out the stamps of one bridge.

    clock: monotonic time, for how old an answer about the wall clock is. wall: seconds since 1970.
    synchronized: whether the wall clock is right.
    """

    __slots__ = ("_checked_at", "_clock", "_quality", "_seq", "_synchronized", "_wall")

    def __init__(
        self,
        clock: Clock,
        wall: Callable[[], float] = time.time,
        synchronized: Callable[[], bool] = is_synchronized,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._synchronized = synchronized
        self._checked_at: float | None = None
        self._quality = ""
        self._seq = 0

    def now(self) -> tuple[int, str]:
        """The time in milliseconds since 1970 (UTC), and `synced` or `unsynced`."""
        at = self._clock.seconds()
        if self._checked_at is None or at - self._checked_at >= CHECK_EVERY:
            self._checked_at = at
            self._quality = "synced" if self._synchronized() else "unsynced"
        return int(self._wall() * 1000), self._quality

    def next(self, age: float = 0.0) -> Stamp:
        """The stamp of the next frame. The first has the number 1.

        age: seconds since the moment it belongs to, where that is known better than by its arrival.
        """
        ts, quality = self.now()
        self._seq += 1
        return Stamp(self._seq, ts - int(age * 1000) if age > 0 else ts, quality)
