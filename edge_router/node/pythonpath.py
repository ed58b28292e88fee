"""Where the modules of components are: `options.pythonpath`, put in front of Python's own path."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def extend(directories: list[str], directory: Path) -> None:
    """Look for modules in these directories first, in this order.

    directories: relative to the node directory, or absolute. directory: the node directory.
    """
    found = [os.path.normpath(directory.absolute() / name) for name in directories]
    sys.path[:] = [*found, *(place for place in sys.path if place not in found)]
