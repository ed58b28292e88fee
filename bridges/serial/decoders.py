"""What a frame says: here JSON, CSV, key and value, and text as it is; the others are loaded if they are configured.

A decoder takes a frame without its delimiter and gives a value for `bridges.values.check`, or raises BadValue. It is
strict, for a line picks up noise: what is half right is not published.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Container
from typing import Any, Final

import msgspec

from bridges.serial.decodingconfig import DecodingConfig
from bridges.values import BadValue, NoFrame, number, shown
from edge_router import registry

Decoder = Callable[[bytes], Any]

#: key, separator, value (plain or in double quotes), and what ends the pair
_PAIR: Final = re.compile(r'\s*([^\s=:,;"]+)\s*[=:]\s*(?:"([^"]*)"|([^\s,;="]+))\s*(?:[,;]|(?<=\s)|$)')


def decoder(config: DecodingConfig) -> Decoder:
    """The decoder that a bridge is configured for."""
    make: Callable[[DecodingConfig], Decoder] = registry.load(DECODERS[config.decode])
    return make(config)


def _json(_config: DecodingConfig) -> Decoder:
    """RFC 8259 to the letter: a lenient parser takes the noise `-` for 0 and `01` for 1."""
    parse = msgspec.json.Decoder().decode

    def decode(frame: bytes) -> Any:
        try:
            return parse(frame)
        except RecursionError:
            raise BadValue("no JSON for us: nested too deeply") from None
        except (msgspec.MsgspecError, ValueError) as error:  # of msgspec 0.19, the one is no subclass of the other
            raise BadValue(f"no JSON: {_reason(error)}, in {shown(frame)}") from None

    return decode


def _csv(config: DecodingConfig) -> Decoder:
    """RFC 4180, one record a frame."""
    columns, text, texts = config.columns, text_of(config), text_fields(config)
    separator = config.separator

    def decode(frame: bytes) -> Any:
        line = text(frame)
        rows = csv.reader([line], delimiter=separator, skipinitialspace=separator != " ", strict=True)
        try:
            cells = next(rows, [])
        except csv.Error as error:
            raise BadValue(f"no CSV: {error}, in {shown(line)}") from None
        if len(cells) != len(columns):
            raise BadValue(f"{len(cells)} columns instead of {len(columns)}, in {shown(line)}")
        pairs = zip(columns, cells, strict=True)
        return {name: plain_cell(name, cell.strip(), texts) for name, cell in pairs if name}

    return decode


def _keyvalue(config: DecodingConfig) -> Decoder:
    text, texts = text_of(config), text_fields(config)

    def decode(frame: bytes) -> Any:
        line = text(frame).rstrip()
        found: dict[str, Any] = {}
        at = 0
        while at < len(line):
            pair = _PAIR.match(line, at)
            if pair is None:
                raise BadValue(f"no `key=value` at character {at + 1} of {shown(line)}")
            key, quoted, plain = pair.groups()
            if key in found:
                raise BadValue(f"{shown(key)} is there twice, in {shown(line)}")
            found[key] = plain_cell(key, plain, texts) if quoted is None else quoted
            at = pair.end()
        if not found:
            raise BadValue(f"no `key=value` in {shown(line)}")
        return found

    return decode


def _raw(config: DecodingConfig) -> Decoder:
    return bytes if config.encoding == "binary" else text_of(config)


def text_of(config: DecodingConfig) -> Callable[[bytes], str]:
    encoding = config.encoding

    def text(frame: bytes) -> str:
        try:
            return frame.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadValue(f"no {encoding} text: {error.reason} at byte {error.start + 1} of {shown(frame)}") from None

    return text


def message(frame: bytes | BadValue, error: BadValue, config: DecodingConfig) -> str | None:
    """What a device says that is no frame, with `log`; None if that is not asked for, or is no text.

    frame: what was bad. error: why.
    """
    line = error.line if isinstance(error, NoFrame) else frame
    if not config.log or not isinstance(line, bytes):
        return None
    try:
        text = line.decode(config.encoding).expandtabs()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def text_fields(config: DecodingConfig) -> Container[str]:
    """Fields that are to stay text, digits or not: 007 is no 7 there."""
    return {
        name
        for name, field in config.fields.items()
        if next((row.type for row in field.rows() if row.type), None) == "str"
    }


def plain_cell(name: str, cell: str, texts: Container[str]) -> Any:
    """A number where the text says one; an empty cell is no reading."""
    if not cell:
        return None
    found = None if name in texts else number(cell)
    return cell if found is None else found


def _reason(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")


#: value of `decode` -> where its decoder is made
DECODERS: Final = {
    "json": "bridges.serial.decoders:_json",
    "csv": "bridges.serial.decoders:_csv",
    "keyvalue": "bridges.serial.decoders:_keyvalue",
    "raw": "bridges.serial.decoders:_raw",
    "regex": "bridges.serial.regex:regex",
    "nmea": "bridges.serial.nmea:nmea",
    "cbor": "bridges.serial.cbor:cbor",
    "msgpack": "bridges.serial.packed:msgpack",
    "struct": "bridges.serial.layouts:layout",
}
