"""`<topic>.read`: a reading now, for whoever asks, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from bridges.board.bridge import BoardBridge
from bridges.board.config import BoardConfig
from bridges.onewire.bridge import OneWireBridge
from bridges.onewire.config import OneWireConfig
from edge_router.client import CallError
from tests.bridges.polled.harness import WALL, Polled

Make = Callable[..., Polled]
ONE = "28-000000000001"


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Polled] = []

    def start(kind: Any = OneWireBridge, config: Any = OneWireConfig, **options: Any) -> Polled:
        made.append(Polled(kind, config, **{"bus": "sim:", "interval": 600, **options}).start())
        return made[-1]

    yield start
    for polled in made:
        polled.stop()


def ask(polled: Polled, *args: Any) -> list[Any]:
    """What comes is in the list."""
    got: list[Any] = []
    asked: Deferred[Any] = polled.call("read", *args)
    asked.addCallbacks(got.append, lambda failure: got.append(failure.value))
    return got


def test_a_reading_now(make: Make) -> None:
    """It is published as any other, and the interval begins anew."""
    wire = make(sensors={ONE: {"name": "boiler", "round": 1}})
    wire.passes(30)
    wire.call("simulate", "set", "boiler", 61.3125)
    (got,) = ask(wire, "boiler")
    assert got.args == (61.3,)
    assert got.kwargs == {"bridge": "x", "seq": 3, "ts": (WALL + 30) * 1000, "ts_quality": "synced"}
    assert wire.values("x.boiler")[-1] == 61.3
    wire.passes(590)
    assert len(wire.values("x.boiler")) == 2
    wire.passes(10)
    assert len(wire.values("x.boiler")) == 3


def test_a_frame_of_the_only_sensor_needs_no_name(make: Make) -> None:
    board = Polled(BoardBridge, BoardConfig, root="sim:pi", facts=["temperature"]).start()
    (got,) = ask(board)
    assert got.args == ({"temperature": 48.0},)
    board.stop()


def test_those_who_ask_meanwhile_get_the_same(make: Make) -> None:
    wire = make()
    wire.worker.held = True
    first, second = ask(wire, ONE), ask(wire, ONE)
    assert len(wire.worker.waiting) == 1
    wire.worker.go()
    assert first == second
    assert first[0].kwargs["seq"] == 3


def test_one_that_is_away(make: Make) -> None:
    """Told why; and it is tried at once, whatever its wait."""
    wire = make()
    wire.call("simulate", "unplug")
    for _ in range(5):
        (got,) = ask(wire, ONE)
        assert got.uri == "edge.error.device_away"
        assert "it is not there" in str(got)
    wire.call("simulate", "ok")
    assert type(ask(wire, ONE)[0].args[0]) is float


def test_one_that_hangs(make: Make) -> None:
    wire = make(patience=3)
    wire.call("simulate", "hang")
    got = ask(wire, ONE)
    wire.passes(3)
    assert "did not come back within 3 s" in str(got[0])


def test_no_reading_is_no_answer(make: Make) -> None:
    wire = make()
    wire.call("simulate", "set", ONE, 85)
    (got,) = ask(wire, ONE)
    assert got.uri == "edge.error.bad_answer"


def test_out_of_range_is_no_answer(make: Make) -> None:
    wire = make(sensors={ONE: {"name": "a", "max": 10}})
    (got,) = ask(wire, "a")
    assert (got.uri, "is above max 10" in str(got)) == ("edge.error.bad_answer", True)


def test_stopped_while_they_wait(make: Make) -> None:
    wire = make()
    wire.worker.held = True
    got = ask(wire, ONE)
    wire.bridge.stop()
    assert "the bridge was stopped" in str(got[0])
    wire.worker.waiting.clear()


def test_a_caller_that_cancels(make: Make) -> None:
    wire = make()
    wire.worker.held = True
    asked: Deferred[Any] = wire.call("read", ONE)
    asked.addErrback(lambda _: None)
    other = ask(wire, ONE)
    asked.cancel()
    wire.worker.go()
    assert other


def test_more_than_max_rate(make: Make) -> None:
    """Counted, and told to who asked."""
    wire = make(max_rate=2, bus="sim:thermometers?count=1")
    assert type(ask(wire, ONE)[0].args[0]) is float
    (got,) = ask(wire, ONE)
    assert got.uri == "edge.error.queue_full"
    assert wire.status()["dropped"] == 1
    assert len(wire.values(f"x.{ONE}")) == 2


def test_a_bound_of_callers(make: Make) -> None:
    wire = make()
    wire.worker.held = True
    waiting = [ask(wire, ONE) for _ in range(100)]
    with pytest.raises(CallError, match="100 callers wait"):
        ask(wire, ONE)
    wire.worker.go()
    assert all(waiting)


@pytest.mark.parametrize("args", [(), ("nobody",), (1,), (ONE, 1)])
def test_who_is_meant_has_to_be_said(make: Make, args: tuple[Any, ...]) -> None:
    with pytest.raises(CallError, match=ONE):
        ask(make(), *args)
