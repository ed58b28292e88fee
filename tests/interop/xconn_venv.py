"""xconn from PyPI in a virtual environment of its own, made when it is first wanted: ten seconds, once.

It brings pydantic, aiohttp and others, which have no place among what the router is developed with.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
WANTED = HERE / "xconn.txt"
VENV = HERE.parent.parent / "build" / "xconn"
SECONDS = 300


@cache
def problem() -> str | None:
    """Have xconn installed. Result: None, or why it cannot be had."""
    VENV.parent.mkdir(exist_ok=True)
    with (VENV.parent / "xconn.lock").open("w") as lock:  # test runs side by side share one
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = VENV / "installed"
        if done.exists() and done.read_text() == WANTED.read_text():
            return None
        try:
            return _install(done)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"xconn cannot be installed: {error}"


def python() -> str:
    """The interpreter that has xconn."""
    return str(VENV / "bin" / "python")


def _install(done: Path) -> str | None:
    shutil.rmtree(VENV, ignore_errors=True)
    commands = [
        [sys.executable, "-m", "venv", str(VENV)],
        [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(WANTED)],
    ]
    for command in commands:
        ended = subprocess.run(
            command, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if ended.returncode != 0:
            return f"xconn cannot be installed: {ended.stderr.strip()[-400:]}"
    done.write_text(WANTED.read_text())
    return None
