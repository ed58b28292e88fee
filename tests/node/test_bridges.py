"""A bridge in the node: tried again when it cannot start, and never the end of the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from edge_router.node.bridges import LAST_DELAY, RunningBridge


class Config(Struct):
    """As much of a bridge's section as the node reads."""

    id: str = "kitchen"
    realm: str = "realm1"
    role: str = "trusted"


class Session:
    """A session that can be ended from either side."""

    def __init__(self) -> None:
        self.on_leave: Callable[[str], object] | None = None
        self.is_open = True

    def leave(self, reason: str = "wamp.close.normal") -> None:
        if self.is_open:
            self.is_open = False
            assert self.on_leave is not None
            self.on_leave(reason)


class Part:
    """A bridge that starts as the test says."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.started = 0
        self.stopped = 0

    def start(self, session: Session) -> Any:
        self.started += 1
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return result

    def stop(self) -> None:
        self.stopped += 1


class World:
    """A running bridge and all that is around it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.part = Part()
        self.sessions: list[Session] = []
        self.joined: list[tuple[str, str, str]] = []
        self.refusal: Exception | None = None
        self.bridge = RunningBridge(Config(), self.part, self.join, self.clock)

    def join(self, realm: str, role: str, authid: str) -> Session:
        self.joined.append((realm, role, authid))
        if self.refusal:
            raise self.refusal
        self.sessions.append(Session())
        return self.sessions[-1]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("result", [None, succeed(None)])
def test_it_joins_its_realm_and_runs(world: World, result: Any) -> None:
    """Realm and role of the configuration; the id is its authid."""
    world.part.results = [result]
    world.bridge.start()
    assert world.joined == [("realm1", "trusted", "kitchen")]
    assert world.bridge.info() == {"id": "kitchen", "realm": "realm1", "state": "running"}
    world.bridge.stop()
    assert (world.part.stopped, world.sessions[0].is_open, world.bridge.state) == (1, False, "stopped")
    world.bridge.stop()
    assert world.part.stopped == 1
    assert world.clock.getDelayedCalls() == []


def failing(count: int) -> list[Any]:
    return [RuntimeError("no") if number % 2 else fail(RuntimeError("no")) for number in range(count)]


def test_it_is_tried_again_with_growing_delays(world: World) -> None:
    """Raised or failed: one error line, the session is left, and the next attempt comes later and later."""
    world.part.results = failing(12)
    delays = []
    with capturedLogs() as events:
        world.bridge.start()
        while world.bridge.state == "failed":
            (call,) = world.clock.getDelayedCalls()
            delays.append(call.getTime() - world.clock.seconds())
            world.clock.advance(delays[-1])
    assert world.bridge.state == "running"
    assert len([event for event in events if event["log_level"] is LogLevel.error]) == 12
    most = [1, 2, 4, 8, 16, 32] + 6 * [LAST_DELAY]
    assert all(high / 2 <= delay <= high for delay, high in zip(delays, most, strict=True))
    assert [session.is_open for session in world.sessions] == [False] * 12 + [True]
    assert world.part.stopped == 12


def test_a_role_that_is_not_there_is_an_error_and_tried_again(world: World) -> None:
    """What the realm refuses is told as any other failure."""
    world.refusal = LookupError("realm 'realm1' has no role 'x'")
    with capturedLogs() as events:
        world.bridge.start()
    assert world.bridge.state == "failed"
    assert any("has no role" in str(event.get("why")) for event in events)
    world.bridge.stop()
    assert world.clock.getDelayedCalls() == []


def test_a_session_that_the_router_ends_is_joined_anew(world: World) -> None:
    """Somebody killed the session by the meta API, say."""
    world.bridge.start()
    world.sessions[0].leave("wamp.close.killed")
    assert (world.bridge.state, world.part.stopped) == ("failed", 1)
    world.clock.advance(1)
    assert world.bridge.state == "running"
    assert len(world.sessions) == 2


def test_stopped_while_it_starts(world: World) -> None:
    """The start may end much later, well or badly: the bridge stays stopped and nothing is tried again."""
    for outcome in (lambda start: start.callback(None), lambda start: start.errback(RuntimeError("late"))):
        starting: Deferred[None] = Deferred()
        world.part.results = [starting]
        world.bridge.start()
        assert world.bridge.state == "starting"
        world.bridge.stop()
        outcome(starting)
        assert world.bridge.state == "stopped"
        assert world.clock.getDelayedCalls() == []
