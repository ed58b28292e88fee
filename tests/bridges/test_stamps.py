"""Time stamps and whether the clock behind them was right."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from bridges import stamps
from bridges.stamps import Stamp, Stamps


def test_stamps_count_and_tell_utc_milliseconds() -> None:
    clock = Clock()
    made = Stamps(clock, wall=lambda: 1_700_000_000.1239, synchronized=lambda: True)
    assert made.next() == Stamp(1, 1_700_000_000_123, "synced")
    assert made.next().seq == 2


def test_the_quality_is_asked_for_only_now_and_then() -> None:
    """A stamp is made for each frame; asking the kernel each time would cost more than the frame."""
    clock = Clock()
    answers = iter([False, True])
    made = Stamps(clock, wall=lambda: 0.0, synchronized=lambda: next(answers))
    assert {made.next().ts_quality for _ in range(100)} == {"unsynced"}
    clock.advance(stamps.CHECK_EVERY)
    assert made.next().ts_quality == "synced"


@pytest.mark.parametrize(
    ("result", "error", "synchronized"),
    [(0, 1_000, True), (5, 15_999_999, True), (5, 16_000_000, False), (0, 16_000_000, False), (-1, 0, False)],
)
def test_the_kernels_greatest_error_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, result: int, error: int, synchronized: bool
) -> None:
    """As systemd's timedatectl: below 16 s the clock is kept right; -1 is a call that is not allowed."""

    def adjtimex(timex: Any) -> int:
        assert timex.raw == bytes(256), "modes 0 only reads"
        struct.pack_into("@Illll", timex, 0, 0, 1, 2, error, 4)
        return result

    monkeypatch.setattr(stamps, "_adjtimex", lambda: adjtimex)
    assert stamps.is_synchronized(tmp_path / "missing") is synchronized


def test_timesyncds_file_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stamps, "_adjtimex", lambda: lambda _timex: -1)
    marker = tmp_path / "synchronized"
    marker.touch()
    assert stamps.is_synchronized(marker)


def test_the_real_kernel_answers() -> None:
    """The layout is right: the error it reports is a plausible figure, and the call changes nothing."""
    timex = ctypes.create_string_buffer(256)
    if stamps._adjtimex()(timex) < 0:
        pytest.skip("this machine does not let us ask the kernel for the clock's state")
    _, _, frequency, maxerror, esterror = struct.unpack_from("@Illll", timex)
    assert 0 <= maxerror <= 16_000_000
    assert 0 <= esterror <= 16_000_000
    assert abs(frequency) <= 500 << 16
