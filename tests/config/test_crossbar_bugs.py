"""docs/crossbar-bugs.md names a test for each bug of Crossbar's; here the page and the tests are kept in step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from edge_router import registry

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "crossbar-bugs.md").read_text("utf-8")
ROWS: Final = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| In Crossbar.io")
]

_NOT_THERE: Final = re.compile(r"not there: (?:(\w+) `(\S+)`|uplink)$")


def exists(proof: str) -> bool:
    """Whether there is such a test: `tests/file::function`, or `folder/scenario: title`."""
    if proof.startswith("tests/"):
        path, _, function = proof.partition("::")
        file, wanted = ROOT / path, f"def {function}("
    else:
        name, _, title = proof.partition(": ")
        file, wanted = ROOT / "tests" / "scenarios" / f"{name}.scenario", f"== {title}\n"
    return file.is_file() and wanted in file.read_text("utf-8")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_bug_has_a_test_or_no_place_to_be(row: list[str]) -> None:
    """A part that has come to be needs its proof."""
    _bug, here, cell = row
    proofs = re.findall(r"`([^`]+)`", cell)
    missing = _NOT_THERE.match(here)
    if missing is None:
        assert proofs, "which test shows that it is not so here?"
        assert [proof for proof in proofs if not exists(proof)] == []
    elif missing[1]:
        assert missing[2] not in registry.PARTS[missing[1]], f"{missing[2]} is there: name the test, say how it is here"
    else:
        assert "uplink" not in registry.PARTS, "uplinks are there: name the test, say how it is here"


def test_there_are_rows() -> None:
    """An empty page proves nothing."""
    assert len(ROWS) > 30
