"""What a worker with a process of its own has of the node around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from edge_router import registry
from edge_router.node.guard import Guard


class Surroundings(NamedTuple):
    """node: its id. directory: the node directory. reactor: Twisted's. guard: of all processes. nursery: where
    containers come from; made when the first asks. changed: called when one has news."""

    node: str
    directory: Path
    reactor: Any
    guard: Guard
    nursery: Callable[[], Any]
    changed: Callable[[], None]

    @staticmethod
    def load(where: str) -> Any:
        """What an import string names; for parts that few configurations need."""
        return registry.load(where)
