"""Limits of CPU time: who is stopped, for how long, and how often one looks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Final

from twisted.internet.task import Clock

from edge_router.node.throttle import RELAXED, Throttle, cpu_seconds


class World:
    """A process that takes all the CPU time it gets, or some of it."""

    def __init__(self, share: float, appetite: float) -> None:
        self.clock = Clock()
        self.appetite = appetite
        self.had = 5.0
        self.awake = True
        self.signals: list[str] = []
        self.looks = 0
        self.throttle = Throttle(share, 7, self.clock, self.send, self.used)
        self.looks = 0

    def send(self, number: object) -> None:
        self.signals.append(getattr(number, "name", ""))
        self.awake = self.signals[-1] == "SIGCONT"

    def used(self, group: int) -> float:
        assert group == 7
        self.looks += 1
        return self.had

    def run(self, seconds: float) -> float:
        """Let time go by. Result: the share of a core that was used."""
        before = self.had
        for _ in range(round(seconds / 0.01)):
            if self.awake:
                self.had += 0.01 * self.appetite
            self.clock.advance(0.01)
        return (self.had - before) / seconds


def test_a_hog_gets_its_share() -> None:
    """In the long run, neither more nor much less."""
    for share in (0.1, 0.5, 0.9):
        world = World(share, appetite=1.0)
        world.run(5)
        assert share * 0.9 <= world.run(60) <= share * 1.1


def test_many_processes_count_together() -> None:
    """Four cores' worth of them get half a core."""
    world = World(0.5, appetite=4.0)
    world.run(10)
    assert 0.4 <= world.run(60) <= 0.6


def test_the_modest_are_left_alone() -> None:
    """No signal, and one look a second."""
    world = World(0.5, appetite=0.3)
    world.run(60)
    assert world.signals == []
    assert world.looks <= 60 / RELAXED


def test_a_burst_is_allowed() -> None:
    """What was saved within the last second may be used at once."""
    world = World(0.5, appetite=0.0)
    world.run(10)
    world.appetite = 1.0
    world.run(0.9)
    world.appetite = 0.0
    world.run(10)
    assert world.signals == []


def test_the_end_wakes() -> None:
    """A stopped process does not hear SIGTERM."""
    world = World(0.1, appetite=1.0)
    while not world.signals:
        world.run(0.1)
    world.throttle.end()
    world.throttle.end()
    assert world.signals == ["SIGSTOP", "SIGCONT"]
    assert world.clock.getDelayedCalls() == []


BUSY: Final = """
import os, sys, time
while time.process_time() < 0.2:
    pass
print(sum(os.times()[:4]), flush=True)
sys.stdin.read()
"""


def test_cpu_seconds() -> None:
    """As times(2) has it for a process, and nothing for one that is gone."""
    with Popen([sys.executable, "-c", BUSY], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        used = float(process.stdout.readline())
        assert abs(cpu_seconds(process.pid) - used) < 0.1
        assert process.stdin is not None
        process.stdin.close()
    assert cpu_seconds(2**22 + 1) == 0.0


def test_descendants_count(tmp_path: Path) -> None:
    """Children and their children, and what has ended."""

    def process(pid: int, own: str, *children: int) -> None:
        (tmp_path / str(pid) / "task" / str(pid)).mkdir(parents=True)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) b) S 1 {pid} {pid} 0 -1 0 0 0 0 0 {own} 20 0 1 0")
        (tmp_path / str(pid) / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))

    ticks = os.sysconf("SC_CLK_TCK")
    process(10, f"{ticks} {ticks} {ticks} 0", 11)
    process(11, f"{ticks} 0 0 0", 12, 13)
    process(12, f"0 0 0 {ticks}")
    assert cpu_seconds(10, tmp_path) == 5.0
