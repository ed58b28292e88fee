"""What outlives the process: totals of counters, and what outputs were last set to. A small file, seldom written.

A file that cannot be written is told and tried again with the next change; one that cannot be read is as if there was
none, and told. It is replaced in one step, so that a power cut leaves the old one or the new one. No fsync: a cut may
cost the last seconds, which counters lose in it anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from bridges.clock import Clock, Delayed

#: seconds between a change and its writing, so that an SD card lives
COUNT_DELAY: Final = 60.0
OUTPUT_DELAY: Final = 1.0


class Kept(Struct, omit_defaults=True):
    """counts: totals by input. outputs: the last levels by output. duties: the last ones by PWM output."""

    counts: dict[str, int] = {}
    outputs: dict[str, bool] = {}
    duties: dict[str, float] = {}


class Keeper:
    """One file.

    path: of it. clock: for the delay. collect: gives what is to be kept now. trouble: is told what is wrong with it.
    """

    def __init__(
        self, path: Path, clock: Clock, collect: Callable[[], Kept], trouble: Callable[[str], object]
    ) -> None:
        self._path = path
        self._clock = clock
        self._collect = collect
        self._trouble = trouble
        self._timer: Delayed | None = None
        self._due = 0.0
        self._told = False

    def read(self) -> Kept:
        """What was kept; nothing if there is nothing."""
        try:
            return json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept()
        except (OSError, ValueError, RecursionError) as error:  # ValueError: also what is not UTF-8
            self._trouble(f"{self._path} cannot be read, totals and last states begin anew: {error}")
            return Kept()

    def changed(self, delay: float) -> None:
        """Something is to be kept, within `delay` seconds."""
        due = self._clock.seconds() + delay
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._clock.callLater(delay, self._write)

    def stop(self) -> None:
        """Write what waits. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()

    def _write(self) -> None:
        self._timer = None
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            beside.write_bytes(json.encode(self._collect()))
            beside.replace(self._path)
        except OSError as error:
            if not self._told:
                self._told = True
                self._trouble(f"{self._path} cannot be written, totals and last states will be lost: {error.strerror}")
        else:
            self._told = False
