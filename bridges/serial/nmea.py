"""NMEA 0183: sentences such as `$GPGLL,4916.45,N,12311.12,W,225444,A*31` as objects with names.

What each sentence is made of is in `bridges.serial.sentences`; here are what all have in common and the two that have
groups. A sentence that is not in the table has its fields as a list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bridges.serial.decoders import Decoder
from bridges.serial.decodingconfig import DecodingConfig
from bridges.serial.framingconfig import FrameChecksum
from bridges.serial.sealing import Seal
from bridges.serial.sentences import SENTENCES, real, text
from bridges.values import BadValue, Unwanted, number, shown

#: the standard's longest is 82; some devices have longer ones of their own
LONGEST: Final = 1_024


def nmea(config: DecodingConfig) -> Decoder:
    """talker, type, and the fields by name; `utc` where there are date and time. Checksums are looked at here, unless
    the framing has done so.
    """
    seal = None if config.checksum else Seal(FrameChecksum(type="xor", mark="*"))
    wanted = frozenset(config.sentences)

    def decode(frame: bytes) -> Any:
        body = _body(frame, seal, config.unsealed)
        address, *fields = body.split(",")
        talker, kind = _address(address, body)
        if wanted and kind not in wanted:
            raise Unwanted(f"the sentence {kind} is not asked for (sentences)")
        found = {"talker": talker, "type": kind}
        named = SENTENCES.get(kind)
        if talker == "P" or (named is None and kind not in _GROUPED):
            return {**found, "fields": [_plain(field) for field in fields]}
        try:
            found |= _named(kind, fields) if named else _GROUPED[kind](fields)
        except BadValue as error:
            raise BadValue(f"{kind}: {error}, in {shown(body)}") from None
        if found.get("date") and found.get("time"):
            found["utc"] = f"{found['date']}T{found['time']}Z"
        return found

    return decode


def _body(frame: bytes, seal: Seal | None, unsealed: bool) -> str:
    """What is between the `$` and the checksum."""
    if frame[:1] not in (b"$", b"!") or len(frame) > LONGEST:
        raise BadValue(f"no NMEA 0183: a sentence begins with $ or !, but it is {shown(frame)}")
    body = frame[1:].rstrip()
    if seal is not None and not (unsealed and b"*" not in body):
        body = seal.open(body)
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        return body.decode("latin-1")  # names in XDR and TXT


def _address(address: str, body: str) -> tuple[str, str]:
    """Talker and type. What begins with P is the maker's own."""
    if address.isascii() and address.isalnum() and address.upper() == address:
        if address.startswith("P") and len(address) > 1:
            return "P", address[1:]
        if len(address) == 5:
            return address[:2], address[2:]
    raise BadValue(f"no NMEA 0183: {shown(address)} is no talker and type, in {shown(body)}")


def _named(kind: str, fields: list[str]) -> dict[str, Any]:
    """Fields that are missing at the end are null: older devices have fewer."""
    found: dict[str, Any] = {}
    at = 0
    for name, part in SENTENCES[kind]:
        values = fields[at : at + part.fields]
        values += [""] * (part.fields - len(values))
        found[name] = part.of(*values)
        at += part.fields
    return found


def _satellites(fields: list[str]) -> dict[str, Any]:
    """GSV: four satellites a sentence, and since 4.1 the identifier of the signal."""
    total, number_of, in_view = [*fields, "", "", ""][:3]
    rest = fields[3:]
    found: dict[str, Any] = {"total": real(total), "number": real(number_of), "in_view": real(in_view)}
    names = ("prn", "elevation", "azimuth", "snr")
    groups = [rest[at : at + 4] for at in range(0, len(rest) - 3, 4)]
    found["satellites"] = [dict(zip(names, map(real, group), strict=True)) for group in groups if any(group)]
    found["signal"] = text(rest[-1]) if len(rest) % 4 == 1 else None
    return found


def _transducers(fields: list[str]) -> dict[str, Any]:
    """XDR: any number of measurements, each with its own name."""
    found: dict[str, Any] = {}
    for at in range(0, len(fields) - 3, 4):
        kind, value, unit, name = fields[at : at + 4]
        key = name or f"{kind}{at // 4}"
        if key in found:
            raise BadValue(f"{shown(key)} is there twice")
        found[key] = {"value": real(value), "unit": text(unit), "type": text(kind)}
    return {"transducers": found}


def _plain(field: str) -> Any:
    found = number(field)
    return text(field) if found is None else found


#: sentences with groups of fields
_GROUPED: Final[dict[str, Callable[[list[str]], dict[str, Any]]]] = {"GSV": _satellites, "XDR": _transducers}
