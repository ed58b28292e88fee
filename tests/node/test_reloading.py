"""From SIGHUP to the outcome, with a process that does what the test says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import msgpack
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from edge_router.config.schema import Config, Controller
from edge_router.node import outcome
from edge_router.node.node import Node
from edge_router.node.reading import WITHIN
from edge_router.node.reloading import Reloading
from edge_router.node.systemd import Notifier


class Process:
    """The transport of a process under way."""

    pid: int | None = 4711

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.killed = False

    def signalProcess(self, name: str) -> None:
        assert name == "KILL"
        self.killed = True

    def ends(self, out: bytes = b"", err: bytes = b"", status: int = 0) -> None:
        """It has said this, and ended."""
        for descriptor, data in ((1, out), (2, err)):
            self.reader.childDataReceived(descriptor, data)
        self.pid = None
        reason = ProcessTerminated(status, None, None) if status else ProcessDone(0)  # type: ignore[no-untyped-call]
        self.reader.processEnded(Failure(reason))


class Reactor(Clock):
    """A clock that starts processes."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.full = False

    def spawnProcess(self, reader: Any, _executable: str, _words: list[str], **_more: Any) -> None:
        if self.full:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        reader.transport = Process(reader)
        self.processes.append(reader.transport)


class World:
    """A node without anything, and its reloads."""

    def __init__(self, directory: Path) -> None:
        self.reactor = Reactor()
        self.node = Node(Config(), directory, self.reactor)
        self.said: list[str] = []
        notifier = Notifier({}, self.reactor, 1)
        notifier._send = self.said.append  # type: ignore[method-assign]
        self.reloading = Reloading(self.node, None, self.reactor, notifier)

    def outcome(self) -> tuple[int, str, list[str]]:
        found = outcome.read(self.node.directory, os.getpid())
        assert found is not None
        return found.number, found.state, found.lines


def read(name: str) -> bytes:
    """What the process says of a configuration with this name of the node."""
    return msgpack.encode({"config": Config(controller=Controller(id=name)), "notices": []})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_one_after_another(world: World) -> None:
    """What is asked for while one runs is one more, however often it was asked for."""
    for _ in range(3):
        world.reloading.request()
    assert len(world.reactor.processes) == 1
    assert world.outcome() == (1, "running", [])
    world.reactor.processes[0].ends(read("a"))
    assert len(world.reactor.processes) == 2
    world.reactor.processes[1].ends(read("b"))
    assert len(world.reactor.processes) == 2
    assert world.outcome() == (2, "done", ["node: its id is b"])
    assert [line.partition("=")[0] for line in world.said] == ["RELOADING", "READY"] * 2


FAILURES = {
    "invalid": (b"", b"config.yaml:1: no\n", 1, ["config.yaml:1: no"]),
    "killed": (b"", b"", 137, ["reading the configuration failed: A process has ended with a probable"]),
    "another version": (b"\xc1", b"", 0, ["what was read cannot be used by the node that runs, which may be older:"]),
}


@pytest.mark.parametrize("case", FAILURES)
def test_nothing_has_changed_and_the_next_one_works(world: World, case: str) -> None:
    """Whatever becomes of the process, it is told, systemd hears that the node is there, and there may be another."""
    out, err, status, expected = FAILURES[case]
    world.reloading.request()
    world.reactor.processes[0].ends(out, err, status)
    number, state, lines = world.outcome()
    assert (number, state, len(lines)) == (1, "invalid", len(expected))
    assert all(line.startswith(words) for line, words in zip(lines, expected, strict=True))
    assert world.said[-1].startswith("READY=1")
    world.reloading.request()
    world.reactor.processes[1].ends(read("a"))
    assert world.outcome()[1] == "done"
    assert not world.reactor.getDelayedCalls()


def test_no_process_to_be_had(world: World) -> None:
    """The same."""
    world.reactor.full = True
    world.reloading.request()
    assert world.outcome() == (1, "invalid", ["cannot be read: [Errno 11] Resource temporarily unavailable"])
    assert world.said[-1].startswith("READY=1")


def test_one_that_hangs_is_killed(world: World) -> None:
    """WITHIN seconds are enough for any board."""
    world.reloading.request()
    world.reactor.advance(WITHIN)
    assert world.reactor.processes[0].killed


def test_the_end_of_the_node(world: World) -> None:
    """Nothing is changed any more; the outcome goes with the node."""
    world.reloading.request()
    world.reloading.request()
    ended: list[object] = []
    world.reloading.stop().addCallback(ended.append)
    assert (world.reactor.processes[0].killed, ended) == (True, [])
    world.reactor.processes[0].ends(status=9)
    assert (len(ended), len(world.reactor.processes)) == (1, 1)
    assert not (world.node.directory / outcome.NAME).exists()
    world.reloading.request()
    assert len(world.reactor.processes) == 1


def test_nobody_pays_for_what_is_not_used() -> None:
    """All of this is loaded with the first SIGHUP."""
    program = "import sys, edge_router.node.program; print([name for name in sys.modules if 'reload' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_outcome_is_for_the_owner_alone(tmp_path: Path) -> None:
    """Lines may quote the configuration; and another process's outcome is nobody's."""
    outcome.write(tmp_path, outcome.Outcome(1, 2, "done", ["x"]))
    assert (tmp_path / outcome.NAME).stat().st_mode & 0o777 == 0o600
    assert outcome.read(tmp_path, 2) is None
    for damaged in (b"\xff", b'{"pid":1,"number":2,"state":"done","lines":["\xff"]}'):
        (tmp_path / outcome.NAME).write_bytes(damaged)
        assert outcome.read(tmp_path, 1) is None
