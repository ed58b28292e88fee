"""`node.crash` in the node directory: the last failure that nobody saw to, for whoever looks into it.

That is an exception that ended the process, or one that the node caught at its borders, where a bug of ours ends one
session or one turn of the reactor. No Twisted here: `status` reads the file too. What it holds is bounded, and has no
values of variables; secrets are none of its lines but for those that an exception's own text has.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_router import __version__

NAME: Final = "node.crash"
#: octets of the file
MOST_OCTETS: Final = 16_384
#: seconds between two of them, so that a failure that comes again and again wears no SD card out
EVERY: Final = 10.0


class Crash(NamedTuple):
    """What `status` tells of it. when: as the file has it. what: the last line of the traceback. path: the file."""

    when: str
    what: str
    path: Path


class CrashKeeper:
    """Keeps the last crash. directory: the node directory. now: seconds since 1970. pace: monotonic seconds."""

    def __init__(
        self, directory: Path, now: Callable[[], float] = time.time, pace: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = directory / NAME
        self._now = now
        self._pace = pace
        self._last: float | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        """An observer of twisted.logger: of failures that are critical, which is what nobody saw to."""
        failure = event.get("log_failure")
        if failure is not None and getattr(event.get("log_level"), "name", "") == "critical":
            self.keep(failure.getTraceback())

    def keep(self, traceback: str) -> None:
        """Write a crash down. Never raises; on a full disk there is none."""
        now = self._pace()
        if self._last is not None and now - self._last < EVERY:
            return
        self._last = now
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self._now()))
        head = f"{when}\nedge-router {__version__}, Python {platform.python_version()}, process {os.getpid()}\n\n"
        data = (head + _bounded(traceback)).encode("utf-8", "backslashreplace")
        beginning = self._path.with_name(f"{NAME}.new")
        try:
            descriptor = os.open(beginning, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            beginning.replace(self._path)
        except OSError:
            pass


def _bounded(traceback: str) -> str:
    """The beginning and the end, where the most is said."""
    half = (MOST_OCTETS - 256) // 8  # characters may take four octets each
    text = traceback.strip() + "\n"
    return text if len(text) <= 2 * half else f"{text[:half]}\n...\n{text[-half:]}"


def read(directory: Path) -> Crash | None:
    """The last crash of the node of a directory; None if there was none. directory: the node directory."""
    path = directory / NAME
    try:
        with path.open("rb") as file:
            lines = file.read(MOST_OCTETS).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    told = [line for line in lines if line.strip()]
    return Crash(told[0], told[-1], path) if len(told) > 1 else None
