"""The page's modules in Node: `wamp.test.mjs` and `model.test.mjs` beside this file."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = 20  # the first with timers that a test can move


def node() -> str:
    """The path of a Node that can run the tests; skips if there is none."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"node {version.strip()} is older than {OLDEST}")
    return program


@pytest.mark.parametrize("name", ["wamp", "model"])
def test_module(name: str) -> None:
    """Every test of the file passes, and there are some."""
    command = [node(), "--test", "--test-reporter=tap", str(HERE / f"{name}.test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) > 20
