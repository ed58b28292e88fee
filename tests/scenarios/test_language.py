"""The language of scenarios itself: what a line means, and that a transcript which does not hold is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.language import AND_MORE, ANYTHING, Variable, matches, parse_values, read
from tests.scenarios.stage import CoreStage, Play
from tests.scenarios.test_scenarios import SCENARIOS


def test_values() -> None:
    """JSON, bare words, binary, variables, anything."""
    assert parse_values('1 {} com.x ["a b", {"k": null}] $sub * h\'0aff\' -1.5 ""') == [
        1, {}, "com.x", ["a b", {"k": None}], Variable("sub"), ANYTHING, b"\x0a\xff", -1.5, "",
    ]  # fmt: skip
    assert parse_values('{"a": $x, ...}') == [{"a": Variable("x"), AND_MORE: None}]
    with pytest.raises(ValueError, match="cannot read"):
        parse_values('"open')


@pytest.mark.parametrize(
    ("expected", "found", "holds"),
    [
        ([1, {}], [1, {}], True),
        ([1, {}], [1, {}, []], False),
        ([1], [1.0], False),
        ([True], [1], False),
        ([ANYTHING], [{"a": 1}], True),
        ([{"a": 1}], [{"a": 1, "b": 2}], False),
        ([{"a": 1, AND_MORE: None}], [{"a": 1, "b": 2}], True),
        ([{"a": 1, AND_MORE: None}], [{"b": 2}], False),
        ([Variable("x"), Variable("x")], [1, 1], True),
        ([Variable("x"), Variable("x")], [1, 2], False),
    ],
)
def test_matching(expected: Any, found: Any, holds: bool) -> None:
    """Exactly what is listed, but for * and ..."""
    assert matches(expected, found, {}) is holds


@pytest.mark.parametrize(
    "lines",
    [
        "alice joins\nalice -> SUBSCRIBE 1 {} com.x",
        "alice joins\nalice -> SUBSCRIBE 1 {} com.x\nalice gets nothing",
        "alice joins\nalice -> SUBSCRIBE 1 {} com.x\nalice <- SUBSCRIBED 2 *",
        "alice joins\nalice <- SUBSCRIBED 2 *",
        "alice joins\nalice is disconnected",
        "| no_roles: [stranger]\nalice joins as stranger",
    ],
)
def test_a_transcript_that_does_not_hold_is_told(lines: str, tmp_path: Path) -> None:
    """With the transcript up to there, and what came instead."""
    path = tmp_path / "x.scenario"
    path.write_text(f"A section\n\n== a rule\n{lines}\n")
    (scenario,) = read(path)
    with pytest.raises(AssertionError, match=r"(?s)x.scenario: a rule.*  !!  "):
        Play(scenario, CoreStage(scenario, {"alice": "json"})).run()


@pytest.mark.parametrize("line", ["alice dances", "alice -> NOTHING 1", "== x\nalice joins\nalice -> CALL {"])
def test_a_line_that_cannot_be_read_is_told_with_its_place(line: str, tmp_path: Path) -> None:
    """File and number."""
    path = tmp_path / "x.scenario"
    path.write_text(f"A section\n\n== a rule\n{line}\n")
    with pytest.raises(ValueError, match=r"x.scenario:\d+: "):
        read(path)


def test_titles_are_unique() -> None:
    """A scenario is found by its name."""
    names = [(scenario.path.stem, scenario.title) for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
