"""Frames between a start and an end that differ, with or without an escape (STX ... ETX, DLE STX ... DLE ETX).

Where the two are the same bytes, frames are delimited by them: `bridges.serial.delimited`.
"""

from __future__ import annotations

import re

from bridges.clock import Clock
from bridges.serial.delimited import DelimitedFraming
from bridges.serial.framingconfig import EnclosedFrames, FramingConfig
from bridges.serial.sealing import Seal
from bridges.serial.stuffed import stuffed
from bridges.serial.stuffing import Escape
from bridges.values import BadValue, shown


class EnclosedFraming:
    """Frames between a start and an end.

    start, end: the bytes. escape: how they are written inside, or None. mark: the escape's byte, empty for none.
    flipped: whether an escaped byte is written as another one. max_frame: bytes of a frame between the two, as it
    comes; a longer one is dropped. seal: its checksum, before the end, or None.

    overlong: frames dropped since the start. noise: bytes outside of frames.
    """

    def __init__(
        self, start: bytes, end: bytes, escape: Escape | None, mark: bytes, flipped: bool, max_frame: int,
        seal: Seal | None,
    ) -> None:  # fmt: skip
        self._start = start
        self._end = end
        self._escape = escape
        self._max_frame = max_frame
        self._seal = seal
        self._marks = _marks(start, end, mark, flipped)
        #: bytes that may be the begin of a mark
        self._tail = max(len(start), len(end), 2 if mark else 1) - 1
        self._buffer = bytearray()
        self._inside = False
        self._skipping = False
        self._searched = 0
        self.overlong = 0
        self.noise = 0

    def feed(self, data: bytes) -> list[bytes | BadValue]:
        """Take what was read; the result is the frames that became complete, or what is wrong with them."""
        self._buffer += data
        frames: list[bytes | BadValue] = []
        at = 0
        while True:
            if not self._inside:
                at = self._begin(at)
                if not self._inside:
                    break
            found = self._marks.search(self._buffer, max(at, self._searched))
            if found is None:
                break
            self._searched = found.end()
            if found.lastgroup == "escape":
                continue
            self._finish(bytes(self._buffer[at : found.start()]), found.lastgroup == "end", frames)
            at = found.end()
        del self._buffer[:at]
        self._searched = max(self._searched - at, 0)
        self._bound()
        return frames

    def restart(self, before: bytes) -> bool:
        """The line was opened anew. The result: whether a frame that had begun was lost.

        before: the last bytes that came and were dropped. What comes up to the next start is no frame anyway.
        """
        lost = self._inside and not self._skipping
        self._buffer.clear()
        self._inside = self._skipping = False
        self._searched = 0
        return lost or (bool(before) and not before.endswith(self._end))

    def stop(self) -> None:
        """There are no timers."""

    def encode(self, body: bytes) -> bytes:
        """A frame as it is sent. Raises ValueError for what has start or end inside and cannot have."""
        sealed = body if self._seal is None else self._seal.close(body)
        if self._escape is not None:
            return self._start + self._escape.stuff(sealed) + self._end
        found = self._marks.search(sealed + self._end)
        if found is None or found.start() != len(sealed):
            raise ValueError(f"a frame cannot have its start {self._start!r} or its end {self._end!r} inside")
        return self._start + sealed + self._end

    def _begin(self, at: int) -> int:
        """Look for a start. The result: where its frame begins, or what may be a start."""
        found = self._buffer.find(self._start, at)
        if found < 0:
            rest = max(at, len(self._buffer) - len(self._start) + 1)
            self.noise += rest - at
            return rest
        self.noise += found - at
        self._inside = True
        self._searched = found + len(self._start)
        return self._searched

    def _finish(self, frame: bytes, ended: bool, frames: list[bytes | BadValue]) -> None:
        """ended: by its end; else another one began."""
        self._inside = not ended
        if self._skipping:
            self._skipping = False
        elif len(frame) > self._max_frame:
            self.overlong += 1
        elif not ended:
            frames.append(BadValue(f"a frame began before the last one had ended; that one was {shown(frame)}"))
        elif frame:
            try:
                frames.append(self._opened(frame))
            except BadValue as error:
                frames.append(error)

    def _opened(self, frame: bytes) -> bytes:
        plain = frame if self._escape is None else self._escape.unstuff(frame)
        return plain if self._seal is None else self._seal.open(plain)

    def _bound(self) -> None:
        """An over-long frame is dropped as it comes, but its escapes are heeded up to its end."""
        if not self._inside:
            return
        length = len(self._buffer) - self._tail
        self._searched = max(self._searched, length)
        if length > self._max_frame and not self._skipping:
            self.overlong += 1
            self._skipping = True
        if self._skipping:
            del self._buffer[: self._searched]
            self._searched = 0


def _marks(start: bytes, end: bytes, escape: bytes, flipped: bool) -> re.Pattern[bytes]:
    """What is looked for inside a frame. A byte that would have been flipped is not escaped by the byte before it."""
    pattern = b"(?P<end>" + re.escape(end) + b")|(?P<start>" + re.escape(start) + b")"
    if escape:
        never = b"(?![" + re.escape(start[:1] + end[:1]) + b"])" if flipped else b""
        pattern += b"|(?P<escape>" + re.escape(escape) + never + b".)"
    return re.compile(pattern, re.DOTALL)


def enclosed(
    config: FramingConfig, seal: Seal | None, _clock: Clock, _late: object
) -> EnclosedFraming | DelimitedFraming:
    """Frames between start and end. Where the two are the same, they delimit frames."""
    options = config.enclosed or EnclosedFrames()
    start, end = options.start.encode("latin-1"), options.end.encode("latin-1")
    mark = (options.escape or "").encode("latin-1")
    special = b"".join(byte for byte in {start[:1], end[:1]} if byte != mark)
    escape = Escape(mark, options.escape_xor, special) if mark else None
    if start != end:
        return EnclosedFraming(start, end, escape, mark, bool(options.escape_xor), config.max_frame, seal)
    if escape is not None:
        stuff = escape.stuff
        return stuffed(config, seal, end, escape.unstuff, lambda body: start + stuff(body) + end)

    def plain(body: bytes) -> bytes:
        if start in body:
            raise ValueError(f"a frame cannot have its start and end {start!r} inside")
        return start + body + end

    return stuffed(config, seal, end, bytes, plain)
