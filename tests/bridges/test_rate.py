"""The bound on frames a second."""

from __future__ import annotations

from twisted.internet.task import Clock

from bridges.rate import Rate


def test_one_second_of_frames_may_come_at_once_and_no_more() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    assert [rate.allows() for _ in range(12)] == [True] * 10 + [False] * 2
    assert rate.refused == 2


def test_it_fills_up_with_time_to_one_second_of_frames() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    while rate.allows():
        pass
    clock.advance(0.25)
    assert [rate.allows() for _ in range(3)] == [True, True, False]
    clock.advance(3600)
    assert sum(rate.allows() for _ in range(100)) == 10


def test_a_steady_stream_below_the_bound_is_never_refused() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    for _ in range(1000):
        clock.advance(0.1)
        assert rate.allows()
