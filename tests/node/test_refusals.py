"""A client that is refused again and again does not fill the log."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router.node.refusals import LINES, PERIOD, Refusals


def test_lines_are_bounded_and_nothing_is_kept_back() -> None:
    """The first ten of a minute are told one by one, the others as a number; then it begins anew."""
    clock = Clock()
    refusals = Refusals(clock)
    with capturedLogs() as events:
        for number in range(LINES + 5):
            refusals.add(f"tcp4:10.0.0.{number}:4711", "wamp.error.no_such_realm", "there is no realm 'x' here")
        assert len(events) == LINES
        clock.advance(PERIOD)
        refusals.add("unix:pid=7,uid=0", "wamp.error.no_such_role", "no")
        clock.advance(PERIOD)
    lines = [formatEvent(event) for event in events]
    assert lines[0] == "tcp4:10.0.0.0:4711 refused: wamp.error.no_such_realm: there is no realm 'x' here"
    assert lines[LINES:] == ["5 more were refused within 60 s", "unix:pid=7,uid=0 refused: wamp.error.no_such_role: no"]
    assert clock.getDelayedCalls() == []
