"""The bound on the node's own memory."""

from __future__ import annotations

import errno
import os

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router.node.memory import EVERY, MIB, MemoryGuard, give_back_unused, resident_memory

LIMIT = 200 * MIB


class Memory:
    """A node's memory. used: now. unused: what can be given back."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.used = 100 * MIB
        self.unused = 0
        self.fails = False
        self.ended: list[str] = []
        self.guard = MemoryGuard(LIMIT, self.clock, self.ended.append, self._resident, self._give_back)
        self.guard.start()

    def _resident(self) -> int:
        if self.fails:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.used

    def _give_back(self) -> None:
        self.used -= self.unused
        self.unused = 0

    def looks(self, count: int = 1) -> None:
        """Let so many looks pass."""
        for _ in range(count):
            self.clock.advance(EVERY)


def test_a_node_that_is_over_its_limit_for_long_ends() -> None:
    """With the reason; a moment of it is none."""
    memory = Memory()
    memory.used = 210 * MIB
    memory.looks(2)
    memory.used = 190 * MIB
    memory.looks(2)
    memory.used = 210 * MIB
    memory.looks(2)
    assert memory.ended == []
    memory.looks()
    assert memory.ended == ["it has 210 MiB of memory, more than 200 (controller.memory_limit)"]
    assert not memory.clock.getDelayedCalls()


def test_a_look_that_fails_is_not_the_last_one() -> None:
    """A node that is out of descriptors cannot read how much it has."""
    memory = Memory()
    memory.fails = True
    memory.looks(5)
    memory.fails = False
    memory.used = 210 * MIB
    memory.looks(3)
    assert len(memory.ended) == 1


def test_what_can_be_given_back_is() -> None:
    """Then it goes on."""
    memory = Memory()
    memory.used, memory.unused = 210 * MIB, 50 * MIB
    memory.looks(5)
    assert memory.ended == [] and memory.used == 160 * MIB
    assert len(memory.clock.getDelayedCalls()) == 1


def test_the_operator_is_warned_once_each_time() -> None:
    """From four fifths on."""
    memory = Memory()
    with capturedLogs() as said:
        for used in (150, 165, 170, 150, 165):
            memory.used = used * MIB
            memory.looks()
    assert [formatEvent(event) for event in said] == [
        "the node has 165 MiB of memory, of 200 that it may have (controller.memory_limit)",
        "the node has 165 MiB of memory, of 200 that it may have (controller.memory_limit)",
    ]


def test_real_memory() -> None:
    """A block that is freed does not count any more."""
    before = resident_memory()
    block = bytearray(b"x" * 50 * MIB)
    assert resident_memory() > before + 40 * MIB
    del block
    give_back_unused()
    assert resident_memory() < before + 25 * MIB
