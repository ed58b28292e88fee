"""Which readings are published, when, and with which time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock

from bridges.config import Field
from bridges.gathering import Reading
from bridges.reporting import Reporter
from bridges.stamps import Stamp


class Bench:
    """A reporter under a false clock; `sent` is (seconds, value, seq)."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sent: list[tuple[float, Any, int]] = []
        self.turns: list[bool] = []
        self.marked: list[int] = []
        field = msgspec.convert(options, Field)
        self.reporter = Reporter(field, self.clock, self._send, lambda: self.turns.append(self.reporter.stale))
        self._seq = 0

    def _send(self, reading: Reading) -> None:
        self.sent.append((self.clock.seconds(), reading.value, reading.stamp.seq))
        if reading.stale:
            self.marked.append(len(self.sent))

    def take(self, *values: Any, every: float = 0.0) -> None:
        for value in values:
            self._seq += 1
            self.reporter.take(Reading(value, Stamp(self._seq, int(self.clock.seconds() * 1000), "synced")))
            self.clock.advance(every)


def test_without_options_every_reading_is_sent() -> None:
    bench = Bench()
    bench.take(1, 1, 1)
    assert [value for _, value, _ in bench.sent] == [1, 1, 1]


@pytest.mark.parametrize(
    ("deadband", "values", "sent"),
    [
        (0, [1, 1, 1.0, 2, 1], [1, 2, 1]),
        (0.5, [20, 20.5, 20.6, 21, 20.1, 20], [20, 20.6, 20]),
        (0, ["a", "a", "b"], ["a", "b"]),
        (5, [True, True, False], [True, False]),
        (5, [1, True, "1", None], [1, True, "1", None]),
        (5, [{"a": 1}, {"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
    ],
)
def test_deadband_compares_with_what_was_sent_last(deadband: float, values: list[Any], sent: list[Any]) -> None:
    """A slow drift is noticed once it adds up; for what is no number any change counts."""
    bench = Bench(deadband=deadband)
    bench.take(*values)
    assert [value for _, value, _ in bench.sent] == sent
    assert bench.reporter.unchanged == len(values) - len(sent)


def test_min_interval_sends_the_last_of_it_at_its_end() -> None:
    """Leading and trailing: the first at once, the last when the interval is over, what was between is counted."""
    bench = Bench(min_interval=1.0)
    bench.take(1, 2, 3, 4, every=0.25)
    assert bench.sent == [(0.0, 1, 1), (1.0, 4, 4)]
    assert bench.reporter.superseded == 2
    bench.clock.advance(5)
    assert len(bench.sent) == 2, "nothing is made up"
    bench.take(5)
    assert bench.sent[-1] == (6.0, 5, 5)


def test_min_interval_after_deadband() -> None:
    """A reading within the deadband does not begin to wait; one that replaces a waiting reading is sent."""
    bench = Bench(min_interval=1.0, deadband=1)
    bench.take(20, 20.5, 25, 20.2, every=0.1)
    bench.clock.advance(2)
    assert [value for _, value, _ in bench.sent] == [20, 20.2]
    assert (bench.reporter.unchanged, bench.reporter.superseded) == (1, 1)


def test_max_interval_sends_the_last_reading_again_with_its_own_time() -> None:
    """An old value never looks new: seq and ts are those of the measurement."""
    bench = Bench(deadband=1, max_interval=60.0)
    bench.take(20, 20.5, every=10)
    bench.clock.pump([10] * 4)
    assert bench.sent == [(0.0, 20, 1), (60.0, 20.5, 2)]
    bench.clock.advance(60)
    assert bench.sent[-1] == (120.0, 20.5, 2)


def test_max_interval_counts_from_the_last_event() -> None:
    bench = Bench(max_interval=60.0)
    bench.take(1)
    bench.clock.advance(50)
    bench.take(2)
    bench.clock.advance(50)
    assert len(bench.sent) == 2
    bench.clock.advance(10)
    assert bench.sent[2:] == [(110.0, 2, 2)]


def test_a_source_that_is_away_is_not_repeated() -> None:
    """Its last value says nothing about now. It is repeated again after the next reading."""
    bench = Bench(max_interval=60.0)
    bench.take(1)
    bench.reporter.pause()
    bench.clock.advance(600)
    assert len(bench.sent) == 1
    bench.take(2)
    bench.clock.advance(60)
    assert [seq for _, _, seq in bench.sent] == [1, 2, 2]


def test_a_reading_that_waits_when_the_source_goes_is_still_sent() -> None:
    bench = Bench(min_interval=1.0, max_interval=60.0)
    bench.take(1, 2)
    bench.reporter.pause()
    bench.clock.advance(1)
    assert bench.sent[-1] == (1.0, 2, 2)
    assert not bench.clock.getDelayedCalls(), "and not repeated"


def test_stop_sends_what_waits_and_leaves_no_timer() -> None:
    bench = Bench(min_interval=1.0, max_interval=60.0)
    bench.take(1, 2)
    bench.reporter.stop()
    bench.reporter.stop()
    assert [value for _, value, _ in bench.sent] == [1, 2]
    assert not bench.clock.getDelayedCalls()


# --- debounce and windows --------------------------------------------------------------------------------------------


def test_debounce_waits_until_a_value_lasted() -> None:
    """A door that bounces is one change; the readings that did not last are counted."""
    bench = Bench(debounce=1.0, deadband=0)
    bench.take(0, every=2)
    bench.take(1, 0, 1, 0, 1, 1, every=0.1)
    assert [value for _, value, _ in bench.sent] == [0]
    bench.clock.advance(1)
    assert [(value, seq) for _, value, seq in bench.sent] == [(0, 1), (1, 7)]
    assert bench.reporter.bounced == 2
    bench.take(0)
    bench.reporter.stop()
    assert bench.reporter.bounced == 3, "what had not lasted when it was stopped"
    assert not bench.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("of", "value", "seq"), [("last", 4, 4), ("min", 1, 2), ("max", 9, 3), ("mean", 4.33, 4), ("count", 3, 4)]
)
def test_a_window_makes_one_of_its_readings(of: str, value: float, seq: int) -> None:
    """min and max keep the time of their own reading, the others that of the last one."""
    bench = Bench(window={"seconds": 60, "of": of, "round": 2})
    bench.take(7)
    bench.clock.advance(60)
    bench.take(1, 9, 3 if of == "mean" else 4, every=10)
    assert len(bench.sent) == 1
    bench.clock.advance(30)
    assert bench.sent[1:] == [(120.0, value, seq)]
    bench.clock.advance(600)
    assert len(bench.sent) == 2, "an empty window says nothing"


def test_a_window_ends_by_count_or_time_whichever_is_first() -> None:
    bench = Bench(window={"seconds": 10, "count": 3, "of": "count"})
    bench.take(*"abcd", every=1)
    bench.clock.pump([1] * 20)
    assert [(at, value) for at, value, _ in bench.sent] == [(2.0, 3), (13.0, 1)]


def test_a_mean_of_the_greatest_numbers_is_a_number() -> None:
    bench = Bench(window={"count": 4, "of": "mean"})
    bench.take(1.7e308, 1.7e308, -1.7e308, 1.7e308)
    assert bench.sent[0][1] == pytest.approx(0.85e308)


def test_a_window_is_sent_when_the_bridge_stops() -> None:
    bench = Bench(window={"seconds": 60, "of": "max"}, min_interval=30, max_interval=90)
    bench.take(1, 2)
    bench.reporter.stop()
    bench.reporter.stop()
    assert [value for _, value, _ in bench.sent] == [2]
    assert not bench.clock.getDelayedCalls()


def test_the_deadband_is_about_what_the_window_made() -> None:
    bench = Bench(window={"count": 2, "of": "mean"}, deadband=1)
    bench.take(10, 20, 14, 16, 20, 30)
    assert [value for _, value, _ in bench.sent] == [15, 25]


# --- stale -----------------------------------------------------------------------------------------------------------


def test_a_silent_field_is_marked_once_and_fresh_again_with_the_next_reading() -> None:
    """The mark has the time of the reading; the next reading is sent although it is the same."""
    bench = Bench(stale_after=30, deadband=1, max_interval=20)
    bench.take(20, 20.5)
    bench.clock.pump([1] * 300)
    assert bench.sent == [(0.0, 20, 1), (20.0, 20.5, 2), (30.0, 20.5, 2)], "not repeated while it is stale"
    assert (bench.marked, bench.turns) == ([3], [True])
    bench.take(20.5)
    assert bench.sent[3:] == [(300.0, 20.5, 3)]
    assert (bench.marked, bench.turns) == ([3], [True, False])
    bench.clock.advance(20)
    assert bench.sent[4:] == [(320.0, 20.5, 3)], "repeated again"


def test_readings_within_the_deadband_keep_a_field_fresh() -> None:
    bench = Bench(stale_after=30, deadband=1)
    bench.take(*[20] * 20, every=29)
    assert (len(bench.sent), bench.turns) == (1, [])


def test_a_field_that_never_says_anything_is_stale_too() -> None:
    """There is no value to mark, but it is told."""
    bench = Bench(stale_after=30)
    bench.reporter.begin()
    bench.clock.advance(30)
    assert (bench.sent, bench.turns) == ([], [True])


def test_what_waits_is_sent_as_the_stale_value() -> None:
    bench = Bench(stale_after=5, min_interval=60)
    bench.take(1, 2)
    bench.clock.advance(5)
    assert (bench.sent, bench.marked) == ([(0.0, 1, 1), (5.0, 2, 2)], [2])
    bench.reporter.stop()
    assert not bench.clock.getDelayedCalls()


def test_a_day_of_a_flaky_source_is_told_outage_by_outage() -> None:
    """24 hours: a reading each 10 s, but every hour 15 minutes of silence. Timers do not add up."""
    bench = Bench(stale_after=60, deadband=0.5, min_interval=1, max_interval=600)
    for second in range(0, 86_400, 10):
        if second % 3600 == 2700:
            bench.reporter.pause()
        if second % 3600 < 2700:
            bench.take(20 + second % 7, every=10)
        else:
            bench.clock.advance(10)
        assert len(bench.clock.getDelayedCalls()) <= 3
    assert bench.turns == [True, False] * 23 + [True]
    assert len(bench.marked) == 24
    silent = [at for at, _, _ in bench.sent if at % 3600 > 2760]
    assert not silent
