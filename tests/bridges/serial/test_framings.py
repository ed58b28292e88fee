"""All framings: what goes in comes out, however it is cut, and noise costs no more than it must."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridges.serial.sized import EFFORT, MOST_EFFORT
from bridges.serial.stuffing import cobs, slip, uncobs, unslip
from bridges.values import BadValue
from tests.bridges.serial.framings import CRC, DLE, SHAPES, SIZES, UBX, Line, configured

FRESH = {name: options for name, options in SHAPES.items() if not name.startswith("line")}
#: those that find a frame wherever it begins
FINDING = ("length-crc", "length-sync-crc", "fixed-crc")
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(b"\n", b"\r\n", b"\xc0", b"\xdb", b"\xdb\xdc", b"\0", b"\x01", b"\x02", b"\x03", b"ab", b"<<", b">>>"),
            *(b"\\", b"\x10\x02", b"\x10\x03", b"\x10", b"~", b"}", b"{", b"}^", b";", b"\xaa\xc0", b"\xab", b"\xb5b"),
        ]
    ),
)


def bodies(name: str) -> st.SearchStrategy[bytes]:
    """What a frame of a shape may hold."""
    if name in SIZES:
        return st.binary(min_size=SIZES[name], max_size=SIZES[name])
    return st.one_of(st.binary(min_size=4, max_size=20), st.lists(PIECES, min_size=4, max_size=8).map(b"".join)).filter(
        lambda body: len(body) > 3
    )


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    """A stream in pieces: of the sizes first, then byte by byte."""
    pieces = []
    for size in [*sizes, *[1] * len(stream)]:
        pieces.append(stream[:size])
        stream = stream[size:]
    return [piece for piece in pieces if piece]


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_sent_is_what_arrives(name: str, data: st.DataObject) -> None:
    """Whole, byte by byte, or anyhow between."""
    line = Line(SHAPES[name])
    sent = []
    for body in data.draw(st.lists(bodies(name), max_size=5)):
        try:
            frame = line.framing.encode(body)
        except ValueError:
            assert name.startswith(("line", "enclosed", "enclosed-same"))
            continue
        sent.append(body.removesuffix(b"\r") if name == "line" else body)
        line.feed(*cut(frame, data.draw(st.lists(st.integers(1, 30), max_size=3))))
        if name.startswith("gap"):
            line.silent()
    assert line.silent().frames == [body for body in sent if body]
    assert not line.bad
    assert line.framing.overlong == line.framing.noise == 0


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=30)
@given(pieces=st.lists(PIECES, max_size=30), sizes=st.lists(st.integers(1, 9), max_size=9), limit=st.integers(10, 24))
def test_any_bytes_in_any_cut_give_the_same(name: str, pieces: list[bytes], sizes: list[int], limit: int) -> None:
    """Frames, the number of bad and over-long ones, and noise."""
    stream = b"".join(pieces)
    whole = Line(SHAPES[name], limit).feed(stream).silent()
    parts = Line(SHAPES[name], limit).feed(*cut(stream, sizes)).silent()
    assert parts.frames == whole.frames
    assert len(parts.bad) == len(whole.bad)
    assert (parts.framing.overlong, parts.framing.noise) == (whole.framing.overlong, whole.framing.noise)
    assert all(len(frame) <= limit for frame in whole.frames)


@pytest.mark.parametrize("name", FINDING)
@settings(max_examples=30)
@given(data=st.data())
@example(data=None)
def test_a_frame_that_came_whole_is_found_in_noise(name: str, data: st.DataObject | None) -> None:
    """Bytes that look like a length do not cost the frames after them. (Zeros are empty frames with a right CRC.)"""
    parts = [(b"\x01\xff", b"abcdef")] * 3
    if data is not None:
        noise_of_pieces = st.lists(PIECES, max_size=4).map(lambda pieces: b"".join(pieces).replace(b"\0", b"\1"))
        parts = data.draw(st.lists(st.tuples(noise_of_pieces, bodies(name)), max_size=4))
    line = Line(SHAPES[name])
    for noise, body in parts:
        line.feed(noise, line.framing.encode(body))
    assert line.silent().frames == [body for _, body in parts]
    assert line.framing.noise == sum(len(noise) for noise, _ in parts)


@pytest.mark.parametrize("name", FRESH)
def test_memory_is_bounded(name: str) -> None:
    """A device that never ends a frame, whatever it repeats."""
    for byte in (b"a", b"\xff", b"\x02", b"{", b"\x10"):
        line = Line(SHAPES[name], 100)
        for _ in range(40):
            line.feed(byte * 64)
            held = getattr(line.framing, "_buffer")  # noqa: B009
            assert len(held) <= 100 + 64
        line.framing.stop()


# --- one framing after the other -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "body", "frame"),
    [
        # RFC 1055: END 300 octal, ESC 333; inside, ESC 334 and ESC 335
        ({"framing": "slip"}, b"a\xc0\xdbb", b"\xc0a\xdb\xdc\xdb\xddb\xc0"),
        # the paper's way, with the zero that ends it
        ({"framing": "cobs"}, b"\0", b"\x01\x01\0"),
        ({"framing": "cobs"}, b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33\0"),
        ({"framing": "length"}, b"abc", b"\x03abc"),
        ({"framing": "length", "length": {"width": 2, "includes_head": True}}, b"abc", b"\0\x05abc"),
        ({"framing": "length", "length": {"sync": "#", "offset": 2, "adjust": -1}}, b"tabc", b"#t\x04abc"),
        # UBX-MON-VER, as u-blox's tools poll it
        (UBX, b"\x0a\x04", b"\xb5\x62\x0a\x04\x00\x00\x0e\x34"),
        ({"framing": "fixed", "fixed": {"size": 5, "sync": "\xff", "end": "."}}, b"abc", b"\xffabc."),
        # MH-Z19: read the concentration of CO2
        (
            {"framing": "fixed", "fixed": {"size": 9, "sync": "\xff"}, "checksum": {"type": "lrc"}},
            b"\x01\x86\0\0\0\0\0",
            b"\xff\x01\x86\0\0\0\0\0\x79",
        ),
        # PMS5003: 13 words after the length, the sum of all before it
        (
            {"framing": "length", "length": {"sync": "BM", "width": 2}, "checksum": {"type": "sum-16", "start": 0}},
            bytes(26),
            b"BM\0\x1c" + bytes(26) + b"\0\xab",
        ),
        # SDS011: PM2.5 1236, PM10 3338, identifier 60A1
        (
            {"framing": "fixed", "fixed": {"size": 10, "sync": "\xaa\xc0", "end": "\xab"}, "checksum": {"type": "sum"}},
            b"\xd4\x04\x3a\x0a\xa1\x60",
            b"\xaa\xc0\xd4\x04\x3a\x0a\xa1\x60\x1d\xab",
        ),
        ({"framing": "enclosed"}, b"abc", b"\x02abc\x03"),
        ({"framing": "enclosed", "enclosed": DLE}, b"a\x10b\x03", b"\x10\x02a\x10\x10b\x03\x10\x03"),
        # RFC 1662: 7e and 7d
        ({"framing": "enclosed", "enclosed": SHAPES["enclosed-hdlc"]["enclosed"]}, b"~}", b"~}^}]~"),
        ({"framing": "gap", "checksum": {"type": "crc-16/modbus", "order": "little"}}, b"\x01\x04\x02\xff\xff",
         b"\x01\x04\x02\xff\xff\xb8\x80"),
        ({"framing": "slip", "checksum": {"type": "sum", "form": "hex"}}, b"ab", b"\xc0abC3\xc0"),
        ({"checksum": {"type": "sum", "form": "binary"}}, b"ab", b"ab\xc3\n"),
    ],
)  # fmt: skip
def test_frames_as_their_papers_have_them(options: dict[str, Any], body: bytes, frame: bytes) -> None:
    """And back again."""
    line = Line(options)
    assert line.framing.encode(body) == frame
    assert line.feed(frame).silent().frames == [body]


@given(st.binary(max_size=600).map(lambda data: data * 2))
@example(b"x" * 254)
@example(b"x" * 255)
@example(b"x" * 254 + b"\0")
@example(b"x" * 508)
def test_stuffing(data: bytes) -> None:
    """No byte that ends a frame is left; at most one byte in 254 is added by cobs."""
    assert b"\xc0" not in slip(data)
    assert unslip(slip(data)) == data
    assert b"\0" not in cobs(data)
    assert len(cobs(data)) <= len(data) + 1 + len(data) // 254
    assert uncobs(cobs(data)) == data


def test_cobs_may_leave_out_the_last_code() -> None:
    """After a full block at the end, as some do."""
    assert cobs(b"x" * 254) == b"\xff" + b"x" * 254 + b"\x01"
    assert uncobs(b"\xff" + b"x" * 254) == b"x" * 254


@pytest.mark.parametrize(
    ("name", "stream", "reason"),
    [
        ("slip", b"\xc0a\xdbb\xc0", "no SLIP: an escape without meaning"),
        ("slip", b"a\xdb\xc0", "no SLIP"),
        ("cobs", b"\x05ab\0", "no COBS: a block of 4 bytes is longer than the frame"),
        ("cobs-crc", b"\x05abcd\0", "the checksum crc-16/usb is"),
        ("length-crc", b"\0\x01a", "half a frame, and then nothing for 0.5 s"),
        ("length-sync-crc", b"x" * 20, "no frame begins with b'xx'; its sync is b'ab'"),
        ("length-sync-crc", b"ab\x09" + b"x" * 20, "no frame ends as b'ab"),
        ("fixed-sync", b"\xaa\xc0.......!", "its end is"),
        ("enclosed", b"\x02abc\x02abc", "a frame began before the last one had ended; that one was b'abc'"),
        ("enclosed-hdlc", b"~abc}~", "an escape without a byte after it"),
        ("gap-crc", b"abc", "the checksum crc-16/modbus is"),
        ("fixed", b"abc", "half a frame, and then nothing for 1 s"),
    ],
)
def test_what_is_wrong_is_said(name: str, stream: bytes, reason: str) -> None:
    line = Line(SHAPES[name]).feed(stream).silent()
    assert not line.frames
    assert len(line.bad) == 1
    assert reason in line.bad[0]


def test_a_length_over_max_frame_is_no_frame() -> None:
    """And what comes after it is found without waiting for 60,000 bytes."""
    options = {"framing": "length", "length": {"sync": "ab", "width": 2}}
    line = Line(options, 100).feed(b"ab\xea\x60.....", b"ab\0\x01x")
    assert line.frames == [b"x"]
    assert line.bad == ["a frame that says it has 60004 bytes; the limit is 100 (max_frame)"]


def test_half_a_frame_costs_itself_only() -> None:
    """The device restarts within a frame and goes on: the next one was taken for the rest of the first."""
    line = Line({"framing": "fixed", "fixed": {"size": 8, "sync": "#"}})
    assert line.feed(b"#abc", b"#abcdefg").frames == [b"abc#abc"], "without a checksum nothing tells"
    line = Line(SHAPES["fixed-crc"])
    good = line.framing.encode(b"abcdef")
    assert line.feed(good[:4], good, good).silent().frames == [b"abcdef"] * 2


def test_the_head_is_seen_when_asked_for() -> None:
    line = Line({"framing": "length", "length": {"sync": "#", "offset": 2, "keep_head": True}})
    assert line.feed(b"#t\x02ab").frames == [b"#t\x02ab"]


def test_blind_frames_begin_after_a_silence() -> None:
    """Nothing in them tells where one begins: after a wrong length, or opened within one, silence does."""
    line = Line({"framing": "length", "length": {"width": 2}}, 10)
    assert line.feed(b"\xff\xff", b"\0\x01a").frames == []
    assert line.silent().feed(b"\0\x01b").frames == [b"b"]
    assert line.framing.restart(b"x") is True
    assert line.feed(b"\0\x01c").frames == [b"b"]
    assert line.silent().feed(b"\0\x01d").frames == [b"b", b"d"]
    line.framing.stop()


def test_hostile_lengths_cost_little() -> None:
    """Each byte begins a frame of 16,000 bytes with a wrong checksum: only so many of them are calculated."""
    options = {"framing": "length", "length": {"width": 2}, "checksum": {"type": "crc-16/modbus"}}
    line = Line(options, 65_536)
    summed = 0

    class Counting:
        def open(self, body: bytes, head: bytes) -> bytes:
            nonlocal summed
            summed += len(body)
            raise BadValue("wrong")

    line.framing._seal = Counting()  # type: ignore[attr-defined]
    for _ in range(10):
        line.feed(b">" * 32_000)
    assert 0 < summed <= MOST_EFFORT + EFFORT * 320_000
    line.framing.stop()


def test_a_gap_ends_a_frame() -> None:
    """3.5 characters at 9600 baud are 3.6 ms. Silence that the reactor had no time to notice counts, too."""
    line = Line({"framing": "gap", "gap": {"characters": 3.5}})
    line.feed(b"a")
    line.clock.advance(0.003)
    line.feed(b"b")
    line.clock.advance(0.0037)
    assert line.frames == [b"ab"]
    line.feed(b"c")
    line.clock.rightNow += 0.01
    assert line.feed(b"d").frames == [b"ab", b"c"]
    assert line.silent().frames == [b"ab", b"c", b"d"]


def test_a_gap_is_waited_for_after_opening() -> None:
    line = Line({"framing": "gap"})
    assert line.framing.restart(b"x") is True
    assert line.feed(b"rest").silent().frames == []
    assert line.feed(b"next").silent().frames == [b"next"]


@pytest.mark.parametrize("name", ["slip", "cobs", "enclosed", "enclosed-hdlc", "length-crc", "fixed-crc"])
def test_opened_within_a_frame(name: str) -> None:
    """The rest of it is no frame."""
    line = Line(SHAPES[name])
    good = line.framing.encode(b"abcdef")
    line.framing.restart(good[:3])
    assert line.feed(good[3:], good).silent().frames == [b"abcdef"]
    assert not line.bad


@pytest.mark.parametrize(
    ("options", "body", "reason"),
    [
        ({"framing": "fixed", "fixed": {"size": 4}}, b"abc", "all frames have 4 bytes after their sync, not 3"),
        ({"framing": "length"}, b"x" * 256, "256 does not fit into 1 byte"),
        ({"framing": "length", "length": {"adjust": 4}}, b"x", "-3 does not fit"),
        (UBX, b"x", "2 bytes before its length"),
        ({"framing": "enclosed"}, b"a\x03", "cannot have its start"),
        ({"framing": "enclosed", "enclosed": {"start": ";", "end": ";"}}, b"a;", "cannot have its start and end"),
    ],
)
def test_what_cannot_be_sent(options: dict[str, Any], body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Line(options).framing.encode(body)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"framing": "fixed"}, "fixed needs the size"),
        ({"fixed": {"size": 3}}, "fixed is for framing: fixed"),
        ({"framing": "slip", "delimiter": ";"}, "delimiter and write_delimiter are for framing: line"),
        ({"framing": "fixed", "fixed": {"size": 5_000}}, "over max_frame, 4096"),
        ({"framing": "fixed", "fixed": {"size": 5, "sync": "#"}, **CRC}, "leaves no byte besides sync, checksum"),
        ({"framing": "cobs", "checksum": {"type": "xor", "start": 1}}, "whose frames have a head"),
        ({"framing": "length", "length": {"sync": "abc", "offset": 1}}, "offset 1 is within the 3 bytes of sync"),
        ({"framing": "gap", "gap": {"seconds": 1, "characters": 2}}, "seconds or characters, not both"),
        ({"framing": "enclosed", "enclosed": {"start": "a", "end": "ab"}}, "cannot be told apart"),
        ({"framing": "enclosed", "enclosed": {"escape_xor": 32}}, "needs an escape"),
        ({"framing": "enclosed", "enclosed": {"escape": "\x02", "escape_xor": 32}}, "has to be another byte"),
        ({"framing": "enclosed", "enclosed": {"escape": "\x02"}}, "has to have two bytes"),
        ({"framing": "enclosed", "enclosed": {"escape": "\x04", "escape_xor": 1}}, "another of them"),
        ({"framing": "enclosed", "enclosed": {"start": "~", "end": "~", "escape": "}"}}, "needs an escape_xor"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        configured(**options)


def test_unstuffing_refuses_what_is_cut() -> None:
    with pytest.raises(BadValue):
        uncobs(b"\0")
