"""The program as the package has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from images.deb import PROGRAM
from images.version import VERSION


@pytest.mark.anywhere
def test_the_program_runs(tmp_path: Path) -> None:
    """It is a text in the build, which nothing else reads before it is on a board."""
    program = tmp_path / "edge-router"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program, "version"], capture_output=True, text=True)
    assert done.returncode == 0 and VERSION in done.stdout, done.stderr
