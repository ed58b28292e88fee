"""Everything arrives once, and in order, whatever happens to link, board and centre: real processes, in short.

`python -m tests.uplink.chaos --help` does it at length.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uplink.chaos import Plan, run


@pytest.mark.slow
def test_what_the_board_has_written_arrives_once_and_in_order(tmp_path: Path) -> None:
    """The link dies, both ends are killed with SIGKILL, while events come in all the time."""
    plan = Plan(events=800, rate=400, cuts=2, kills=1, central_kills=1, quiet=True)
    report = run(tmp_path, plan)
    assert report.sent > 700
    assert report.arrived >= report.sent
    assert report.is_good, report
    assert report.happened["dropped"] == 0
