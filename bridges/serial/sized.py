"""Frames whose size is known: all of one size, or with their length in their head.

Where a frame begins is known from where the last one ended. When that proves wrong (no sync, an impossible length, a
wrong checksum), one frame is bad, and every byte after its first is tried as the begin of the next: noise costs no
frame that came whole. A half frame is given up after a silence, and what came after its first byte is tried, too.
Frames that have nothing to be known by are told apart by silence after that.
"""

from __future__ import annotations

from typing import Final, Protocol

from bridges.clock import Clock
from bridges.serial.framing import Late
from bridges.serial.framingconfig import FixedFrames, FramingConfig, LengthFrames
from bridges.serial.sealing import Seal
from bridges.serial.silence import Silence
from bridges.values import BadValue, shown

#: bytes of wrong frames that may be looked at for each byte that comes: a bound on what hostile lengths can cost
EFFORT: Final = 64
#: of them at once, after a time of good frames or silence
MOST_EFFORT: Final = 256 * 1_024


class Shape(Protocol):
    """head: bytes of a frame before what follows its length. kept: which of these are contents, between sync and
    length.
    """

    head: int
    kept: slice

    def size(self, buffer: bytearray, at: int) -> int | None:
        """Bytes of the frame that begins there; None if its head is not complete. Raises BadValue if none can."""

    def prefix(self, kept: bytes, following: int) -> bytes:
        """The head of a frame. kept: contents that belong there. following: bytes after it. Raises ValueError if there
        is no such frame.
        """


class Fixed:
    """All frames have one size."""

    __slots__ = ("_size", "_sync", "head", "kept")

    def __init__(self, options: FixedFrames) -> None:
        self._size = options.size
        self._sync = options.sync.encode("latin-1")
        self.head = len(self._sync)
        self.kept = slice(0, 0)

    def size(self, _buffer: bytearray, _at: int) -> int | None:
        return self._size

    def prefix(self, _kept: bytes, following: int) -> bytes:
        left = self._size - self.head
        if following != left:
            raise ValueError(f"all frames have {left} bytes after their sync, not {following}")
        return self._sync


class Prefixed:
    """Each frame says its length in its head.

    options: of the length. max_frame: bytes of the greatest frame, head and all. least: bytes that each has after its
    head.
    """

    __slots__ = ("_add", "_least", "_max_frame", "_order", "_sync", "_width", "head", "kept")

    def __init__(self, options: LengthFrames, max_frame: int, least: int) -> None:
        self._sync = options.sync.encode("latin-1")
        self._width = options.width
        self._order = options.order
        self.head = options.before + self._width
        self.kept = slice(len(self._sync), options.before)
        self._add = options.adjust + (0 if options.includes_head else self.head)
        self._max_frame = max_frame
        self._least = least + self.head

    def size(self, buffer: bytearray, at: int) -> int | None:
        end = at + self.head
        if end > len(buffer):
            return None
        size = int.from_bytes(buffer[end - self._width : end], self._order) + self._add
        if size > self._max_frame:
            raise BadValue(f"a frame that says it has {size} bytes; the limit is {self._max_frame} (max_frame)")
        if size < self._least:
            raise BadValue(f"a frame that says it has {size} bytes; each has {self._least} or more")
        return size

    def prefix(self, kept: bytes, following: int) -> bytes:
        length = following + self.head - self._add
        if not 0 <= length < 256**self._width:
            raise ValueError(f"its length {length} does not fit into {self._width} bytes")
        return self._sync + kept + length.to_bytes(self._width, self._order)


class SizedFraming:
    """Frames whose size is known.

    shape: how it is known. options: their marks, and how long a half one is waited for. seal: their checksum, or None.
    clock: monotonic time. late: called with frames that were found after a silence.

    overlong: 0, for over-long frames are bad ones. noise: bytes that belong to no frame.
    """

    def __init__(
        self,
        shape: Shape,
        options: FixedFrames | LengthFrames,
        seal: Seal | None,
        clock: Clock,
        late: Late,
    ) -> None:
        self._shape = shape
        self._sync = options.sync.encode("latin-1")
        self._end = options.end.encode("latin-1")
        self._keep_head = options.keep_head
        self._seal = seal
        self._late = late
        self._timeout = options.timeout
        self._silence = Silence(options.timeout, clock, self._over)
        self._blind = not self._sync and not self._end and seal is None
        self._deaf = False
        self._synced = True
        self._credit = MOST_EFFORT
        self._buffer = bytearray()
        self.overlong = 0
        self.noise = 0

    def feed(self, data: bytes) -> list[bytes | BadValue]:
        """Take what was read; the result is the frames that became complete, or what is wrong with them."""
        frames = self._after_silence() if self._silence.overdue() else []
        if self._deaf:
            self._silence.broken()
            self.noise += len(data)
            return frames
        self._buffer += data
        self._credit = min(self._credit + EFFORT * len(data), MOST_EFFORT)
        frames += self._search(False)
        self._silence.broken()
        return frames

    def restart(self, before: bytes) -> bool:
        """The line was opened anew; nobody knows whether within a frame. The result: whether one was lost.

        before: the last bytes that came and were dropped. If there are any, and frames have neither sync nor end nor
        checksum to be found by, what comes up to a silence is dropped, too.
        """
        lost = bool(self._buffer)
        self._buffer.clear()
        self._silence.stop()
        self._synced = not before
        self._deaf = bool(before) and self._blind
        if self._deaf:
            self._silence.broken()
        return lost or self._deaf

    def stop(self) -> None:
        """Wait for no silence any more. Idempotent."""
        self._silence.stop()

    def encode(self, body: bytes) -> bytes:
        """A frame as it is sent. body: as a decoder sees it. Raises ValueError if there is no such frame."""
        split = self._shape.kept.stop - self._shape.kept.start
        kept, body = body[:split], body[split:]
        if len(kept) < split:
            raise ValueError(f"a frame has {split} bytes before its length; they come first")
        head = self._shape.prefix(kept, len(body) + (self._seal.size if self._seal else 0) + len(self._end))
        return head + (body if self._seal is None else self._seal.close(body, head)) + self._end

    def _over(self) -> None:
        frames = self._after_silence()
        if frames:
            self._late(frames)

    def _after_silence(self) -> list[bytes | BadValue]:
        """The line is between two frames now, whatever was before."""
        frames = self._search(True)
        self._deaf = False
        self._synced = True
        self._credit = MOST_EFFORT
        return frames

    def _search(self, final: bool) -> list[bytes | BadValue]:
        """Frames in what has come. final: nothing will complete a half one."""
        frames: list[bytes | BadValue] = []
        buffer, at = self._buffer, 0
        while at < len(buffer):
            try:
                size = self._complete(at, final)
                if size is None:
                    break
                body = self._opened(at, size)
                if body:
                    frames.append(body)
                self._synced = True
                at += size
            except BadValue as error:
                if self._synced:
                    self._synced = False
                    frames.append(error)
                self._deaf = self._blind and not final
                at = self._next(at)
        del buffer[:at]
        return frames

    def _complete(self, at: int, final: bool) -> int | None:
        """Bytes of the frame that begins there, once it is there as a whole. Raises BadValue if none can."""
        buffer, sync = self._buffer, self._sync
        here = bytes(buffer[at : at + len(sync)])
        if not sync.startswith(here):
            raise BadValue(f"no frame begins with {shown(here)}; its sync is {shown(sync)}")
        size = self._shape.size(buffer, at) if len(here) == len(sync) else None
        if size is None or len(buffer) - at < size:
            if not final:
                return None
            rest = shown(bytes(buffer[at : at + 64]))
            raise BadValue(f"half a frame, and then nothing for {self._timeout:g} s (timeout): {rest}")
        return size

    def _opened(self, at: int, size: int) -> bytes:
        """What the decoder is to see of a frame. Raises BadValue for a wrong end or checksum."""
        frame = bytes(self._buffer[at : at + size])
        self._credit -= size
        end = len(frame) - len(self._end)
        if frame[end:] != self._end:
            raise BadValue(f"no frame ends as {shown(frame)}; its end is {shown(self._end)}")
        head, body = frame[: self._shape.head], frame[self._shape.head : end]
        if self._seal is not None:
            body = self._seal.open(body, head)
        self._credit += size
        return (head if self._keep_head else head[self._shape.kept]) + body

    def _next(self, at: int) -> int:
        """Where the next frame may begin. When too much was looked at in vain, what there is is given up."""
        lost = self._blind or self._credit < 0
        following = len(self._buffer) if lost else _find(self._buffer, self._sync, at + 1)
        self.noise += following - at
        return following


def _find(buffer: bytearray, sync: bytes, start: int) -> int:
    """Where sync stands, or the begin of it at the very end; else the end."""
    found = buffer.find(sync, start)
    if found >= 0:
        return found
    tail = max(start, len(buffer) - len(sync) + 1)
    return next((at for at in range(tail, len(buffer)) if sync.startswith(bytes(buffer[at:]))), len(buffer))


def length(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> SizedFraming:
    """Frames that say how long they are."""
    options = config.length or LengthFrames()
    least = (seal.size if seal else 0) + len(options.end)
    return SizedFraming(Prefixed(options, config.max_frame, least), options, seal, clock, late)


def fixed(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> SizedFraming:
    """Frames of one size."""
    assert config.fixed is not None
    return SizedFraming(Fixed(config.fixed), config.fixed, seal, clock, late)
