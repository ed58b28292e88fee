"""One node and one puppet per library for the whole run; a node of its own for tests that kill it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.interop.puppet import Session
from tests.interop.running_node import RunningNode, doors
from tests.interop.stage import NodeModules, Stage, Unavailable


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A running node. After the last test it must end in order and must not have complained."""
    running = RunningNode(tmp_path_factory.mktemp("node"), doors())
    running.start()
    yield running
    assert running.status() is None, f"the node ended by itself:\n{running.said()[-2000:]}"
    assert running.stop() == 0
    assert running.complaints() == []


@pytest.fixture(scope="session")
def modules() -> NodeModules:
    """The libraries from npm."""
    return NodeModules()


@pytest.fixture(scope="session")
def stage(node: RunningNode, modules: NodeModules, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The puppets on the common node."""
    made = Stage(node, tmp_path_factory.mktemp("puppets"), modules)
    yield made
    made.close()


@pytest.fixture
def cast(stage: Stage) -> Callable[[str], Session]:
    """A long-lived session by its name, `library/door/serializer`; the test is skipped where the library is not."""

    def find(member: str) -> Session:
        try:
            return stage.session(member)
        except Unavailable as reason:
            pytest.skip(str(reason))

    return find


_names = itertools.count(1)


@pytest.fixture
def uri() -> str:
    """A URI that no other test uses."""
    return f"com.example.case{next(_names)}"
