"""Links that break at any moment: every call gets one answer, no event comes twice, and nothing is left behind."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from edge_router.client.values import CallError
from tests.uplink.world import Board, World

RULES: list[dict[str, Any]] = [
    {"uri": "com.", "match": "prefix", "prefix": "site.{node}."},
    {"uri": "all.", "match": "prefix", "direction": "both", "mirror": True},
    {"uri": "com.", "match": "prefix", "kind": "procedures", "prefix": "site.{node}."},
    {"uri": "site.", "match": "prefix", "kind": "procedures", "direction": "down", "when_down": "wait", "wait": 5},
]


class Storm:
    """Two boards and a centre, and what happens to them. seed: of everything."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.centre = world.centre()
        self.boards = [world.board(self.centre, *RULES, node=node, role="board") for node in ("a", "b")]
        self.answers: Counter[int] = Counter()
        self.working: list[Deferred[Any]] = []
        self.asked = self.published = 0
        self.heard: list[Counter[int]] = []
        self.callers = [place.join() for place in (*self.boards, self.centre)]
        for board in self.boards:
            world.outcome(board.join().register("com.work", self._work, details=True))
        for caller in self.callers:
            seen: Counter[int] = Counter()
            self.heard.append(seen)
            caller.subscribe("all.x", lambda event, seen=seen: seen.update(event.args))
        world.settle()

    def _work(self, invoked: Any, *_args: Any) -> Any:
        if invoked.progress is not None and self.random.random() < 0.5:
            invoked.progress("half")
        work: Deferred[Any] = Deferred()
        self.working.append(work)
        return work

    # --- what may happen

    def call(self) -> None:
        number = self.asked = self.asked + 1
        node = self.random.choice("ab")
        timeout = self.random.choice([0, 0, 500])
        progress = self.random.choice([None, lambda _result: None])
        call = self.random.choice(self.callers).call(f"site.{node}.com.work", [number], None, timeout, progress)
        call.addBoth(self._answered, number)
        if self.random.random() < 0.2:
            self.world.clock.callLater(self.random.random(), call.cancel)

    def _answered(self, result: Any, number: int) -> None:
        assert not hasattr(result, "value") or not isinstance(result.value, AssertionError)
        self.answers[number] += 1

    def finish(self) -> None:
        if self.working:
            work = self.working.pop(self.random.randrange(len(self.working)))
            if not work.called:
                if self.random.random() < 0.3:
                    work.errback(CallError("com.bad"))
                else:
                    work.callback("done")

    def publish(self) -> None:
        self.published += 1
        self.random.choice(self.callers).publish("all.x", [self.published], exclude_me=False)

    def cut(self) -> None:
        board: Board = self.random.choice(self.boards)
        if board.uplink.link.is_up:
            board.cut()

    def wait(self) -> None:
        self.world.advance(self.random.choice([0.1, 0.5, 2.0]))

    def settle(self) -> None:
        self.world.settle()

    def step(self) -> None:
        weights = {self.call: 6, self.finish: 5, self.publish: 5, self.settle: 4, self.wait: 2, self.cut: 1}
        self.random.choices(list(weights), list(weights.values()))[0]()


@pytest.mark.parametrize("seed", range(12))
def test_every_call_gets_one_answer(world: World, seed: int) -> None:
    """And every event is heard at most once by each, once by all while the links are up."""
    storm = Storm(world, seed)
    for _ in range(300):
        storm.step()
    while storm.working:
        storm.finish()
    world.advance(70)
    while storm.working:
        storm.finish()
        world.advance(1)
    world.advance(70)
    assert storm.answers == Counter(range(1, storm.asked + 1))
    assert all(count == 1 for seen in storm.heard for count in seen.values())
    assert all(board.uplink.link.is_up for board in storm.boards)
    before = storm.published
    for _ in range(5):
        storm.publish()
    world.settle()
    assert all(set(range(before + 1, before + 6)) <= set(seen) for seen in storm.heard)
    for board in storm.boards:
        for session in (board.near, board.far):
            assert session is not None
            assert session._calls == session._invoked == {}
        assert board.uplink.taken._waiting == {}
    for place in (storm.centre, *storm.boards):
        assert all(not session.calls and not session.invocations for session in place.realm.sessions.values())
