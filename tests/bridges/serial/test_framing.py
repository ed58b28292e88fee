"""Line framing: the same frames come out however the bytes are cut, and memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridges.serial.delimited import DelimitedFraming
from bridges.values import BadValue

STREAMS = st.lists(st.sampled_from([b"a", b"b", b"\r", b"\n", b";", b"xyz", b"\x00", b"\xff"])).map(b"".join)
DELIMITERS = st.sampled_from([b"\n", b"\r\n", b";", b"aa", b"aba"])


def naive(stream: bytes, delimiter: bytes, max_frame: int) -> tuple[list[bytes], int]:
    """Frames and the number of over-long ones, by splitting. The last piece has no delimiter yet."""
    *pieces, rest = stream.split(delimiter)
    fit = [piece for piece in pieces if len(piece) <= max_frame]
    overlong = len(pieces) - len(fit) + (len(rest) - len(delimiter) + 1 > max_frame)
    if delimiter == b"\n":
        fit = [piece[:-1] if piece.endswith(b"\r") else piece for piece in fit]
    return [piece for piece in fit if piece], overlong


@given(STREAMS, DELIMITERS, st.integers(1, 8), st.lists(st.integers(1, 5)))
@example(b"aaab", b"aa", 1, [1])
def test_any_cut_gives_what_splitting_gives(stream: bytes, delimiter: bytes, limit: int, cuts: list[int]) -> None:
    """Whole, byte by byte or anyhow between: frames and counts are those of the whole stream."""
    framing = DelimitedFraming(delimiter, limit)
    frames: list[bytes | BadValue] = []
    at = 0
    for size in [*cuts, *[1] * len(stream)]:
        frames += framing.feed(stream[at : at + size])
        at += size
    assert (frames, framing.overlong) == naive(stream, delimiter, limit)
    whole = DelimitedFraming(delimiter, limit)
    assert whole.feed(stream) == frames
    assert whole.overlong == framing.overlong


def test_a_carriage_return_before_a_line_feed_is_no_part_of_the_frame() -> None:
    assert DelimitedFraming(b"\n", 99).feed(b"21.5\r\n22\n\r\n\n") == [b"21.5", b"22"]


def test_another_delimiter_leaves_carriage_returns_alone() -> None:
    assert DelimitedFraming(b";", 99).feed(b"a\r;b\n;") == [b"a\r", b"b\n"]


@pytest.mark.parametrize(("length", "fits"), [(7, True), (8, True), (9, False)])
def test_max_frame_counts_the_bytes_before_the_delimiter(length: int, fits: bool) -> None:
    framing = DelimitedFraming(b"\r\n", 8)
    assert len(framing.feed(b"x" * length + b"\r\n")) == fits
    assert framing.overlong == (not fits)


def test_a_device_that_never_sends_a_delimiter_takes_no_memory() -> None:
    """Over-long: dropped to the next delimiter, counted once."""
    framing = DelimitedFraming(b"\r\n", 100)
    for _ in range(1000):
        assert framing.feed(b"x" * 64) == []
        assert len(framing._buffer) <= 101
    assert framing.feed(b"\r\nok\r\n") == [b"ok"]
    assert framing.overlong == 1


def test_restart_inside_a_frame_drops_up_to_the_next_delimiter() -> None:
    """What is left of a frame could be taken for another value: 21.5 becomes 1.5."""
    framing = DelimitedFraming(b"\n", 99)
    framing.feed(b"12")
    assert framing.restart(b"3\n2") is True
    assert framing.feed(b"1.5\n22.0\n") == [b"22.0"]
    assert framing.overlong == 0


def test_restart_between_frames_loses_nothing() -> None:
    framing = DelimitedFraming(b"\n", 99)
    framing.feed(b"12\n")
    assert framing.restart(b"") is False
    assert framing.feed(b"13\n") == [b"13"]
