"""The version, and the time that all files are stamped with, so that the same commit gives the same octets."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from edge_router import __version__

ROOT: Final = Path(__file__).parent.parent
VERSION: Final = __version__


def epoch() -> int:
    """Seconds since 1970: $SOURCE_DATE_EPOCH, else the time of the last commit (reproducible-builds.org)."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    return _committed()


@cache
def _committed() -> int:
    try:
        return int(git("log", "-1", "--format=%ct"))
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("images: no git checkout: set SOURCE_DATE_EPOCH to the date of all files") from None


def git(*words: str) -> str:
    """What git says of this repository. Raises OSError without git, CalledProcessError if it refuses."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    return done.stdout.rstrip()  # what begins with a blank is meant so
