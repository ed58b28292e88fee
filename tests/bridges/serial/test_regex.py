"""Regular expressions: named groups become fields, and none can take for ever."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from bridges.serial.decoders import decoder
from bridges.serial.patterns import MOST_STEPS, PatternError, names_of
from bridges.values import BadValue
from tests.bridges.serial.framings import configured


def decode(*patterns: str, frame: bytes, **options: Any) -> Any:
    return decoder(configured(decode="regex", patterns=list(patterns), **options))(frame)


def test_named_groups_are_fields() -> None:
    """Numbers where they say one; a group that took no part, or nothing, is null."""
    pattern = r"T(?P<t>[+-]?\d+(?:\.\d+)?)(?: H(?P<h>\d+))? *(?P<state>[a-z]*)"
    assert decode(pattern, frame=b"T-21.5 H40 ok") == {"t": -21.5, "h": 40, "state": "ok"}
    assert decode(pattern, frame=b"T7") == {"t": 7, "h": None, "state": None}
    assert decode(r"(?P<id>\d+)", frame=b"007", fields={"id": {"type": "str"}}) == {"id": "007"}


def test_the_first_pattern_that_fits_the_whole_frame_counts() -> None:
    patterns = (r"W (?P<wind>\d+)", r"R (?P<rain>\d+)", r"(?P<other>.*)")
    assert decode(*patterns, frame=b"R 5") == {"rain": 5}
    assert decode(*patterns, frame=b"R 5 mm") == {"other": "R 5 mm"}
    with pytest.raises(BadValue, match="no pattern fits 'x W 5'"):
        decode(patterns[0], frame=b"x W 5")


GOOD = [
    r"(?P<a>\d+),(?P<b>-?\d+(?:\.\d+)?),(?P<c>[^,]*),(?P<d>.*)",
    r"(?P<name>\w+)\s*=\s*(?P<value>.+)",
    r".*T=(?P<t>\d+).*",
    r"(?:temp|hum|t2):(?P<v>\d+)",
    r"(?i:wind) (?P<v>\d{1,3}\.\d) (?:kn|km/h)",
    r"(?P<a>[0-9A-F]{2}(?::[0-9A-F]{2}){5})",
    r"(?P<a>(?:ab)*)c",
    r"(?P<a>\d*+)\d*",
    r"(?P<a>(?>a+))b",
    r"(?P<a>a+)(?=b)b",
    r"(?P<a>.)(?P=a)",
    r"^(?P<a>\S+)\s+(?P<b>\S+)$",
    r"(?P<a>\d+?)\D",
    r"(?i)(?P<a>(?-i:[a-z]*))(?-i:[A-Z]*)!",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert names_of(pattern, 4096)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(?P<a>a+)+", "a repetition or a choice within a repetition"),
        (r"(?P<a>(?:\d+,)*)", "within a repetition"),
        (r"(?P<a>(?:ab|a|b)*)c", "within a repetition"),
        (r"(?P<a>(?:a?){20})", "within a repetition"),
        (r"(?P<a>(?:a*)*)", "within a repetition"),
        (r"(?P<a>.*).*=.*;", "could take too long"),
        (r"(?P<a>.*)a.*b", "could take too long"),
        (r"(?P<a>\d*)\d*\d*x", "could take too long: a text fits it in up to 2e\\+07|could take too long"),
        (r"(?P<a>\w+)(?i:[a-z])*[A-Z]*x", "could take too long"),
        (r"(?i)(?P<a>[a-z]*)[A-Z]*[a-z]*x", "could take too long"),
        (r"(?P<a>(?i:[a-z]*))[A-Z]*(?i:[a-z]*)!", "could take too long"),
        (r"(?P<a>[^,]*)[^;]*[^.]*!", "could take too long"),
        (r"(?P<a>a)(?(a)b|c)", "conditional group"),
        (r"(?P<a>", "is no regular expression"),
        (r"(?P<a>*)", "is no regular expression"),
        (r"\d+", "has no named group"),
        (r"(\d+)", "has no named group"),
    ],
)
def test_what_could_take_for_ever_is_refused(pattern: str, reason: str) -> None:
    """At load, and in words that say what to do."""
    with pytest.raises(PatternError, match=reason):
        names_of(pattern, 4096)
    with pytest.raises(msgspec.ValidationError, match=reason):
        configured(decode="regex", patterns=[pattern])


def test_a_lower_max_frame_lets_more_pass() -> None:
    pattern = r"(?P<a>.*)a.*b"
    assert names_of(pattern, 250) == ["a"]
    with pytest.raises(PatternError, match="or lower max_frame, 4096 now"):
        names_of(pattern, 4096)


@pytest.mark.parametrize("pattern", GOOD)
@pytest.mark.parametrize("piece", ["a", "1", " ", "ab", "1,", "T=1", ":FF", "x=", "T=T"])
def test_the_longest_frame_takes_no_long(pattern: str, piece: str) -> None:
    """What is taken keeps its word: MOST_STEPS are well below a second."""
    assert MOST_STEPS < 2**25
    text = (piece * 4096)[:4095] + "\n"
    before = time.process_time()
    for frame in (text, text[:-1] + "!"):
        try:
            decoder(configured(decode="regex", patterns=[pattern]))(frame.encode())
        except BadValue:
            pass
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"decode": "regex"}, "decode: regex needs patterns"),
        ({"patterns": ["(?P<a>b)"], "decode": "json"}, "patterns are for decode: regex"),
        ({"decode": "regex", "patterns": ["(?P<a>b)"], "fields": {"c": {}}}, "'c' is none of the names a"),
        ({"decode": "struct"}, "decode: struct needs its layout"),
        ({"decode": "csv"}, "decode: csv needs the names of the columns"),
        ({"sentences": ["GGA"]}, "sentences are for decode: nmea"),
        ({"decode": "nmea", "sentences": ["GPGGA"]}, "A-Z0-9"),
        ({"log": True}, "log is for framing: line and values"),
        ({"log": True, "decode": "cbor", "framing": "cobs"}, "log is for framing: line"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        configured(**{"decode": "raw", **options})
