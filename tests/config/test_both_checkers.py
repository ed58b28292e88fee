"""Configurations that Crossbar accepts are accepted here; `crossbar.cases` has them, and the reason of each difference.

Crossbar itself is asked if it is there: `make crossbar`.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_router.cli.init import make
from edge_router.config import yaml_file
from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors
from tests.config.crossbar.cases import CASES

ROOT = Path(__file__).parents[2]
CROSSBAR = ROOT / "build" / "crossbar"
CHECKER = Path(__file__).with_name("crossbar") / "checker.py"
GOOD = "Ok, node configuration looks good!"


@pytest.mark.parametrize("name", CASES)
def test_here(name: str, tmp_path: Path) -> None:
    """What the table says of edge-router."""
    case = CASES[name]
    directory = tmp_path / ".crossbar"
    directory.mkdir()
    if case.ours is not None:
        with pytest.raises(ConfigErrors, match=re.escape(case.ours)):
            from_tree(case.tree, "config.json", directory)
        return
    paths = sorted(found.path for found in from_tree(case.tree, "config.json", directory).notices)
    ends = sorted(case.notices, key=lambda end: next((path for path in paths if path.endswith(end)), end))
    assert len(paths) == len(ends)
    assert all(path.endswith(end) for path, end in zip(paths, ends, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_differences_have_reasons(name: str) -> None:
    """And nothing else has one."""
    case = CASES[name]
    assert bool(case.why) == ((case.crossbar is None) != (case.ours is None))


def crossbar_says(trees: dict[str, Any], directory: Path) -> dict[str, str]:
    """What Crossbar says of configurations: nothing if it accepts one."""
    python = CROSSBAR / "bin" / "python"
    if not (CROSSBAR / "installed").exists():
        pytest.skip("Crossbar is not installed; `make crossbar` does it (380 MB in build/)")
    places = {}
    for number, (name, tree) in enumerate(trees.items()):
        place = directory / str(number) / ".crossbar"
        place.mkdir(parents=True)
        (place / "config.json").write_text(json.dumps(tree))
        places[name] = str(place)
    command = [str(python), str(CHECKER), *places.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    answers = json.loads(done.stdout)
    said = {}
    for name, place in places.items():
        status, text = answers[place]
        assert (status == 0) == (GOOD in text), text
        said[name] = "" if status == 0 else text.splitlines()[-1]
    return said


@pytest.mark.slow
def test_crossbar_itself(tmp_path: Path) -> None:
    """What the table says of Crossbar is what Crossbar says."""
    said = crossbar_says({name: case.tree for name, case in CASES.items()}, tmp_path)
    expected = {name: case.crossbar for name, case in CASES.items()}
    wrong = {
        name: text
        for name, text in said.items()
        if bool(text) != (expected[name] is not None) or (expected[name] or "") not in text
    }
    assert wrong == {}


#: keys that Crossbar does not know, in what `init` writes
OURS_ALONE = {"mode"}


def common_part(value: Any) -> Any:
    """A configuration without what is edge-router's alone."""
    if isinstance(value, dict):
        return {key: common_part(item) for key, item in value.items() if key not in OURS_ALONE}
    return [common_part(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_crossbar_accepts_what_init_writes(tmp_path: Path) -> None:
    """But for the mode of the Unix socket, it is a configuration of Crossbar's."""
    make(tmp_path / ".crossbar", tmp_path / "web")
    tree = yaml_file.read((tmp_path / ".crossbar" / "config.yaml").read_text())[0]
    assert crossbar_says({"init": common_part(tree)}, tmp_path) == {"init": ""}
