"""Frames with silence between them."""

from __future__ import annotations

from typing import Final

from bridges.clock import Clock
from bridges.serial.framing import Late
from bridges.serial.framingconfig import FramingConfig, GapFrames
from bridges.serial.sealing import Seal
from bridges.serial.silence import Silence
from bridges.values import BadValue

#: seconds; what a USB adapter may wait before it hands over what it has is below it
USUAL: Final = 0.02
#: seconds; shorter ones are not to be told from a reactor that has other things to do
SHORTEST: Final = 0.001


class GapFraming:
    """Frames that end when nothing comes for a while.

    seconds: of silence. max_frame: bytes of a frame; a longer one is dropped. seal: its checksum, or None.
    clock: monotonic time. late: called with a frame that became complete by the silence.

    overlong: frames dropped since the start. noise: 0, for all bytes belong to some frame.
    """

    def __init__(
        self,
        seconds: float,
        max_frame: int,
        seal: Seal | None,
        clock: Clock,
        late: Late,
    ) -> None:
        self._max_frame = max_frame
        self._seal = seal
        self._late = late
        self._silence = Silence(seconds, clock, self._over)
        self._buffer = bytearray()
        self._skipping = False
        self.overlong = 0
        self.noise = 0

    def feed(self, data: bytes) -> list[bytes | BadValue]:
        """Take what was read; the result is a frame that ended before, and was not told yet."""
        frames = self._frame() if self._silence.overdue() else []
        self._silence.broken()
        if not self._skipping:
            self._buffer += data
            if len(self._buffer) > self._max_frame:
                self.overlong += 1
                self._skipping = True
                self._buffer.clear()
        return frames

    def restart(self, before: bytes) -> bool:
        """The line was opened anew; nobody knows whether within a frame. The result: whether one was lost.

        before: the last bytes that came and were dropped. If there are any, what comes up to the next silence is
        dropped, too.
        """
        lost = bool(self._buffer)
        self._buffer.clear()
        self._silence.stop()
        self._skipping = bool(before)
        if before:
            self._silence.broken()
        return lost or self._skipping

    def stop(self) -> None:
        """Wait for no silence any more. Idempotent."""
        self._silence.stop()

    def encode(self, body: bytes) -> bytes:
        """A frame as it is sent."""
        return body if self._seal is None else self._seal.close(body)

    def _over(self) -> None:
        frames = self._frame()
        if frames:
            self._late(frames)

    def _frame(self) -> list[bytes | BadValue]:
        frame = bytes(self._buffer)
        self._buffer.clear()
        self._skipping = False
        if not frame:
            return []
        try:
            return [frame if self._seal is None else self._seal.open(frame)]
        except BadValue as error:
            return [error]


def gap(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> GapFraming:
    """Frames with silence between them."""
    options = config.gap or GapFrames()
    characters = None if options.characters is None else options.characters * config.character
    seconds = max(options.seconds or characters or USUAL, SHORTEST)
    return GapFraming(seconds, config.max_frame, seal, clock, late)
