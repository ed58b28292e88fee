"""A node that is mistreated, and witnesses who must not notice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.hostile.raw import Client
from tests.interop.running_node import RunningNode, doors, tcp

#: milliseconds for handshake and HELLO; short, so that tests of it are
HANDSHAKE = 1_000
#: seconds that an exchange between well-behaved sessions may take on a machine that is busy with other things too
NOTICEABLE = 3.0


def hostile_doors() -> dict[str, dict[str, object]]:
    """The usual doors with little patience."""
    made = doors()
    options = {"open_handshake_timeout": HANDSHAKE}
    for name in ("rawsocket", "unix", "websocket"):
        made[name]["options"] = options
    made["universal"]["rawsocket"] = {"options": options}
    for section in (made["universal"]["websocket"], made["web"]["paths"]):
        section["ws"]["options"] = options
    for section in made.values():
        if section["endpoint"]["type"] == "tcp":
            section["endpoint"]["backlog"] = 512  # else a burst waits for the kernel to ask again, a second or more
    # the witnesses read only when they are asked to, so that they would not answer pings in time
    made["calm"] = {"type": "websocket", "endpoint": tcp(), "options": {"auto_ping_interval": 0}}
    made["universal"]["web"]["options"] = made["web"]["options"] = {"client_timeout": 1}
    return made


class Witness:
    """Two well-behaved sessions, one of each transport, that call and hear each other."""

    def __init__(self, node: RunningNode) -> None:
        self._callee = Client(node, "rawsocket", "msgpack")
        self._caller = Client(node, "calm", "json")
        self.caller_id = self._caller.hello()
        self._callee.hello()
        self._numbers = itertools.count(1)
        assert self._callee.ask([64, 1, {}, "com.witness.echo"])[0] == 65
        assert self._caller.ask([32, next(self._numbers), {}, "com.witness.topic"])[0] == 33

    def exchange(self) -> float:
        """One event and one call. Result: the seconds it took."""
        began = time.monotonic()
        number = next(self._numbers)
        self._callee.send([16, number, {}, "com.witness.topic", [number]])
        assert self._caller.receive()[4] == [number]
        self._caller.send([48, number, {}, "com.witness.echo", ["ping", number]])
        invocation = self._callee.receive()
        self._callee.send([70, invocation[1], {}, invocation[4]])
        assert self._caller.receive() == [50, number, {}, ["ping", number]]
        return time.monotonic() - began

    def close(self) -> None:
        """Leave."""
        self._callee.close()
        self._caller.close()


@pytest.fixture(scope="session")
def common_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node for all tests that do not need a config of their own."""
    node = RunningNode(tmp_path_factory.mktemp("hostile"), hostile_doors())  # type: ignore[arg-type]
    node.start()
    yield node
    assert node.stop() == 0


@pytest.fixture(scope="session")
def witness(common_node: RunningNode) -> Iterator[Witness]:
    """Witnesses on it."""
    made = Witness(common_node)
    yield made
    made.close()


@pytest.fixture
def node(common_node: RunningNode, witness: Witness) -> Iterator[RunningNode]:
    """The common node. After the test it must run, must not have complained, and the witnesses must be served."""
    before = common_node.log.stat().st_size
    yield common_node
    assert common_node.status() is None, common_node.said()[-2000:]
    assert common_node.complaints(before) == []
    assert witness.exchange() < NOTICEABLE


def settle(reached: object, seconds: float = 10.0) -> None:
    """Wait until a condition (a callable) holds, looking often."""
    deadline = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
