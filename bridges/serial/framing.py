"""Bytes from the line to frames and back. Whatever arrives, memory stays below `max_frame` and one read.

Here is what every framing is; the one that a configuration asks for is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bridges.clock import Clock
from bridges.serial.framingconfig import FramingConfig
from bridges.values import BadValue
from edge_router import registry

#: a frame's contents, or what is wrong with it
Frame = bytes | BadValue
Late = Callable[[list[Frame]], object]


class Framing(Protocol):
    """overlong: frames dropped since the start, for they were over max_frame. noise: bytes outside of frames."""

    overlong: int
    noise: int

    def feed(self, data: bytes) -> list[Frame]:
        """Take what was read; the result is the frames that became complete."""

    def restart(self, before: bytes) -> bool:
        """The line was opened anew, or lost. before: the last bytes that came before and were dropped. The result:
        whether a frame was lost that had begun.
        """

    def stop(self) -> None:
        """Set no timer any more. Idempotent."""

    def encode(self, body: bytes) -> bytes:
        """A frame as it is sent, with checksum. Raises ValueError, in plain words, if there is no such frame."""


def framing(config: FramingConfig, clock: Clock, late: Late) -> Framing:
    """The framing that a bridge is configured for.

    clock: monotonic time. late: called with frames that became complete because nothing came after them.
    """
    seal = None
    if config.checksum is not None:
        seal = registry.load("bridges.serial.sealing:Seal")(config.checksum, config.in_hex)
    made: Framing = registry.load(_FRAMINGS[config.framing])(config, seal, clock, late)
    return made


#: value of `framing` -> what makes it of the configuration, its Seal or None, a clock and `late`
_FRAMINGS: Final = {
    "line": "bridges.serial.delimited:line",
    "slip": "bridges.serial.stuffed:slip_frames",
    "cobs": "bridges.serial.stuffed:cobs_frames",
    "length": "bridges.serial.sized:length",
    "fixed": "bridges.serial.sized:fixed",
    "enclosed": "bridges.serial.enclosed:enclosed",
    "gap": "bridges.serial.gap:gap",
}
