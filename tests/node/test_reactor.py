"""The reactor runs on monotonic time, so a board that hears the time from NTP keeps its timers."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from typing import Any

import pytest
from twisted.internet import main

from edge_router.node import reactor as module
from edge_router.node.reactor import cpu_seconds, install_reactor, raise_descriptor_limit, settle_garbage


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A reactor of the kind a node runs on, not made the global one of this process."""
    monkeypatch.setattr(module, "installReactor", lambda _: None)
    made: Any = install_reactor()
    yield made
    for reader in made.removeAll():
        reader.connectionLost(None)
    made._poller.close()


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The wall clock and the monotonic one, to be set by hand. The reactor must have been made before it is asked."""
    now = {"wall": 1_790_000_000.0, "monotonic": 5_000.0}
    monkeypatch.setattr(time, "time", lambda: now["wall"])
    monkeypatch.setattr(time, "monotonic", lambda: now["monotonic"])
    return now


@pytest.mark.parametrize("jump", [-3_600.0, 86_400.0, 1e9, -1e9])
def test_timers_fire_right_whatever_the_wall_clock_does(
    clocks: dict[str, float], reactor: Any, jump: float
) -> None:
    """A step back must not stop timers, a step forward must not fire them: each fires after its time has passed."""
    fired = []
    for delay in (0.5, 60.0):
        reactor.callLater(delay, fired.append, delay)
    clocks["wall"] += jump
    reactor.runUntilCurrent()
    assert fired == []
    clocks["monotonic"] += 0.5
    reactor.runUntilCurrent()
    assert fired == [0.5]
    assert reactor.timeout() == pytest.approx(59.5)
    clocks["wall"] -= 2 * jump
    clocks["monotonic"] += 59.5
    reactor.runUntilCurrent()
    assert fired == [0.5, 60.0]


def test_the_reactor_is_the_global_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that import `twisted.internet.reactor` must get this one."""
    assert module.installReactor is main.installReactor


def test_all_descriptors_that_the_kernel_allows_are_used() -> None:
    """The soft limit is raised to the hard one, and doing it twice is fine."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_descriptor_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
        assert raise_descriptor_limit() == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_cpu_time_includes_that_of_children() -> None:
    """The configuration is read in one."""
    before = cpu_seconds()
    subprocess.run([sys.executable, "-S", "-c", "sum(range(1_000_000))"], check=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert cpu_seconds() - before > 0
    assert cpu_seconds() > children.ru_utime + children.ru_stime > 0


def test_what_lives_as_long_as_the_node_is_left_alone_by_the_collector() -> None:
    """After the start everything is frozen, and cycles made later are still collected."""
    threshold = gc.get_threshold()
    try:
        settle_garbage()
        assert gc.get_freeze_count() > 1_000
        cycle: list[Any] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
