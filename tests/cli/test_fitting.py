"""What is wrong on a command line is told with what would be right."""

from __future__ import annotations

import argparse

import pytest

from edge_router.__main__ import dispatch
from edge_router.cli.fitting import fitting


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["start", "--logsize", "2K"], "found '2K'; 4K or more would be right"),
        (["start", "--logsize", "big"], "found 'big'; 4K or more would be right"),
        (["start", "--logcount", "0"], "a whole number from 1 to 999"),
        (["start", "--shutdownafter", "inf"], "a number of seconds above 0"),
        (["reload", "--timeout", "x"], "a number of seconds above 0"),
        (["record", "--seconds", "-1", "a", "b"], "a number of seconds above 0"),
        (["record", "--max-size", "10", "a", "b"], "found '10'; 4096 or more would be right"),
        (["replay", "--speed", "0", "a"], "a number from 0.01 to 1000"),
        (["demo", "--port", "99999"], "a port from 0 to 65535"),
        (["certificate", "--days", "0"], "a whole number from 1 to 3650"),
        (["certificate", "a_b!"], "a host name as pi.local, or an IP address,"),
        (["certificate", "--client", "../x"], "letters, digits"),
    ],
)
def test_it_says_what_would_be_right(words: list[str], right: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with status 2."""
    with pytest.raises(SystemExit) as end:
        dispatch(words)
    assert end.value.code == 2
    assert right in capsys.readouterr().err


def test_what_fits_is_taken() -> None:
    """As the value that was read."""
    assert fitting(int, lambda number: number > 1, "2 or more")("7") == 7
    with pytest.raises(argparse.ArgumentTypeError, match=r"^found '1'; 2 or more would be right$"):
        fitting(int, lambda number: number > 1, "2 or more")("1")
