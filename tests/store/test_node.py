"""A real node with a store, ended and killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A node directory whose realm keeps everything."""
    config = configuration()
    config["workers"][0]["realms"][0]["store"] = {
        "type": "sqlite",
        "path": "realm1.sqlite",
        "buffer-flush": 20,
        "event-history": [{"uri": "com.", "match": "prefix"}],
    }
    write(tmp_path, config)
    return tmp_path


@pytest.fixture
def nodes() -> Iterator[list[Any]]:
    """Nodes and clients that are ended after the test; the first is a node."""
    running: list[Any] = []
    yield running
    for one in running:
        one.close()


def begin(directory: Path, nodes: list[Any]) -> Client:
    nodes.append(RunningNode(directory))
    client = Client(nodes[-1].wait_until_ready())
    nodes.append(client)
    assert client.join()[0] == 2
    return client


def publish(client: Client, number: int) -> None:
    client.send(16, number, {"retain": True, "acknowledge": True}, f"com.topic{number}", [number])
    assert client.receive()[0] == 17


def look(client: Client) -> tuple[list[Any], list[Any]]:
    """The retained values, and those of the history."""
    client.send(32, 100, {"match": "prefix", "get_retained": True}, "com.")
    subscription = client.receive()[2]
    client.send(48, 101, {}, "wamp.subscription.get_events", [subscription])
    retained = []
    while (message := client.receive())[0] == 36:
        retained.append(message[4][0])
    return retained, [event["args"][0] for event in message[3]]


def test_a_node_that_ends_loses_nothing(directory: Path, nodes: list[Any]) -> None:
    """What was published just before SIGTERM is there after the start."""
    client = begin(directory, nodes)
    for number in range(1, 6):
        publish(client, number)
    nodes[0].process.send_signal(signal.SIGTERM)
    assert nodes[0].ended() == 0
    assert look(begin(directory, nodes)) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])


def test_a_node_that_is_killed_loses_what_waited_at_most(directory: Path, nodes: list[Any]) -> None:
    """And says after the start that nothing is wrong."""
    client = begin(directory, nodes)
    for number in range(1, 6):
        publish(client, number)
    _wait_until_written(directory)
    publish(client, 6)
    nodes[0].process.kill()
    nodes[0].ended()
    retained, history = look(begin(directory, nodes))
    assert retained == history
    assert retained in ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6])


def _wait_until_written(directory: Path) -> None:
    """Until a transaction with the fifth event is in the log."""
    log = directory / "realm1.sqlite-wal"
    deadline = time.monotonic() + PATIENCE
    while b"com.topic5" not in log.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_file_does_not_keep_the_node_from_starting(directory: Path, nodes: list[Any]) -> None:
    """The log says what became of it."""
    (directory / "realm1.sqlite").write_bytes(b"no database at all" * 100)
    client = begin(directory, nodes)
    publish(client, 1)
    nodes[0].process.send_signal(signal.SIGTERM)
    assert nodes[0].ended() == 0
    assert "realm1.sqlite.corrupt-1" in nodes[0].stderr


def test_nothing_of_sqlite_is_loaded_unless_it_is_named(directory: Path) -> None:
    """It costs a megabyte."""
    code = "import sys, edge_router.node.node, edge_router.config.load; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert run("check", "--cbdir", directory).returncode == 0
