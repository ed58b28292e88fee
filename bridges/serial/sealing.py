"""The checksum at the end of a line, as hexadecimal digits: looked at and taken away, or put there.

NMEA 0183 is the model (`$GPGLL,...*1D`): what is between the first character and the mark is summed up.
"""

from __future__ import annotations

from typing import Final

from bridges.serial.checksums import checksum
from bridges.serial.config import LineChecksum
from bridges.values import BadValue, shown

_HEX: Final = b"0123456789abcdefABCDEF"


class Seal:
    """What a line's checksum is, and where.

    options: its section of the configuration.
    """

    __slots__ = ("_digits", "_little", "_mark", "_name", "_of", "_skip")

    def __init__(self, options: LineChecksum) -> None:
        width, self._of = checksum(options.type)
        self._name = options.type
        self._digits = width * 2
        self._little = options.order == "little"
        self._mark = options.mark.encode("latin-1")
        self._skip = options.skip.encode("latin-1")

    def open(self, line: bytes) -> bytes:
        """The line without mark and checksum. Raises BadValue if there is none, or it is wrong."""
        body, digits = line[: -self._digits], line[-self._digits :]
        if len(digits) < self._digits or digits.strip(_HEX) or not body.endswith(self._mark):
            raise BadValue(f"no checksum of {self._digits} hexadecimal digits at the end of {shown(line)}")
        body = body[: len(body) - len(self._mark)]
        right = self._sum(body)
        if digits.upper() != right:
            raise BadValue(f"the checksum {self._name} is {right.decode()}, not as at the end of {shown(line)}")
        return body

    def close(self, line: bytes) -> bytes:
        """The line with mark and checksum."""
        return line + self._mark + self._sum(line)

    def _sum(self, body: bytes) -> bytes:
        value = self._of(body.removeprefix(self._skip))
        data = value.to_bytes(self._digits // 2, "little" if self._little else "big")
        return data.hex().upper().encode()
