"""The sentences of NMEA 0183 as a table: what each is made of, field after field, and in which units.

From the public descriptions: E. S. Raymond, "NMEA Revealed" (https://gpsd.io/NMEA.html), and u-blox's and Trimble's
interface descriptions. The standard itself is sold, and not used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bridges.values import BadValue, number, shown


class Part(NamedTuple):
    """Some fields of a sentence that are one value. fields: how many. of: makes a value of them, or raises BadValue."""

    fields: int
    of: Callable[..., Any]


def text(value: str) -> str | None:
    """As it is; an empty field is null, as everywhere."""
    return value or None


def real(value: str) -> int | float | None:
    """A number."""
    if not value:
        return None
    found = number(value)
    if found is None:
        raise BadValue(f"{shown(value)} is no number")
    return found


def time(value: str) -> str | None:
    """hhmmss.ss -> hh:mm:ss.ss, UTC."""
    if not value:
        return None
    whole, dot, parts = value.partition(".")
    ok = len(whole) == 6 and whole.isdecimal() and (not dot or parts.isdecimal()) and value.isascii()
    if not ok or not (whole[:2] < "24" and whole[2:4] < "60" and whole[4:] < "61"):
        raise BadValue(f"{shown(value)} is no time; that is hhmmss")
    seconds = f"{whole[4:]}.{parts}" if parts.strip("0") else whole[4:]
    return f"{whole[:2]}:{whole[2:4]}:{seconds}"


def date(value: str) -> str | None:
    """ddmmyy -> yyyy-mm-dd; GPS began in 1980."""
    if not value:
        return None
    if len(value) != 6 or not (value.isascii() and value.isdecimal()):
        raise BadValue(f"{shown(value)} is no date; that is ddmmyy")
    year = int(value[4:])
    return parted_date(value[:2], value[2:4], str(year + (1900 if year >= 80 else 2000)))


def parted_date(day: str, month: str, year: str) -> str | None:
    """Day, month, year of four digits -> yyyy-mm-dd."""
    if not (day or month or year):
        return None
    digits = (day + month + year).isascii() and (day + month + year).isdecimal()
    if not digits or len(year) != 4 or not (1 <= int(day or 0) <= 31 and 1 <= int(month or 0) <= 12):
        raise BadValue(f"{shown(f'{day},{month},{year}')} is no date; that is dd,mm,yyyy")
    return f"{year}-{int(month):02}-{int(day):02}"


def _degrees(most: int, positive: str, negative: str) -> Callable[[str, str], float | None]:
    """(d)ddmm.mmmm and a hemisphere -> degrees with a sign."""
    digits = len(str(most))

    def of(value: str, side: str) -> float | None:
        if not value and side in ("", positive, negative):
            return None
        minutes = real(value[digits:])
        degrees = value[:digits]
        if side not in (positive, negative) or not side or minutes is None or not degrees.isdecimal():
            raise BadValue(f"{shown(f'{value},{side}')} is no position in degrees and minutes")
        found = int(degrees) + minutes / 60
        if not (value[digits : digits + 2].isdecimal() and value[digits + 1 :] and 0 <= minutes < 60 and found <= most):
            raise BadValue(f"{shown(f'{value},{side}')} is no position; minutes are below 60, degrees at most {most}")
        return round(found if side == positive else -found, 9) + 0

    return of


def _sided(positive: str, negative: str) -> Callable[[str, str], float | int | None]:
    """A number and a letter for its sign."""

    def of(value: str, side: str) -> float | int | None:
        found = real(value)
        if found is not None and side not in (positive, negative):
            raise BadValue(f"{shown(f'{value},{side}')} has to have {positive} or {negative} after it")
        return -found + 0 if found is not None and side == negative else found

    return of


def unit(letter: str) -> Part:
    """A number and the letter of its unit, which has to be that one."""

    def of(value: str, found: str) -> float | int | None:
        if value and found != letter:
            raise BadValue(f"{shown(f'{value},{found}')} has to have the unit {letter}")
        return real(value)

    return Part(2, of)


def _valid(value: str) -> bool | None:
    """A: valid; V: a warning of the receiver."""
    if value not in ("A", "V", ""):
        raise BadValue(f"{shown(value)} is no status; that is A or V")
    return {"A": True, "V": False}.get(value)


def _numbers(*values: str) -> list[Any]:
    return [real(value) for value in values if value]


TEXT: Final = Part(1, text)
REAL: Final = Part(1, real)
TIME: Final = Part(1, time)
DATE: Final = Part(1, date)
VALID: Final = Part(1, _valid)
LATITUDE: Final = Part(2, _degrees(90, "N", "S"))
LONGITUDE: Final = Part(2, _degrees(180, "E", "W"))
EAST: Final = Part(2, _sided("E", "W"))
RIGHT: Final = Part(2, _sided("R", "L"))
NOTHING: Final = Part(1, lambda _value: None)
METRES, FEET, FATHOMS = unit("M"), unit("f"), unit("F")
KNOTS, KMH, MS = unit("N"), unit("K"), unit("M")
TRUE, MAGNETIC, CELSIUS = unit("T"), unit("M"), unit("C")
INHG, BAR = unit("I"), unit("B")

#: type -> the names of its values, in their order. An empty name is passed over.
SENTENCES: Final[dict[str, tuple[tuple[str, Part], ...]]] = {
    "GGA": (
        ("time", TIME), ("lat", LATITUDE), ("lon", LONGITUDE), ("quality", REAL), ("satellites", REAL), ("hdop", REAL),
        ("altitude", METRES), ("geoid", METRES), ("dgps_age", REAL), ("dgps_station", TEXT),
    ),
    "RMC": (
        ("time", TIME), ("valid", VALID), ("lat", LATITUDE), ("lon", LONGITUDE), ("speed", REAL), ("course", REAL),
        ("date", DATE), ("variation", EAST), ("mode", TEXT), ("nav_status", TEXT),
    ),
    "GLL": (("lat", LATITUDE), ("lon", LONGITUDE), ("time", TIME), ("valid", VALID), ("mode", TEXT)),
    "GNS": (
        ("time", TIME), ("lat", LATITUDE), ("lon", LONGITUDE), ("modes", TEXT), ("satellites", REAL), ("hdop", REAL),
        ("altitude", REAL), ("geoid", REAL), ("dgps_age", REAL), ("dgps_station", TEXT), ("nav_status", TEXT),
    ),
    "VTG": (
        ("course", TRUE), ("course_magnetic", MAGNETIC), ("speed", KNOTS), ("speed_kmh", KMH), ("mode", TEXT),
    ),
    "GSA": (
        ("selection", TEXT), ("fix", REAL), ("used", Part(12, _numbers)), ("pdop", REAL), ("hdop", REAL),
        ("vdop", REAL), ("system", TEXT),
    ),
    "GST": (
        ("time", TIME), ("rms", REAL), ("major", REAL), ("minor", REAL), ("orientation", REAL), ("lat_error", REAL),
        ("lon_error", REAL), ("altitude_error", REAL),
    ),
    "ZDA": (
        ("time", TIME), ("date", Part(3, parted_date)), ("zone_hours", REAL), ("zone_minutes", REAL),
    ),
    "HDT": (("heading", TRUE),),
    "THS": (("heading", REAL), ("mode", TEXT)),
    "HDM": (("heading_magnetic", MAGNETIC),),
    "HDG": (("heading_magnetic", REAL), ("deviation", EAST), ("variation", EAST)),
    "ROT": (("rate_of_turn", REAL), ("valid", VALID)),
    "RSA": (("rudder", REAL), ("valid", VALID), ("rudder_port", REAL), ("port_valid", VALID)),
    "RPM": (("source", TEXT), ("number", REAL), ("rpm", REAL), ("pitch", REAL), ("valid", VALID)),
    "MWV": (("wind_angle", REAL), ("wind_reference", TEXT), ("wind_speed", REAL), ("wind_unit", TEXT),
            ("valid", VALID)),
    "MWD": (
        ("wind_direction", TRUE), ("wind_direction_magnetic", MAGNETIC), ("wind_speed_kn", KNOTS), ("wind_speed", MS),
    ),
    "VWR": (("wind_angle", RIGHT), ("wind_speed_kn", KNOTS), ("wind_speed", MS), ("wind_speed_kmh", KMH)),
    "MTW": (("water_temperature", CELSIUS),),
    "MTA": (("air_temperature", CELSIUS),),
    "MMB": (("pressure_inhg", INHG), ("pressure", BAR)),
    "MDA": (
        ("pressure_inhg", INHG), ("pressure", BAR), ("air_temperature", CELSIUS), ("water_temperature", CELSIUS),
        ("humidity", REAL), ("humidity_absolute", REAL), ("dew_point", CELSIUS), ("wind_direction", TRUE),
        ("wind_direction_magnetic", MAGNETIC), ("wind_speed_kn", KNOTS), ("wind_speed", MS),
    ),
    "DBT": (("depth_ft", FEET), ("depth", METRES), ("depth_fathoms", FATHOMS)),
    "DBS": (("depth_ft", FEET), ("depth", METRES), ("depth_fathoms", FATHOMS)),
    "DBK": (("depth_ft", FEET), ("depth", METRES), ("depth_fathoms", FATHOMS)),
    "DPT": (("depth", REAL), ("offset", REAL), ("range", REAL)),
    "VHW": (("heading", TRUE), ("heading_magnetic", MAGNETIC), ("water_speed", KNOTS), ("water_speed_kmh", KMH)),
    "VBW": (
        ("water_speed", REAL), ("water_speed_across", REAL), ("water_valid", VALID), ("ground_speed", REAL),
        ("ground_speed_across", REAL), ("ground_valid", VALID),
    ),
    "VLW": (
        ("water_distance", KNOTS), ("water_distance_reset", KNOTS), ("ground_distance", KNOTS),
        ("ground_distance_reset", KNOTS),
    ),
    "TXT": (("total", REAL), ("number", REAL), ("identifier", TEXT), ("text", TEXT)),
}  # fmt: skip
