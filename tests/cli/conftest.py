"""Nodes that are ended whatever a test does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.running import RunningNode


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[Callable[..., RunningNode]]:
    """Starts nodes in the test's directory: options of `start`, then variables of the environment."""
    nodes: list[RunningNode] = []

    def start(*options: str, **environment: str) -> RunningNode:
        nodes.append(RunningNode(tmp_path, *options, **environment))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
