"""Which readings are published, when, and with which time."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from bridges.config import Field
from bridges.reporting import Reading, Reporter
from bridges.stamps import Stamp


class Bench:
    """A reporter under a false clock; `sent` is (seconds, value, seq)."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sent: list[tuple[float, Any, int]] = []
        self.reporter = Reporter(Field(**options), self.clock, self._send)
        self._seq = 0

    def _send(self, reading: Reading) -> None:
        self.sent.append((self.clock.seconds(), reading.value, reading.stamp.seq))

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
