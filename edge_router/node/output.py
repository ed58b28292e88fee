"""What a program writes, as lines of the log; bounded, since programs go mad.

A line is cut at MOST_OCTETS. A program that writes more than MOST_LINES a second has the rest of them left out, and
counted; one that writes more than MOST_READ octets a second is not read from until the second is over, so that it
waits, and costs the node nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge_router.router.interfaces import Clock, Delayed

MOST_OCTETS: Final = 4_096
MOST_LINES: Final = 200
MOST_READ: Final = 1_048_576
#: seconds between two notes about lines left out
NOTE_EVERY: Final = 10.0


class Output:
    """The output of one program, over all of its lives.

    write: takes a line. note: takes a number of lines that were left out. clock: for the seconds. longest: octets of a
    line.
    """

    def __init__(
        self, write: Callable[[str], object], note: Callable[[int], object], clock: Clock, longest: int = MOST_OCTETS
    ) -> None:
        #: lines left out so far
        self.dropped = 0
        self._write = write
        self._note = note
        self._clock = clock
        self._longest = longest
        self._begun: dict[object, bytes] = {}
        self._second = clock.seconds()
        self._lines = 0
        self._read = 0
        self._noted = 0
        self._next_note: Delayed | None = None
        self._paused: Delayed | None = None

    def take(self, stream: object, data: bytes, source: Any) -> None:
        """Take what was read.

        stream: which of a program's outputs; each has lines of its own. source: has `pauseProducing` and
        `resumeProducing`.
        """
        self._new_second()
        *lines, rest = (self._begun.pop(stream, b"") + data).split(b"\n")
        for line in lines:
            self._line(line)
        if rest:
            # what is over the limit is kept out of memory; one octet more shows that there was more
            self._begun[stream] = rest[: self._longest + 1]
        self._read += len(data)
        if self._read >= MOST_READ and self._paused is None:
            source.pauseProducing()
            wait = max(0.0, self._second + 1.0 - self._clock.seconds())
            self._paused = self._clock.callLater(wait, self._resume, source)

    def end(self) -> None:
        """The program has ended: what it wrote last may lack the end of the line."""
        self._new_second()
        begun, self._begun = self._begun, {}
        for line in begun.values():
            self._line(line)
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None

    def close(self) -> None:
        """Nothing comes any more. Idempotent."""
        self.end()
        if self._next_note is not None:
            self._next_note.cancel()
            self._say()

    def _line(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > MOST_LINES:
            self.dropped += 1
            if self._next_note is None:
                self._next_note = self._clock.callLater(NOTE_EVERY, self._say)
            return
        text = line[: self._longest].decode("utf-8", "backslashreplace").rstrip("\r")
        if len(line) > self._longest:
            text += " ..."
        if text:
            self._write(text)

    def _new_second(self) -> None:
        now = self._clock.seconds()
        if now - self._second >= 1.0:
            self._second = now
            self._lines = self._read = 0

    def _say(self) -> None:
        self._next_note = None
        self._note(self.dropped - self._noted)
        self._noted = self.dropped

    def _resume(self, source: Any) -> None:
        self._paused = None
        source.resumeProducing()
