"""Waits between tries."""

from __future__ import annotations

import pytest

from bridges.backoff import Backoff


def test_waits_double_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(lambda: 0.5)
    assert [backoff.wait() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.wait() == 0.5


@pytest.mark.parametrize(("random", "first", "longest"), [(0.0, 0.4, 24.0), (0.999999, 0.6, 30.0)])
def test_waits_vary_by_a_fifth_and_never_exceed_thirty(random: float, first: float, longest: float) -> None:
    backoff = Backoff(lambda: random)
    waits = [backoff.wait() for _ in range(9)]
    assert waits[0] == pytest.approx(first, abs=1e-5)
    assert waits[-1] == pytest.approx(longest)
    assert max(waits) <= 30
