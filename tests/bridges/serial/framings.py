"""Every framing in some shapes, for tests that hold for all of them."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.task import Clock

from bridges.serial.config import SerialConfig
from bridges.serial.framing import Frame, Framing, framing
from bridges.values import BadValue

CRC = {"checksum": {"type": "crc-32", "order": "little"}}
UBX = {
    "framing": "length",
    "length": {"sync": "\xb5b", "offset": 4, "width": 2, "order": "little", "adjust": 2},
    "checksum": {"type": "ubx", "start": 2},
}
HDLC = {"start": "~", "end": "~", "escape": "}", "escape_xor": 32}
DLE = {"start": "\x10\x02", "end": "\x10\x03", "escape": "\x10"}

SHAPES: dict[str, dict[str, Any]] = {
    "line": {},
    "line-crlf": {"delimiter": "\r\n"},
    "line-sum": {"checksum": {"type": "sum", "mark": "*"}},
    "slip": {"framing": "slip"},
    "slip-crc": {"framing": "slip", **CRC},
    "cobs": {"framing": "cobs"},
    # without something xored at the end, a CRC does not see that its last byte, a zero, is missing
    "cobs-crc": {"framing": "cobs", "checksum": {"type": "crc-16/usb"}},
    "length": {"framing": "length"},
    "length-crc": {"framing": "length", "length": {"width": 2, "adjust": 4, "timeout": 0.5}, **CRC},
    "length-sync-crc": {"framing": "length", "length": {"sync": "ab", "includes_head": True, "end": "\n"}, **CRC},
    "length-ubx": UBX,
    "fixed": {"framing": "fixed", "fixed": {"size": 6}},
    "fixed-sync": {"framing": "fixed", "fixed": {"size": 10, "sync": "\xaa\xc0", "end": "\xab"}},
    "fixed-crc": {"framing": "fixed", "fixed": {"size": 10}, **CRC},
    "enclosed": {"framing": "enclosed"},
    "enclosed-crc": {"framing": "enclosed", "enclosed": {"start": "<<", "end": ">>>", "escape": "\\"}, **CRC},
    "enclosed-dle": {"framing": "enclosed", "enclosed": DLE},
    "enclosed-flip": {"framing": "enclosed", "enclosed": {**HDLC, "start": "{"}},
    "enclosed-hdlc": {"framing": "enclosed", "enclosed": HDLC, "checksum": {"type": "crc-16/x-25", "order": "little"}},
    "enclosed-same": {"framing": "enclosed", "enclosed": {"start": ";", "end": ";"}},
    "gap": {"framing": "gap"},
    "gap-crc": {"framing": "gap", "gap": {"characters": 3.5}, "checksum": {"type": "crc-16/modbus", "order": "little"}},
}
#: body of a frame that fits into each of those that have a size of their own
SIZES = {"fixed": 6, "fixed-sync": 7, "fixed-crc": 6}


def configured(**options: Any) -> SerialConfig:
    section = {"type": "serial", "id": "k", "realm": "r", "device": "/dev/ttyUSB0", "decode": "raw", **options}
    return msgspec.convert(section, SerialConfig)


class Line:
    """A framing with a clock, and all that came out of it.

    frames: contents. bad: what was wrong.
    """

    def __init__(self, options: dict[str, Any], max_frame: int = 4_096) -> None:
        self.clock = Clock()
        self.framing: Framing = framing(configured(**{"max_frame": max_frame, **options}), self.clock, self._take)
        self.frames: list[bytes] = []
        self.bad: list[str] = []

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            if isinstance(frame, BadValue):
                self.bad.append(str(frame))
            else:
                self.frames.append(frame)

    def feed(self, *pieces: bytes) -> Line:
        for piece in pieces:
            self._take(self.framing.feed(piece))
        return self

    def silent(self, seconds: float = 2.0) -> Line:
        """Nothing comes for a while."""
        self.clock.advance(seconds)
        assert not self.clock.getDelayedCalls(), "a silent line needs no timer"
        return self
