"""NMEA 0183: positions with signs, times, the sentences of the table, and what is refused."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.decoders import decoder
from bridges.serial.sentences import SENTENCES, Part
from bridges.values import BadValue, Unwanted, check
from tests.bridges.serial.framings import configured


def sealed(body: str) -> bytes:
    """With the checksum that the standard asks for."""
    data = body.encode("latin-1")
    return b"$" + data + f"*{reduce(xor, data, 0):02X}".encode()


def decode(frame: bytes, **options: Any) -> Any:
    value = decoder(configured(decode="nmea", **options))(frame)
    check(value)
    return value


def test_the_examples_of_the_descriptions() -> None:
    """Sentences with the checksums that they were printed with (gpsd.io/NMEA.html)."""
    assert decode(b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47") == {
        "talker": "GP", "type": "GGA", "time": "12:35:19", "lat": 48.1173, "lon": 11.516666667, "quality": 1,
        "satellites": 8, "hdop": 0.9, "altitude": 545.4, "geoid": 46.9, "dgps_age": None, "dgps_station": None,
    }  # fmt: skip
    assert decode(b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A") == {
        "talker": "GP", "type": "RMC", "time": "12:35:19", "valid": True, "lat": 48.1173, "lon": 11.516666667,
        "speed": 22.4, "course": 84.4, "date": "1994-03-23", "variation": -3.1, "mode": None, "nav_status": None,
        "utc": "1994-03-23T12:35:19Z",
    }  # fmt: skip
    assert decode(b"$GPGLL,4916.45,N,12311.12,W,225444,A*31") == {
        "talker": "GP", "type": "GLL", "lat": 49.274166667, "lon": -123.185333333, "time": "22:54:44", "valid": True,
        "mode": None,
    }  # fmt: skip
    assert decode(b"$GPGSV,2,1,08,01,40,083,46,02,17,308,41,12,07,344,39,14,22,228,45*75")["satellites"][3] == {
        "prn": 14, "elevation": 22, "azimuth": 228, "snr": 45,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("GPVTG,054.7,T,034.4,M,005.5,N,010.2,K,A", {"course": 54.7, "speed": 5.5, "speed_kmh": 10.2, "mode": "A"}),
        ("GNGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1,1", {"fix": 3, "used": [4, 5, 9, 12, 24], "vdop": 2.1}),
        ("GLGSV,1,1,01,65,,,20,1", {"satellites": [{"prn": 65, "elevation": None, "azimuth": None, "snr": 20}],
                                     "signal": "1"}),
        ("GPGSV,1,1,00", {"in_view": 0, "satellites": [], "signal": None}),
        ("GPZDA,201530.00,04,07,2002,00,00", {"date": "2002-07-04", "utc": "2002-07-04T20:15:30Z"}),
        ("GNRMC,235959.50,A,0000.0000,S,18000.0,W,,,311299,,,A", {"utc": "1999-12-31T23:59:59.50Z", "lat": 0.0,
                                                                   "lon": -180.0, "speed": None}),
        ("GPRMC,,V,,,,,,,,,,N", {"valid": False, "lat": None, "date": None}),
        ("HEHDT,123.4,T", {"heading": 123.4}),
        ("HCHDG,98.3,0.0,E,12.6,W", {"heading_magnetic": 98.3, "deviation": 0.0, "variation": -12.6}),
        ("TIROT,-2.5,A", {"rate_of_turn": -2.5, "valid": True}),
        ("WIMWV,214.8,R,0.1,K,A", {"wind_angle": 214.8, "wind_reference": "R", "wind_speed": 0.1, "wind_unit": "K"}),
        ("WIMWD,,T,210,M,7.5,N,3.9,M", {"wind_direction": None, "wind_direction_magnetic": 210, "wind_speed": 3.9}),
        ("WIVWR,045.0,L,12.6,N,6.5,M,23.3,K", {"wind_angle": -45.0, "wind_speed": 6.5}),
        ("YXMTW,17.75,C", {"water_temperature": 17.75}),
        ("WIMDA,29.9,I,1.013,B,21.5,C,,C,40.1,,7.4,C,,T,,M,,N,,M", {"pressure": 1.013, "air_temperature": 21.5,
                                                                   "water_temperature": None, "humidity": 40.1}),
        ("SDDBT,7.8,f,2.4,M,1.3,F", {"depth": 2.4, "depth_ft": 7.8}),
        ("SDDPT,2.4,-0.5,100", {"depth": 2.4, "offset": -0.5}),
        ("IIVHW,,T,,M,6.5,N,12.0,K", {"water_speed": 6.5}),
        ("WIXDR,C,21.5,C,AIR,H,40,P,RH", {"transducers": {"AIR": {"value": 21.5, "unit": "C", "type": "C"},
                                                           "RH": {"value": 40, "unit": "P", "type": "H"}}}),
        ("IIXDR,A,-3,D,", {"transducers": {"A0": {"value": -3, "unit": "D", "type": "A"}}}),
        ("GPTXT,01,01,02,ANTSTATUS=OK", {"text": "ANTSTATUS=OK"}),
        ("PMTK001,604,3", {"talker": "P", "type": "MTK001", "fields": [604, 3]}),
        ("GPXYZ,1,,abc", {"talker": "GP", "type": "XYZ", "fields": [1, None, "abc"]}),
    ],
)  # fmt: skip
def test_a_sentence(body: str, values: dict[str, Any]) -> None:
    found = decode(sealed(body))
    assert {name: found.get(name, "missing") for name in values} == values


@pytest.mark.parametrize("kind", SENTENCES)
def test_every_sentence_may_be_empty(kind: str) -> None:
    """A device that does not know a value leaves its field empty; an older one leaves it out."""
    for fields in ("", "," * 30):
        found = decode(sealed(f"GP{kind}{fields}"))
        assert [name for name, value in found.items() if value not in (None, [])] == ["talker", "type"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "begins with \\$ or !"),
        (b"GPGLL,,,,,,*50", "begins with"),
        (b"$GPGLL,4916.45,N,12311.12,W,225444,A", "no checksum of 2 hexadecimal digits"),
        (b"$GPGLL,4916.45,N,12311.13,W,225444,A*31", "the checksum xor is 30"),
        (sealed("gpgll,1"), "no talker and type"),
        (sealed("GLL,1"), "no talker and type"),
        (sealed("GPGLL,9016.45,N,,,,"), "GLL: '9016.45,N' is no position; .*degrees at most 90"),
        (sealed("GPGLL,4960.45,N,,,,"), "minutes are below 60"),
        (sealed("GPGLL,491.45,N,,,,"), "no position"),
        (sealed("GPGLL,4916.45,,,,,"), "no position in degrees"),
        (sealed("GPGLL,-916.45,N,,,,"), "no position"),
        (sealed("GPGLL,nan,N,,,,"), "no number"),
        (sealed("GPGLL,,,,,246060,A"), "no time"),
        (sealed("GPGLL,,,,,12,A"), "no time"),
        (sealed("GPGLL,,,,,123456,X"), "no status"),
        (sealed("GPZDA,,32,01,2020,,"), "no date"),
        (sealed("GPRMC,,,,,,,,,3x1299,,,"), "no date"),
        (sealed("YXMTW,17.75,F"), "has to have the unit C"),
        (sealed("YXMTW,warm,C"), "'warm' is no number"),
        (sealed("YXMTW,nan,C"), "nan is no value"),
        (sealed("HCHDG,98.3,0.5,X,,"), "E or W after it"),
        (sealed("WIXDR,C,1,C,A,C,2,C,A"), "'A' is there twice"),
        (b"$" + b"A" * 2000, "no NMEA 0183"),
    ],
)
def test_what_is_no_sentence(frame: bytes, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        decode(frame)


def test_without_a_checksum_if_it_may_be() -> None:
    """Some wind instruments have none. One that is there still has to be right."""
    assert decode(b"$YXMTW,17.75,C", unsealed=True)["water_temperature"] == 17.75
    with pytest.raises(BadValue, match="the checksum xor"):
        decode(b"$YXMTW,17.75,C*00", unsealed=True)


def test_a_checksum_that_the_framing_took_away() -> None:
    """The configuration of NMEA in docs/bridges/serial.md, section Checksums."""
    checksum = {"type": "xor", "mark": "*", "skip": "$"}
    assert decode(b"$YXMTW,17.75,C", checksum=checksum)["water_temperature"] == 17.75


def test_only_the_sentences_that_are_asked_for() -> None:
    assert decode(sealed("GNVTG,1,T"), sentences=["VTG"])["course"] == 1
    with pytest.raises(Unwanted):
        decode(sealed("GNVTG,1,T"), sentences=["GGA", "RMC"])


def test_no_two_values_of_a_sentence_have_one_name() -> None:
    """One would hide the other."""
    for parts in SENTENCES.values():
        names = [name for name, _ in parts] + ["talker", "type"]
        assert len(names) == len(set(names))
        assert all(isinstance(part, Part) for _, part in parts)


@given(
    st.sampled_from([*SENTENCES, "GSV", "XDR"]),
    st.lists(st.sampled_from(["N", "W", "A", "", "M", "1", "4807.038"]) | st.text("0123456789.-NEaé²", max_size=9)),
)
def test_any_fields_give_values_or_are_refused(kind: str, fields: list[str]) -> None:
    """With a checksum that is right, too."""
    try:
        found = decode(sealed(",".join([f"II{kind}", *fields])))
    except BadValue:
        return
    assert found["type"] == kind
