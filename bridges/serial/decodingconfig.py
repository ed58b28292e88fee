"""What frames of a serial line hold: that part of the configuration. No Twisted here."""

from __future__ import annotations

import struct
from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.config import Field
from bridges.serial.framingconfig import FramingConfig
from edge_router import registry
from edge_router.config.schema import Section

Separator = Annotated[
    str, Meta(pattern='^[^"\\r\\n\\x00]$', extra={"words": 'one character, but no quote or line end, as ";" or "\\t"'})
]
ItemType = Literal[
    "uint8", "uint16", "uint24", "uint32", "uint64", "int8", "int16", "int24", "int32", "int64",
    "float16", "float32", "float64", "bool", "string", "bytes", "pad",
]  # fmt: skip
#: as struct(3) of Python has them; those of 24 bits it does not have
CODES: Final = {
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip
_WITHOUT_CODE: Final = {"uint24": 3, "int24": 3, "bool": 1}
WITH_SIZE: Final = ("string", "bytes", "pad")
Bit = Annotated[int, Meta(ge=0, le=63)]
BitRange = Annotated[
    list[Bit], Meta(min_length=2, max_length=2, extra={"words": "two numbers of bits [lowest, highest], from 0"})
]


class LayoutItem(Section, kw_only=True):
    """A part of a binary frame.

    type: what it is; `pad` is passed over. name: of its field; `pad` needs none. size: bytes of string, bytes and pad;
    left out at the last item of a layout, all that are left. A string ends at its first zero byte. count: how many of
    them there are, as a list. order: of its bytes, if it is another than the layout's. bits: the names of the bits of
    a whole number: name -> its number, from 0, the lowest; that is true or false; or [lowest, highest], a number.
    """

    type: ItemType
    name: Annotated[str, Meta(min_length=1)] | None = None
    size: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    count: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    order: Literal["big", "little"] | None = None
    bits: Annotated[dict[str, Bit | BitRange], Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for options that this type does not have."""
        if self.type == "pad" and (self.name or self.count):
            raise ValueError("pad has neither name nor count; its size says how much is passed over")
        if self.type != "pad" and self.name is None:
            raise ValueError(f"{self.type} needs a name; what nobody needs is passed over with type: pad")
        if self.size is not None and self.type not in WITH_SIZE:
            raise ValueError(f"size is for {', '.join(WITH_SIZE)}; {self.type} has one of its own")
        if self.count is not None and self.size is None and self.type in WITH_SIZE:
            raise ValueError(f"{self.count} of {self.type} need a size each")
        if self.bits is not None:
            self._check_bits(self.bits)

    def _check_bits(self, bits: dict[str, int | list[int]]) -> None:
        if not self.type.startswith("uint") or self.count is not None:
            raise ValueError(f"bits are for one uint8, uint16, ..., not for {self.type} or a list")
        for name, places in bits.items():
            low, high = (places, places) if isinstance(places, int) else places
            if not low <= high < self.bytes * 8:
                raise ValueError(f"bits {name!r}: {low} to {high} are none of the {self.bytes * 8} bits of {self.type}")

    @property
    def bytes(self) -> int:
        """Of one of it; 0 for what is left."""
        if self.type in WITH_SIZE:
            return self.size or 0
        return _WITHOUT_CODE.get(self.type) or struct.calcsize(f"<{CODES[self.type]}")


class Layout(Section, kw_only=True):
    """What stands where in a binary frame.

    items: one after the other. order: of the bytes of numbers: the lowest first (`little`), as most boards have it, or
    the highest (`big`). longer: whether frames may be longer; what is after the last item is passed over.
    """

    items: Annotated[list[LayoutItem], Meta(min_length=1, max_length=1_000)]
    order: Literal["little", "big"] = "little"
    longer: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for names that are there twice, and for no size where there has to be one."""
        names = [item.name for item in self.items if item.name is not None]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the name {twice!r} is there twice; each has to be another")
        open_ended = [item for item in self.items if not item.bytes]
        if open_ended and (len(open_ended) > 1 or self.items[-1] is not open_ended[0]):
            raise ValueError(f"{open_ended[0].type} needs a size; only the last item may take all that is left")

    @property
    def bytes(self) -> int:
        """Of a frame, at least."""
        return sum(item.bytes * (item.count or 1) for item in self.items)

    @property
    def open_ended(self) -> bool:
        """Whether frames may be longer."""
        return self.longer or not self.items[-1].bytes

    @property
    def names(self) -> list[str]:
        """Of the fields, those of bits with their item's name and a dot before them."""
        found = []
        for item in self.items:
            if item.name is not None:
                found += [item.name, *(f"{item.name}.{bit}" for bit in item.bits or ())]
        return found


class DecodingConfig(FramingConfig, kw_only=True):
    """What the frames of a serial line hold.

    decode: `json`; `csv`, with `columns`; `keyvalue`, as in `a=1 b=2` or `a:1,b:2`; `regex`, with `patterns`; `nmea`,
    sentences of NMEA 0183, as a GPS sends them; `raw`, text as it is; and binary frames, `cbor`, `msgpack`, and
    `struct`, with `layout`. encoding: of text; with `binary` a raw frame is published as bytes. columns: the names of
    csv's columns; an empty name drops its column. separator: between csv's columns. patterns: regular expressions in
    Python's syntax with named groups, `(?P<name>...)`, which become fields; the whole frame has to fit one of them,
    and the first that fits counts. layout: what stands where in a binary frame. sentences: which of nmea are taken, as
    [GGA, RMC]; others are passed over and counted; left out, all. unsealed: whether nmea's sentences may come without
    a checksum. log: whether lines of text that cannot be decoded, a device's own messages, are published to
    `<topic>.log`, instead of being bad frames.
    """

    decode: Literal["json", "csv", "keyvalue", "regex", "nmea", "raw", "cbor", "msgpack", "struct"] = "json"
    encoding: Literal["utf-8", "ascii", "latin-1", "binary"] = "utf-8"
    columns: list[str] = []
    separator: Separator = ","
    patterns: Annotated[list[str], Meta(max_length=50)] = []
    layout: Layout | None = None
    sentences: list[Annotated[str, Meta(pattern="^[A-Z0-9]{3}$", extra={"words": "three letters, as GGA"})]] = []
    unsealed: bool = False
    log: bool = False
    fields: dict[str, Field] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        super().__post_init__()
        for option, decode in OPTIONS.items():
            if getattr(self, option) and self.decode != decode:
                raise ValueError(f"{option} {VERBS[option]} for decode: {decode}, but decode is {self.decode}")
        for decode, (option, example) in NEEDS.items():
            if self.decode == decode and not getattr(self, option):
                raise ValueError(f"decode: {decode} needs {example}")
        if self.encoding == "binary" and self.decode != "raw":
            raise ValueError(f"encoding: binary is for decode: raw, but decode is {self.decode}")
        if self.decode == "raw" and set(self.fields) - set(self.answer_fields):
            raise ValueError("fields need a frame with names; decode: raw has none, try json, csv or keyvalue")
        if self.log and (self.framing != "line" or self.decode == "raw"):
            raise ValueError("log is for framing: line and values, for it takes the lines that have none")
        if self.layout is not None:
            self._check_layout(self.layout)
        self._check_names()

    def _check_layout(self, layout: Layout) -> None:
        """Against what frames can have."""
        room = self.contents or self.max_frame
        if layout.bytes > room or (self.contents and layout.bytes < room and not layout.open_ended):
            where = "what sync, checksum and end leave of fixed" if self.contents else "max_frame"
            raise ValueError(f"the layout has {layout.bytes} bytes, which does not fit {where}: {room}")

    @property
    def answer_fields(self) -> list[str]:
        """Fields that are values of whole frames."""
        return []

    def _check_names(self) -> None:
        """Of the fields, where they are known."""
        known = self._known_names()
        unknown = [name for name in self.fields if known and name not in (*known, *self.answer_fields)]
        if unknown:
            where = "columns" if self.columns else "names"
            raise ValueError(f"field {unknown[0]!r} is none of the {where} {', '.join(known)}")

    def _known_names(self) -> list[str]:
        if self.columns:
            named = [name for name in self.columns if name]
            if not named:
                raise ValueError("decode: csv needs the names of the columns, such as columns: [temperature, humidity]")
            if len(named) != len(set(named)):
                raise ValueError("columns has a name twice; each has to be another, or empty to drop its column")
            return named
        if self.layout is not None:
            return self.layout.names
        if not self.patterns:
            return []
        names_of = registry.load("bridges.serial.patterns:names_of")
        return list(dict.fromkeys(name for text in self.patterns for name in names_of(text, self.max_frame)))


#: option -> the value of `decode` that it belongs to
OPTIONS: Final = {
    "columns": "csv", "patterns": "regex", "layout": "struct", "sentences": "nmea", "unsealed": "nmea",
}  # fmt: skip
VERBS: Final = {"columns": "are", "patterns": "are", "layout": "is", "sentences": "are", "unsealed": "is"}
#: value of `decode` -> the option that it needs, and an example of it
NEEDS: Final = {
    "csv": ("columns", "the names of the columns, such as columns: [temperature, humidity]"),
    "regex": ("patterns", "patterns, such as patterns: ['T=(?P<temperature>[0-9.]+)']"),
    "struct": ("layout", "its layout, such as layout: {items: [{name: temperature, type: int16}]}"),
}
