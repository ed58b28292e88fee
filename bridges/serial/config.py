"""What a serial bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bridges.config import Field, Seconds, Uri, field_topics
from bridges.serial.exchange_config import ExchangeConfig

Separator = Annotated[
    str, Meta(pattern='^[^"\\r\\n\\x00]$', extra={"words": 'one character, but no quote or line end, as ";" or "\\t"'})
]


class SerialConfig(ExchangeConfig, tag="serial", kw_only=True):
    """A device on a serial line: each frame it sends, a line say, becomes an event, and `<topic>.write` sends frames.

    Events of `topic` have args [value] and kwargs {bridge, seq, ts, ts_quality}: the frame's number since the start,
    the time it came in as milliseconds since 1970 (UTC), and `synced` or `unsynced` for whether the clock was right.
    `<topic>.status` tells of the device: args [`open`, `away` or `stopped`], kwargs with counts and the last error;
    `<topic>.get_status` returns the same, or `opening`.

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
        if self.decode == "raw" and set(self.fields) - set(self.answer_fields):
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
