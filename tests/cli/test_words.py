"""What the system refused, in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_router.cli.words import in_words
from edge_router.config import find


@pytest.mark.parametrize("path", [find.SERVICE / "node.pid", find.SERVICE_FILE])
def test_whoever_is_not_in_the_group_is_told_of_it(path: Path) -> None:
    """The first thing that a user of a board meets."""
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    assert in_words(error).startswith(f"{path}: Permission denied; ") and "adduser NAME edge-router" in in_words(error)


def test_another_file_is_its_users() -> None:
    """And what is no refusal of the system is said as it is."""
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/home/joe/node/node.pid")
    assert in_words(error).endswith("; run this as the user it belongs to, or change its permissions")
    assert in_words(OSError("no such thing")) == "no such thing"
