"""Processes that the node looks after: when they are started again, and how they are ended."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router.node import process
from edge_router.node.process import GRACE, Supervised, in_words


class World:
    """A supervised process whose lives are told by the test."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, restart: Any = "restart-on-failed", most: int | None = None
    ) -> None:
        self.clock = Clock()
        self.pid = 100
        self.cannot: OSError | None = None
        self.is_late = False
        self.spawned: list[int] = []
        self.groups: list[str] = []
        self.signals: list[tuple[int, str]] = []
        self.states: list[str] = []
        monkeypatch.setattr(process.os, "killpg", lambda group, number: self.signals.append((group, number.name)))
        self.process = Supervised("x", "guest", restart, most, self.spawn, self, self.clock, self.changed)  # type: ignore[arg-type]

    def spawn(self, _process: Supervised) -> Any:
        if self.cannot is not None:
            raise self.cannot
        self.pid += 1
        self.spawned.append(self.pid)
        if not self.is_late:
            _process.begun(self.pid)
        return type("Running", (), {"release": lambda self: None})()

    def changed(self) -> None:
        self.states.append(self.process.state)

    def begun(self, group: int) -> None:
        self.groups.append(f"+{group}")

    def ended(self, group: int) -> None:
        self.groups.append(f"-{group}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_failure_is_followed_by_another_start(world: World) -> None:
    """After about 1 s, 2 s, 4 s ..., up to a minute; what is left of its group is killed first."""
    world.process.start()
    for delay in (1, 2, 4, 8, 16, 32, 60, 60):
        count = len(world.spawned)
        world.process.exited(1)
        assert world.process.state == "failed"
        world.clock.advance(delay / 2 - 0.01)
        assert len(world.spawned) == count
        world.clock.advance(delay / 2 + 0.02)
        assert len(world.spawned) == count + 1
    assert world.process.restarts == 8
    assert world.signals[0] == (101, "SIGKILL")
    assert world.groups[:3] == ["+101", "-101", "+102"]


def test_what_has_run_for_long_begins_anew(world: World) -> None:
    """A crash once a day is no crash loop."""
    world.process.start()
    for _ in range(5):
        world.process.exited(-11)
        world.clock.advance(60)
    world.clock.advance(100)
    world.process.exited(-11)
    count = len(world.spawned)
    world.clock.advance(1)
    assert len(world.spawned) == count + 1
    assert world.process.last_end == "ended by SIGSEGV"


@pytest.mark.parametrize(
    ("restart", "status", "state"),
    [
        ("restart-on-failed", 0, "ended"),
        ("restart-on-failed", 1, "failed"),
        ("restart-on-failed", -15, "failed"),
        ("restart-always", 0, "failed"),
        ("restart-never", 0, "ended"),
        ("restart-never", 1, "given up"),
    ],
)
def test_options(monkeypatch: pytest.MonkeyPatch, restart: str, status: int, state: str) -> None:
    """Whether it is started again depends on the option and on how it ended."""
    world = World(monkeypatch, restart)
    world.process.start()
    world.process.exited(status)
    assert world.process.state == state
    world.clock.advance(60)
    assert len(world.spawned) == (2 if state == "failed" else 1)
    assert bool(world.clock.getDelayedCalls()) is False


def test_what_always_runs_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does its work and is started for the next is no error."""
    world = World(monkeypatch, "restart-always")
    world.process.start()
    with capturedLogs() as events:
        world.process.exited(0)
    assert [event["log_level"].name for event in events] == ["info"]


def test_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many restarts in a row, then never again; the log says so."""
    world = World(monkeypatch, most=2)
    world.process.start()
    with capturedLogs() as events:
        for _ in range(3):
            world.process.exited(9)
            world.clock.advance(60)
    assert (world.process.state, len(world.spawned)) == ("given up", 3)
    assert formatEvent(events[-1]) == "x: ended with status 9; given up after 2 restarts in a row"


def test_what_cannot_be_started(world: World) -> None:
    """No process, no group; tried again."""
    world.cannot = OSError(11, "Resource temporarily unavailable")
    with capturedLogs() as events:
        world.process.start()
    assert "x: cannot be started: Resource temporarily unavailable; started again in" in formatEvent(events[0])
    world.cannot = None
    world.clock.advance(1)
    assert (world.process.state, world.process.pid) == ("running", 101)


def test_an_end_by_itself_after_sigterm(world: World) -> None:
    """It is not started again."""
    world.process.start()
    done: list[Any] = []
    world.process.stop().addCallback(done.append)
    world.process.stop().addCallback(done.append)
    assert (world.signals, done) == ([(101, "SIGTERM")], [])
    world.process.exited(-15)
    assert (done, world.process.state) == ([None, None], "stopped")
    world.clock.advance(100)
    assert world.spawned == [101]
    assert world.process.stop().called


def test_who_does_not_listen_is_killed(world: World) -> None:
    """SIGKILL follows after GRACE seconds."""
    world.process.start()
    world.process.stop()
    world.clock.advance(GRACE)
    assert world.signals == [(101, "SIGTERM"), (101, "SIGKILL")]
    world.process.exited(-9)
    assert world.process.state == "stopped"
    assert world.clock.getDelayedCalls() == []


def test_a_stop_while_it_waits_for_its_restart(world: World) -> None:
    """Nothing is started any more."""
    world.process.start()
    world.process.exited(1)
    assert world.process.stop().called
    world.clock.advance(60)
    assert (world.spawned, world.process.state) == ([101], "stopped")


def test_a_restart_waits_for_the_end(world: World) -> None:
    """There are never two of one (crossbar#490)."""
    world.process.start()
    world.process.restart()
    world.process.restart()
    world.clock.advance(1)
    assert world.spawned == [101]
    world.process.exited(0)
    assert (world.spawned, world.process.state) == ([101, 102], "running")
    world.process.stop()
    world.process.exited(0)
    assert world.process.state == "stopped"


def test_a_leader_that_has_no_group_yet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started this very moment can be ended too."""
    killed: list[tuple[int, str]] = []

    def nobody(group: int, number: signal.Signals) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(process.os, "killpg", nobody)
    monkeypatch.setattr(process.os, "kill", lambda pid, number: killed.append((pid, number.name)))
    world.process.start()
    world.process.stop()
    assert killed == [(101, "SIGTERM")]


def test_a_process_that_is_there_only_later(world: World) -> None:
    """What was wanted meanwhile is made good: a stop, for one."""
    world.is_late = True
    world.process.start()
    assert (world.process.state, world.process.pid) == ("starting", None)
    stopped = world.process.stop()
    assert world.signals == []
    world.process.begun(101)
    assert world.signals == [(101, "SIGTERM")]
    world.process.exited(-15)
    assert stopped.called
    assert world.process.state == "stopped"


def test_close_kills(world: World) -> None:
    """The node goes, and so does everything."""
    world.process.start()
    world.process.close()
    assert world.signals == [(101, "SIGKILL")]
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "ended with status 0"), (3, "ended with status 3"), (-9, "ended by SIGKILL"), (-63, "ended by signal 63")],
)
def test_words(status: int, words: str) -> None:
    """How it ended, for people."""
    assert in_words(status) == words
