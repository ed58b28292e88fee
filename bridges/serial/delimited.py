"""Frames that end with a delimiter: lines, SLIP, COBS, HDLC-like ones.

What their bytes mean is in `bridges.serial.stuffing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bridges.clock import Clock
from bridges.serial.framingconfig import FramingConfig
from bridges.values import BadValue

if TYPE_CHECKING:
    from bridges.serial.sealing import Seal

Unpack = Callable[[bytes], bytes]


class DelimitedFraming:
    """Frames that end with a delimiter.

    delimiter: the bytes. max_frame: bytes of a frame as it comes, without its delimiter; a longer one is dropped.
    unpack: makes of what stands between two delimiters what it holds, or raises BadValue; left out, it is that itself.
    pack: the way back; the result has the delimiter. Raises ValueError for what cannot be said.

    overlong: frames dropped since the start. noise: 0, for all bytes belong to some frame.
    """

    __slots__ = (
        "_buffer", "_delimiter", "_max_frame", "_pack", "_searched", "_skipping", "_unpack", "noise", "overlong",
    )  # fmt: skip

    def __init__(
        self, delimiter: bytes, max_frame: int, unpack: Unpack | None = None, pack: Unpack | None = None
    ) -> None:
        self._delimiter = delimiter
        self._max_frame = max_frame
        self._unpack = unpack
        self._pack = pack
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False
        self.overlong = 0
        self.noise = 0

    def feed(self, data: bytes) -> list[bytes | BadValue]:
        """Take what was read; the result is the frames that became complete, or what is wrong with them. Empty ones
        are left out.
        """
        buffer, delimiter = self._buffer, self._delimiter
        buffer += data
        frames: list[bytes | BadValue] = []
        start = 0
        while (end := buffer.find(delimiter, max(start, self._searched))) >= 0:
            self._complete(bytes(buffer[start:end]), frames)
            start = end + len(delimiter)
        del buffer[:start]
        self._bound()
        return frames

    def restart(self, before: bytes) -> bool:
        """The line was opened anew. The result: whether a frame that had begun was lost.

        before: the last bytes that came and were dropped. If they end inside a frame, so does what comes up to the next
        delimiter.
        """
        inside = bool(before) and not before.endswith(self._delimiter)
        lost = bool(self._buffer) and not self._skipping
        self._buffer.clear()
        self._searched = 0
        self._skipping = inside
        return lost or inside

    def stop(self) -> None:
        """There are no timers."""

    def encode(self, body: bytes) -> bytes:
        """A frame as it is sent. Raises ValueError for what cannot be said in one."""
        return body + self._delimiter if self._pack is None else self._pack(body)

    def _complete(self, frame: bytes, frames: list[bytes | BadValue]) -> None:
        if self._skipping:
            self._skipping = False
        elif len(frame) > self._max_frame:
            self.overlong += 1
        else:
            if self._delimiter == b"\n" and frame.endswith(b"\r"):
                frame = frame[:-1]
            if frame:
                frames.append(frame if self._unpack is None else self._unpacked(frame, self._unpack))

    @staticmethod
    def _unpacked(frame: bytes, unpack: Unpack) -> bytes | BadValue:
        try:
            return unpack(frame)
        except BadValue as error:
            return error

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


def line(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: object) -> DelimitedFraming:
    """Lines."""
    delimiter = config.delimiter.encode("latin-1")
    end = (config.write_delimiter or config.delimiter).encode("latin-1")

    def pack(line: bytes) -> bytes:
        if end in line:
            raise ValueError(f"one line at a time: it has the delimiter {end!r} inside")
        return (line if seal is None else seal.close(line)) + end

    return DelimitedFraming(delimiter, config.max_frame, None if seal is None else seal.open, pack)
