r"""What passed on a serial line, with its timing, as text that an editor shows: `edge-router record` and `replay`.

    edge-router recording 1
    # device: /dev/ttyUSB0
    # baudrate: 9600
    0.000000 < {"t": 21.5}\r\n
    1.203114 > led on\n
    1.210533 < \x00\xff
    9.000000 ! it was unplugged or hung up

The first line says what it is, and of which version. Then one line for each read or write: seconds since the begin,
`<` from the device, `>` to it or `!` what happened to it, and the bytes: printable ASCII as it is, and `\\`, `\n`,
`\r`, `\t`, `\xHH`. A `#` begins a line of remarks. No Twisted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FIRST_LINE: Final = "edge-router recording 1"
#: characters; a read is far below
LONGEST_LINE: Final = 1_048_576
DIRECTIONS: Final = "<>!"

_RECORD: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ([<>!]) (.*)")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.?))")
_SHORT: Final = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPED: Final = {
    byte: chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in range(256)
} | {ord(char): f"\\{name}" for name, char in _SHORT.items()}


class BadRecording(ValueError):
    """It is no recording, or a line of it cannot be read; says where."""


class Record(NamedTuple):
    """One read or write. seconds: since the begin. direction: of DIRECTIONS. data: the bytes, or what happened."""

    seconds: float
    direction: str
    data: bytes


def line(record: Record) -> str:
    """A record as a line of the file, with its end. A blank at the end would be lost in an editor, so it is escaped."""
    text = "".join(map(_ESCAPED.__getitem__, record.data))
    if text.endswith(" "):
        text = text[:-1] + "\\x20"
    return f"{record.seconds:.6f} {record.direction} {text}\n"


def head(remarks: dict[str, str]) -> str:
    """The lines that a recording begins with. remarks: what is worth knowing of the device."""
    return "".join(f"{text}\n" for text in (FIRST_LINE, *(f"# {name}: {value}" for name, value in remarks.items())))


class Recording:
    """A recording in a file, read line by line, however long it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def remarks(self) -> dict[str, str]:
        """Those that the recorder wrote, such as `device` and `baudrate`. Raises OSError and BadRecording."""
        found = {}
        for _, text in self._lines():
            if not text.startswith("#"):
                break
            name, colon, value = text[1:].partition(":")
            if colon:
                found[name.strip()] = value.strip()
        return found

    def records(self) -> Iterator[Record]:
        """In order. Raises OSError and BadRecording, also in the middle."""
        latest = 0.0
        for number, text in self._lines():
            if not text.strip() or text.startswith("#"):
                continue
            found = _RECORD.fullmatch(text)
            if found is None:
                raise self._bad(number, f"no `SECONDS < BYTES`, with < or > or !, but {text[:40]!r}")
            seconds = float(found[1])
            if seconds < latest:
                raise self._bad(number, f"{seconds:.6f} is before the line above, which was at {latest:.6f}")
            latest = seconds
            yield Record(seconds, found[2], self._bytes(number, found[3]))

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Number and text of each line after the first. Raises OSError and BadRecording."""
        with self._path.open(encoding="latin-1", newline="\n") as file:
            first = file.readline(LONGEST_LINE)
            if first.rstrip() != FIRST_LINE:
                raise self._bad(1, f"no recording: it has to begin with {FIRST_LINE!r}")
            for number in range(2, 2**63):
                text = file.readline(LONGEST_LINE)
                if not text:
                    return
                if len(text) == LONGEST_LINE:
                    raise self._bad(number, f"a line of more than {LONGEST_LINE} characters")
                yield number, text.removesuffix("\n").removesuffix("\r")

    def _bytes(self, number: int, text: str) -> bytes:
        def plain(found: re.Match[str]) -> str:
            if found[1]:
                return chr(int(found[1], 16))
            if found[2] not in _SHORT:
                raise self._bad(number, f"{found[0]!r} is no escape; there are \\\\ \\n \\r \\t \\xHH")
            return _SHORT[found[2]]

        return _ESCAPE.sub(plain, text).encode("latin-1")

    def _bad(self, number: int, text: str) -> BadRecording:
        return BadRecording(f"{self._path}:{number}: {text}")
