"""One line on a terminal that says how far a command is; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from typing import Final

#: seconds between two versions of the line
EVERY: Final = 0.5
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """The last line of stderr, written over and over."""

    def __init__(self) -> None:
        self.wanted = sys.stderr.isatty()
        self._due = 0.0
        self._shown = False

    def show(self, text: str) -> None:
        """A new version, unless the last one is too young."""
        if self.wanted and time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY
            self._shown = True
            print(f"{_CLEAR}{text}", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays, instead of it."""
        clear, self._shown = _CLEAR if self._shown else "", False
        print(f"{clear}{text}", file=sys.stderr, flush=True)
