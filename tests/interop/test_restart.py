"""Clients that reconnect by themselves find all in order after the node was killed, or ended, and started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.puppet import Session
from tests.interop.running_node import RunningNode, doors
from tests.interop.stage import NodeModules, Stage, Unavailable

pytestmark = pytest.mark.slow

MEMBERS = [
    "twisted/rawsocket/msgpack",
    "asyncio/websocket/cbor",
    "autobahn-js/websocket/json",
    "wampy/websocket/msgpack",
]


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node that the test may end."""
    node = RunningNode(tmp_path / "node", doors())
    node.start()
    yield node
    assert node.stop() == 0
    assert node.complaints() == []


@pytest.fixture
def own_stage(own_node: RunningNode, modules: NodeModules, tmp_path: Path) -> Iterator[Stage]:
    """Puppets on that node."""
    made = Stage(own_node, tmp_path, modules)
    yield made
    made.close()


def enter(stage: Stage, members: list[str]) -> list[Session]:
    """Fresh sessions; the test is skipped where a library is missing."""
    try:
        return [stage.enter(member) for member in members]
    except Unavailable as reason:
        pytest.skip(str(reason))


def rejoin(sessions: list[Session]) -> None:
    """Wait until all have joined again."""
    for session in sessions:
        session.id = session.puppet.wait(note="joined", session=session.name)["id"]


def converse(sessions: list[Session], topic: str) -> None:
    """Everybody hears and calls the next one."""
    for one, other in zip(sessions, sessions[1:] + sessions[:1], strict=True):
        handle = other.subscribe(topic)
        one.publish(topic, 1)
        assert other.event(handle)["args"] == [1]
        other.register(f"{topic}.{other.id}", "echo")
        assert one.call(f"{topic}.{other.id}", 2) == ([2], {})


def test_all_come_back_after_a_power_cut(own_node: RunningNode, own_stage: Stage) -> None:
    """SIGKILL, then a start on the same directory: no session, port, socket or pid file is left that disturbs it."""
    sessions = enter(own_stage, [*MEMBERS, "twisted/unix/cbor"])
    converse(sessions[:4], "com.example.before")
    own_node.kill()
    own_node.start()
    rejoin(sessions)
    assert own_node.sessions() == len(sessions)
    converse(sessions[:4], "com.example.after")
    assert "did not end in order" in own_node.said()


def test_they_come_back_after_an_orderly_restart(own_node: RunningNode, own_stage: Stage) -> None:
    """GOODBYE `wamp.close.system_shutdown` to everybody, exit status 0, and those who reconnect then can."""
    sessions = enter(own_stage, MEMBERS)
    converse(sessions, "com.example.before")
    assert own_node.stop() == 0
    assert own_node.complaints() == []
    for session in sessions[:2]:
        session.puppet.wait(note="left", session=session.name, reason="wamp.close.system_shutdown")
    own_node.start()
    # autobahn-js and wampy.js take a GOODBYE by the router for the end
    rejoin(sessions[:2])
    converse(sessions[:2], "com.example.after")
