"""What a serial bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from bridges.config import Field, Seconds, Uri, field_topics
from bridges.serial.portconfig import PortConfig
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
Separator = Annotated[
    str, Meta(pattern='^[^"\\r\\n\\x00]$', extra={"words": 'one character, but no quote or line end, as ";" or "\\t"'})
]


FewBytes = Annotated[str, Meta(pattern="^[\\x00-\\xff]{0,16}$", extra={"words": "up to 16 bytes"})]
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
]


class LineChecksum(Section, kw_only=True):
    """The checksum at the end of each line, as hexadecimal digits.

    type: its name in the catalogue of CRC algorithms, as `crc-16/modbus`, or `xor`, or `sum`, the lowest byte of the
    bytes' sum. order: of its bytes: the highest first (`big`), or the lowest (`little`). mark: what is between the line
    and its checksum; not summed up. skip: what a line may begin with that is not summed up, as `$` in NMEA 0183.
    """

    type: ChecksumName
    order: Literal["big", "little"] = "big"
    mark: FewBytes = ""
    skip: FewBytes = ""


class SerialConfig(PortConfig, tag="serial", kw_only=True):
    """A device on a serial line: each line it sends becomes an event, and `<topic>.write` sends lines to it.

    Events of `topic` have args [value] and kwargs {bridge, seq, ts, ts_quality}: the frame's number since the start,
    the time it came in as milliseconds since 1970 (UTC), and `synced` or `unsynced` for whether the clock was right.
    `<topic>.status` tells of the device: args [`open`, `away` or `stopped`], kwargs with counts and the last error;
    `<topic>.get_status` returns the same, or `opening`.

    framing: how frames are told apart; `line` ends them with the delimiter. delimiter: ends a frame; after a line
    feed, a carriage return before it is dropped too. checksum: at the end of each line, before the delimiter; a line
    without it, or with a wrong one, is a bad frame, and what is written gets one. write_delimiter: ends what is
    written; left out, the delimiter. max_frame: bytes of a frame; a longer one is dropped and counted. max_write:
    bytes of a line to write.

    decode: what a frame holds: `json`; `csv`, with `columns`; `keyvalue`, as in `a=1 b=2` or `a:1,b:2`; `raw`, text as
    it is. encoding: of text; with `binary` a raw frame is published as bytes. columns: the names of csv's columns; an
    empty name drops its column. separator: between csv's columns. topic: where frames are published; left out, the
    bridge's id. stale_after: seconds without a good frame after which the last one is published once more with
    `stale: true`, and the status has `silent: true`, until the next one. fields: name -> a field of the frame with a
    topic of its own; a name with dots goes into objects. A field changes the frame's value too: `scale` and the like
    are applied before either is published. A frame with a bad field is not published at all.
    """

    SIM_KINDS: ClassVar[str | None] = "bridges.serial.simkinds:SIM_KINDS"
    SIM_MACHINES: ClassVar[str | None] = "bridges.serial.simdevices:MACHINES"

    framing: Literal["line"] = "line"
    delimiter: Bytes = "\n"
    checksum: LineChecksum | None = None
    write_delimiter: Bytes | None = None
    max_frame: Annotated[int, Meta(ge=1, le=65_536)] = 4_096
    max_write: Annotated[int, Meta(ge=1, le=65_536)] = 4_096
    decode: Literal["json", "csv", "keyvalue", "raw"] = "json"
    encoding: Literal["utf-8", "ascii", "latin-1", "binary"] = "utf-8"
    columns: list[str] = []
    separator: Separator = ","
    topic: Uri | None = None
    stale_after: Seconds | None = None
    fields: dict[str, Field] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        super().__post_init__()
        if self.decode == "csv" and not any(self.columns):
            raise ValueError("decode: csv needs the names of the columns, such as columns: [temperature, humidity]")
        if self.columns and self.decode != "csv":
            raise ValueError(f"columns are for decode: csv, but decode is {self.decode}")
        named = [name for name in self.columns if name]
        if len(named) != len(set(named)):
            raise ValueError("columns has a name twice; each has to be another, or empty to drop its column")
        if self.encoding == "binary" and self.decode != "raw":
            raise ValueError(f"encoding: binary is for decode: raw, but decode is {self.decode}")
        if self.fields and self.decode == "raw":
            raise ValueError("fields need a frame with names; decode: raw has none, try json, csv or keyvalue")
        if self.columns:
            unknown = [name for name in self.fields if name not in named]
            if unknown:
                raise ValueError(f"field {unknown[0]!r} is none of the columns {', '.join(named)}")
        field_topics(self.base_topic, self.fields)

    @property
    def base_topic(self) -> str:
        """Where frames are published; status and procedures are below it."""
        return self.topic or self.id
