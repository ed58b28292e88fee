"""Bytes from the line to frames. Whatever arrives, memory stays below `max_frame` and one read."""

from __future__ import annotations


class LineFraming:
    """Frames that end with a delimiter.

    delimiter: the bytes. max_frame: bytes of a frame without its delimiter; a longer one is dropped.

    overlong: frames dropped since the start.
    """

    __slots__ = ("_buffer", "_delimiter", "_max_frame", "_searched", "_skipping", "overlong")

    def __init__(self, delimiter: bytes, max_frame: int) -> None:
        self._delimiter = delimiter
        self._max_frame = max_frame
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False
        self.overlong = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; the result is the frames that became complete. Empty ones are left out."""
        buffer, delimiter = self._buffer, self._delimiter
        buffer += data
        frames: list[bytes] = []
        start = 0
        while (end := buffer.find(delimiter, max(start, self._searched))) >= 0:
            self._complete(bytes(buffer[start:end]), frames)
            start = end + len(delimiter)
        del buffer[:start]
        self._bound()
        return frames

    def restart(self, inside: bool) -> bool:
        """The line was opened anew. The result: whether a frame that had begun was lost.

        inside: the device was in the middle of a frame; what comes up to the next delimiter is dropped.
        """
        lost = bool(self._buffer) and not self._skipping
        self._buffer.clear()
        self._searched = 0
        self._skipping = inside
        return lost

    def _complete(self, frame: bytes, frames: list[bytes]) -> None:
        if self._skipping:
            self._skipping = False
        elif len(frame) > self._max_frame:
            self.overlong += 1
        else:
            if self._delimiter == b"\n" and frame.endswith(b"\r"):
                frame = frame[:-1]
            if frame:
                frames.append(frame)

    def _bound(self) -> None:
        """Of the bytes that are left, the last few may be the begin of a delimiter; a frame is those before."""
        buffer = self._buffer
        tail = len(self._delimiter) - 1
        if len(buffer) - tail > self._max_frame and not self._skipping:
            self.overlong += 1
            self._skipping = True
        if self._skipping:
            del buffer[: max(len(buffer) - tail, 0)]
        self._searched = max(len(buffer) - tail, 0)
