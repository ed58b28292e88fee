"""How frames are told apart on a serial line, and what their checksums are: that part of the configuration. No Twisted.

RFC 1055 (slip), RFC 1662 (byte stuffing), Cheshire & Baker 1999 (cobs).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.serial.portconfig import PortConfig
from edge_router import registry
from edge_router.config.schema import Section

#: bytes
LONGEST_DELIMITER: Final = 16
#: Characters U+0000 to U+00FF; each stands for the byte of that number.
Bytes = Annotated[
    str,
    Meta(
        pattern=f"^[\\x00-\\xff]{{1,{LONGEST_DELIMITER}}}$",
        extra={"words": '1 to 16 bytes, as "\\r\\n" or "\\xfe" in double quotes'},
    ),
]
FewBytes = Annotated[str, Meta(pattern="^[\\x00-\\xff]{0,16}$", extra={"words": "up to 16 bytes"})]
OneByte = Annotated[str, Meta(pattern="^[\\x00-\\xff]$", extra={"words": 'one byte, as "\\x7d" in double quotes'})]
#: seconds of silence
Silence = Annotated[float, Meta(ge=0.001, le=3_600)]
ChecksumName = Literal[
    "crc-8/smbus",
    "crc-8/maxim-dow",
    "crc-8/sae-j1850",
    "crc-8/nrsc-5",
    "crc-16/arc",
    "crc-16/modbus",
    "crc-16/usb",
    "crc-16/ibm-3740",
    "crc-16/xmodem",
    "crc-16/kermit",
    "crc-16/ibm-sdlc",
    "crc-16/dnp",
    "crc-32/iso-hdlc",
    "crc-32/mpeg-2",
    "crc-32/iscsi",
    "crc-8",
    "crc-16/ccitt-false",
    "crc-16/x-25",
    "crc-32",
    "xor",
    "sum",
    "sum-16",
    "sum-inverted",
    "lrc",
    "ubx",
]
#: framings whose frames have a head, of which a checksum may tell where it begins
SIZED: Final = ("length", "fixed")


class FrameChecksum(Section, kw_only=True):
    """The checksum at the end of each frame.

    type: its name in the catalogue of CRC algorithms, as `crc-16/modbus`; or `xor`; or `sum`, the lowest byte of the
    bytes' sum, `sum-16`, the lowest two, `sum-inverted`, all bits of `sum` the other way round, `lrc`, what makes `sum`
    zero; or `ubx`, the two bytes of u-blox's UBX. form: how it is written: as hexadecimal digits (`hex`) or as
    it is (`binary`); left out, `hex` with framing: line, else `binary`. order: of its bytes: the highest first
    (`big`), or the lowest (`little`). mark: what is between the frame and its checksum; not summed up. skip: what a
    frame may begin with that is not summed up, as `$` in NMEA 0183. start: with framing: length or fixed, the byte
    from which on is summed up, counted from 0 at the very begin of the frame, its head included; left out, what is
    after the head.
    """

    type: ChecksumName
    form: Literal["hex", "binary"] | None = None
    order: Literal["big", "little"] = "big"
    mark: FewBytes = ""
    skip: FewBytes = ""
    start: Annotated[int, Meta(ge=0, le=64)] | None = None


class SizedFrames(Section, kw_only=True):
    """What frames have whose size is known.

    sync: what each begins with. end: what each ends with, after the checksum. keep_head: whether the decoder sees sync
    and length, too. timeout: seconds of silence after which a frame that has
    begun will not be completed any more.
    """

    sync: FewBytes = ""
    end: FewBytes = ""
    keep_head: bool = False
    timeout: Silence = 1.0


class LengthFrames(SizedFrames, kw_only=True):
    """Frames that say how long they are. The contents are what is after the length, and before it what is between it
    and sync.

    offset: bytes of the frame before the length, sync among them; left out, those of sync. width: bytes of the
    length. order: of its bytes: the highest first (`big`), or the lowest (`little`). adjust: is added to the length to
    have the number of bytes after it, checksum and end among them. includes_head: whether the length counts the bytes
    before it and its own, too.
    """

    offset: Annotated[int, Meta(ge=0, le=64)] | None = None
    width: Literal[1, 2, 3, 4] = 1
    order: Literal["big", "little"] = "big"
    adjust: Annotated[int, Meta(ge=-65_536, le=65_536)] = 0
    includes_head: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a length that would stand in the sync bytes."""
        if self.offset is not None and self.offset < len(self.sync):
            raise ValueError(f"offset {self.offset} is within the {len(self.sync)} bytes of sync; it is counted from 0")

    @property
    def before(self) -> int:
        """Bytes of a frame before its length."""
        return len(self.sync) if self.offset is None else self.offset


class FixedFrames(SizedFrames, kw_only=True):
    """Frames that all have the same size.

    size: bytes of a frame, with sync, checksum and end.
    """

    size: Annotated[int, Meta(ge=1, le=65_536)]


class EnclosedFrames(Section, kw_only=True):
    """Frames between a start and an end; both may be the same, as in HDLC.

    start: what a frame begins with. end: what it ends with. escape: the byte that says that the next one is no start
    and no end, but contents; without it, contents cannot have start and end inside. escape_xor: what the byte after
    the escape is combined with by exclusive or: 32 in HDLC, 0 where it stands as it is.
    """

    start: Bytes = "\x02"
    end: Bytes = "\x03"
    escape: OneByte | None = None
    escape_xor: Annotated[int, Meta(ge=0, le=255)] = 0

    def __post_init__(self) -> None:
        """Raises ValueError for marks that cannot be told apart."""
        start, end, escape = self.start, self.end, self.escape
        if start != end and (start.startswith(end) or end.startswith(start)):
            raise ValueError("start and end begin alike, so they cannot be told apart; make them other bytes")
        if escape is None:
            if self.escape_xor:
                raise ValueError('escape_xor needs an escape, such as escape: "\\x7d"')
            return
        for mark in (start, end):
            if self.escape_xor and escape in mark:
                raise ValueError("escape is a part of start or end; with escape_xor it has to be another byte")
            if mark.startswith(escape) and len(mark) != 2:
                raise ValueError("a start or an end that begins with the escape has to have two bytes, as DLE STX")
        if self.escape_xor:
            apart = chr(ord(escape) ^ self.escape_xor), chr(ord(start[0]) ^ self.escape_xor)
            if {*apart, chr(ord(end[0]) ^ self.escape_xor)} & {escape, start[0], end[0]}:
                raise ValueError("escape_xor makes of start, end or escape another of them; 32 is usual")
        elif start == end:
            raise ValueError("a start that is the end, too, needs an escape_xor that makes it another byte, as 32")


class GapFrames(Section, kw_only=True):
    """Frames with silence between them.

    seconds: of silence that end a frame. characters: the same in the time that a character takes at the baudrate, but a
    millisecond at least; give one of the two, else it is 0.02 seconds. USB adapters hand over what they have every 1
    to 16 ms: a shorter silence may be theirs.
    """

    seconds: Silence | None = None
    characters: Annotated[float, Meta(ge=1, le=1_000)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for both."""
        if self.seconds is not None and self.characters is not None:
            raise ValueError("give seconds or characters, not both")


class FramingConfig(PortConfig, kw_only=True):
    """A serial line with frames on it.

    framing: how frames are told apart: `line` ends them with the delimiter; `slip` (RFC 1055) and `cobs`, which ends
    them with a zero byte, let them hold any bytes; so do `length`, frames that say how long they are, `fixed`, frames
    of one size, `enclosed`, frames with start and end, and `gap`, frames with silence between them; these have options
    of their own under that name. delimiter: ends a frame; after a line feed, a carriage return before it is dropped
    too. length, fixed, enclosed, gap: options of that framing. checksum: at the end of each frame, before what ends
    it; a frame without it, or with a wrong one, is a bad frame, and what is written gets one. write_delimiter: ends
    what is written; left out, the delimiter. max_frame: bytes of a frame, as they come over the line; a longer one is
    dropped and counted. max_write: bytes of a frame to write.
    """

    framing: Literal["line", "slip", "cobs", "length", "fixed", "enclosed", "gap"] = "line"
    delimiter: Bytes = "\n"
    length: LengthFrames | None = None
    fixed: FixedFrames | None = None
    enclosed: EnclosedFrames | None = None
    gap: GapFrames | None = None
    checksum: FrameChecksum | None = None
    write_delimiter: Bytes | None = None
    max_frame: Annotated[int, Meta(ge=1, le=65_536)] = 4_096
    max_write: Annotated[int, Meta(ge=1, le=65_536)] = 4_096

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        super().__post_init__()
        for name in ("length", "fixed", "enclosed", "gap"):
            if getattr(self, name) is not None and self.framing != name:
                raise ValueError(f"{name} is for framing: {name}, but framing is {self.framing}")
        if self.framing != "line" and (self.delimiter != "\n" or self.write_delimiter is not None):
            raise ValueError(f"delimiter and write_delimiter are for framing: line, but framing is {self.framing}")
        if self.framing == "fixed" and self.fixed is None:
            raise ValueError("framing: fixed needs the size of a frame, such as fixed: {size: 10}")
        if self.checksum is not None and self.checksum.start is not None and self.framing not in SIZED:
            raise ValueError(f"a checksum's start is for framing: {' or '.join(SIZED)}, whose frames have a head")
        if self.fixed is not None:
            self._check_size(self.fixed)

    def _check_size(self, fixed: FixedFrames) -> None:
        if fixed.size > self.max_frame:
            raise ValueError(f"frames of {fixed.size} bytes (fixed) are over max_frame, {self.max_frame}")
        around = self._around(fixed)
        if fixed.size <= around:
            raise ValueError(f"size {fixed.size} leaves no byte besides sync, checksum and end, which have {around}")

    def _around(self, fixed: FixedFrames) -> int:
        around = len(fixed.sync) + len(fixed.end)
        if self.checksum is None:
            return around
        checksum = registry.load("bridges.serial.checksums:checksum")
        return int(around + checksum(self.checksum.type).width * (2 if self.in_hex else 1) + len(self.checksum.mark))

    @property
    def contents(self) -> int:
        """Bytes that a decoder sees of each frame; 0 if they differ."""
        if self.fixed is None:
            return 0
        return self.fixed.size - self._around(self.fixed) + (len(self.fixed.sync) if self.fixed.keep_head else 0)

    @property
    def in_hex(self) -> bool:
        """Whether checksums are hexadecimal digits."""
        form = None if self.checksum is None else self.checksum.form
        return form == "hex" if form else self.framing == "line"

    @property
    def character(self) -> float:
        """Seconds that a character takes: its start bit, its bits, its check bit, its stop bits."""
        return (1 + self.bytesize + (self.parity != "none") + self.stopbits) / self.baudrate
