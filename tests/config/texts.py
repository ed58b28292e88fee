"""Configurations as text, and what loading says about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config.load import Loaded, load
from edge_router.config.problems import ConfigErrors

REALM = """\
workers:
  - type: router
    realms:
      - name: realm1
        roles: [{name: anonymous, permissions: [{uri: "", match: prefix, allow: {subscribe: true}}]}]
"""


def write(text: str, directory: Path, name: str = "config.yaml") -> Path:
    """Write a configuration. Result: its path."""
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def load_text(text: str, directory: Path, name: str = "config.yaml") -> Loaded:
    """Load a text that is right."""
    return load(write(text, directory, name))


def complaints(text: str, directory: Path, name: str = "config.yaml") -> list[str]:
    """Every problem of a text that is wrong, as `LINE: path: what`; the file's own path is taken off."""
    path = write(text, directory, name)
    with pytest.raises(ConfigErrors) as raised:
        load(path)
    lines = str(raised.value).splitlines()
    assert all(line.startswith(str(path) + ":") for line in lines)
    return [line.removeprefix(str(path) + ":").lstrip() for line in lines]


def notices(text: str, directory: Path, name: str = "config.yaml") -> list[str]:
    """Every notice about a text that can be used, as `LINE: path: what`."""
    return [f"{found.line}: {found.path}: {found.text}" for found in load_text(text, directory, name).notices]


def transport(text: str) -> str:
    """A configuration with one realm and this transport (one YAML flow mapping), which stands on line 7."""
    return f"{REALM}    transports:\n      - {text}\n"
