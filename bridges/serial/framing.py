"""Bytes from the line to frames and back. Whatever arrives, memory stays below `max_frame` and one read.

Here is what every framing is, and the one that a configuration asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bridges.clock import Clock
from bridges.serial.delimited import DelimitedFraming
from bridges.serial.enclosed import EnclosedFraming
from bridges.serial.framingconfig import EnclosedFrames, FramingConfig, GapFrames, LengthFrames
from bridges.serial.gap import USUAL, GapFraming
from bridges.serial.sealing import Seal
from bridges.serial.sized import Fixed, Prefixed, SizedFraming
from bridges.serial.stuffing import COBS_END, SLIP_END, Escape, cobs, slip, uncobs, unslip
from bridges.values import BadValue

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
    seal = None if config.checksum is None else Seal(config.checksum, config.in_hex)
    return _FRAMINGS[config.framing](config, seal, clock, late)


def _line(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: Late) -> Framing:
    delimiter = config.delimiter.encode("latin-1")
    end = (config.write_delimiter or config.delimiter).encode("latin-1")

    def pack(line: bytes) -> bytes:
        if end in line:
            raise ValueError(f"one line at a time: it has the delimiter {end!r} inside")
        return (line if seal is None else seal.close(line)) + end

    return DelimitedFraming(delimiter, config.max_frame, None if seal is None else seal.open, pack)


def _slip(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: Late) -> Framing:
    return _stuffed(config, seal, SLIP_END, unslip, lambda body: SLIP_END + slip(body) + SLIP_END)


def _cobs(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: Late) -> Framing:
    return _stuffed(config, seal, COBS_END, uncobs, lambda body: cobs(body) + COBS_END)


def _stuffed(
    config: FramingConfig,
    seal: Seal | None,
    delimiter: bytes,
    unstuff: Callable[[bytes], bytes],
    stuff: Callable[[bytes], bytes],
) -> Framing:
    """stuff: with the delimiters that are sent."""
    if seal is None:
        return DelimitedFraming(delimiter, config.max_frame, unstuff, stuff)
    opened, closed = seal.open, seal.close
    return DelimitedFraming(
        delimiter, config.max_frame, lambda frame: opened(unstuff(frame)), lambda body: stuff(closed(body))
    )


def _length(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> Framing:
    options = config.length or LengthFrames()
    least = (seal.size if seal else 0) + len(options.end)
    return SizedFraming(Prefixed(options, config.max_frame, least), options, seal, clock, late)


def _fixed(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> Framing:
    assert config.fixed is not None
    return SizedFraming(Fixed(config.fixed), config.fixed, seal, clock, late)


def _enclosed(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: Late) -> Framing:
    options = config.enclosed or EnclosedFrames()
    start, end = options.start.encode("latin-1"), options.end.encode("latin-1")
    mark = (options.escape or "").encode("latin-1")
    special = b"".join(byte for byte in {start[:1], end[:1]} if byte != mark)
    escape = Escape(mark, options.escape_xor, special) if mark else None
    if start != end:
        return EnclosedFraming(start, end, escape, mark, bool(options.escape_xor), config.max_frame, seal)
    if escape is not None:
        stuff = escape.stuff
        return _stuffed(config, seal, end, escape.unstuff, lambda body: start + stuff(body) + end)

    def plain(body: bytes) -> bytes:
        if start in body:
            raise ValueError(f"a frame cannot have its start and end {start!r} inside")
        return start + body + end

    return _stuffed(config, seal, end, bytes, plain)


def _gap(config: FramingConfig, seal: Seal | None, clock: Clock, late: Late) -> Framing:
    options = config.gap or GapFrames()
    characters = None if options.characters is None else options.characters * config.character
    seconds = options.seconds or characters or USUAL
    return GapFraming(seconds, config.max_frame, seal, clock, late)


_FRAMINGS: Final[dict[str, Callable[[FramingConfig, Seal | None, Clock, Late], Framing]]] = {
    "line": _line,
    "slip": _slip,
    "cobs": _cobs,
    "length": _length,
    "fixed": _fixed,
    "enclosed": _enclosed,
    "gap": _gap,
}
