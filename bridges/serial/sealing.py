"""The checksum at the end of a frame: looked at and taken away, or put there.

As hexadecimal digits NMEA 0183 is the model (`$GPGLL,...*1D`): what is between the first character and the mark is
summed up. As it is, it is the last bytes of a binary frame.
"""

from __future__ import annotations

from typing import Final

from bridges.serial.checksums import checksum
from bridges.serial.framingconfig import FrameChecksum
from bridges.values import BadValue, NoFrame, shown

_HEX: Final = b"0123456789abcdefABCDEF"


class Seal:
    """What a frame's checksum is, and where.

    options: its section of the configuration. in_hex: whether it is hexadecimal digits, or as it is.

    size: bytes that it adds to a frame.
    """

    __slots__ = ("_digits", "_hex", "_mark", "_name", "_of", "_order", "_skip", "_start", "_width", "size")

    def __init__(self, options: FrameChecksum, in_hex: bool = True) -> None:
        self._width, self._of = checksum(options.type)
        self._name = options.type
        self._hex = in_hex
        self._digits = self._width * 2 if in_hex else self._width
        self._order = options.order
        self._mark = options.mark.encode("latin-1")
        self._skip = options.skip.encode("latin-1")
        self._start = options.start
        self.size = len(self._mark) + self._digits

    def open(self, frame: bytes, head: bytes = b"") -> bytes:
        """The frame without mark and checksum.

        head: what was before it, of which a part may be summed up. Raises BadValue if there is no checksum, or it is
        wrong.
        """
        body, found = frame[: -self._digits], frame[-self._digits :]
        if len(found) < self._digits or (self._hex and found.strip(_HEX)) or not body.endswith(self._mark):
            kind = "hexadecimal digits" if self._hex else "bytes"
            raise NoFrame(f"no checksum of {self._digits} {kind} at the end of {shown(frame)}", frame)
        body = body[: len(body) - len(self._mark)]
        right = self._sum(body, head)
        if (found.upper() if self._hex else found) != right:
            name = right.decode() if self._hex else right.hex(" ")
            raise BadValue(f"the checksum {self._name} is {name}, not as at the end of {shown(frame)}")
        return body

    def close(self, body: bytes, head: bytes = b"") -> bytes:
        """The frame with mark and checksum. head: as for `open`."""
        return body + self._mark + self._sum(body, head)

    def _sum(self, body: bytes, head: bytes) -> bytes:
        summed = body if self._start is None else (head + body)[self._start :]
        data = self._of(summed.removeprefix(self._skip)).to_bytes(self._width, self._order)
        return data.hex().upper().encode() if self._hex else data
