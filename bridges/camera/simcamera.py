"""A camera that is not there: a program that takes a picture as the others do. Run with width, height, seconds, fault.

The picture is grey, a slope that moves with time, as a baseline JPEG (ISO/IEC 10918-1) of blocks of 8 x 8 pixels that
have but one brightness each. The standard library alone: it is started for each picture.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Iterator

#: annex K.3.1, table K.3: codes of the differences of brightness, by the number of their bits
_DC_LENGTHS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
_DC_CODES = ("00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110", "11111110", "111111110")
#: of all that is in a block besides its brightness there is but its end, `0`
_AC_LENGTHS = (1,) + (0,) * 15
#: one step of brightness: a block's value is eight times that of its pixels
_STEP = 8


def picture(width: int, height: int, seconds: float) -> bytes:
    """A whole JPEG. width, height: pixels. seconds: where the slope is."""
    size = struct.pack(">BHHB", 8, height, width, 1) + bytes((1, 0x11, 0))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0" + bytes((1, 1, 0, 0, 1, 0, 1, 0, 0))),
            _segment(0xDB, bytes((0,)) + bytes((_STEP,)) * 64),
            _segment(0xC0, size),
            _segment(0xC4, bytes((0x00, *_DC_LENGTHS)) + bytes(range(12))),
            _segment(0xC4, bytes((0x10, *_AC_LENGTHS)) + b"\0"),
            _segment(0xDA, bytes((1, 1, 0x00, 0, 63, 0))),
            _scan(width, height, seconds),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _scan(width: int, height: int, seconds: float) -> bytes:
    """Entropy-coded data: filled up with ones, and a zero after each octet of ones (F.1.2.3)."""
    bits = "".join(_blocks(-(-width // 8), -(-height // 8), int(seconds * 8)))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _blocks(columns: int, rows: int, shift: int) -> Iterator[str]:
    """Each block as its difference from the one before (F.1.2.1), and its end."""
    before = 0
    for row in range(rows):
        for column in range(columns):
            value = (column * 4 + row * 2 + shift) % 256 - 128
            difference, before = value - before, value
            length = abs(difference).bit_length()
            low = difference if difference >= 0 else difference + (1 << length) - 1
            yield _DC_CODES[length] + (f"{low:0{length}b}" if length else "") + "0"


def main(words: list[str]) -> int:
    """As a program: the picture to standard output. Result: the exit status."""
    width, height, seconds, fault = int(words[0]), int(words[1]), float(words[2]), words[3]
    if fault == "hang":
        time.sleep(3600)
    if fault in ("unplug", "drop"):
        sys.stderr.write(f"simulated: {'no cameras available' if fault == 'unplug' else 'the camera timed out'}\n")
        return 1
    made = picture(width, height, seconds)
    sys.stdout.buffer.write(made[: len(made) // 2] if fault == "garble" else made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
