"""24 simulated hours of a bus that fails by chance: what the operator and the subscribers see of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from twisted.logger import globalLogPublisher

from bridges.i2c.bridge import I2cBridge
from bridges.i2c.config import I2cConfig
from tests.bridges.polled.harness import WALL, Polled

CHANCE = "sim:?drop=0.03&garble=0.03&unplug=0.004&hang=0.004&outage=200&seed=11"
INTERVAL, STALE_AFTER, PATIENCE = 30, 90, 10
DAY = 86_400


@pytest.fixture(scope="module")
def day() -> Iterator[tuple[Polled, list[str]]]:
    """A day that is over, and what was logged."""
    devices = [{"type": "sht3x", "id": "inside"}, {"type": "sht3x", "id": "outside", "address": 0x45}]
    bus = Polled(I2cBridge, I2cConfig, bus=CHANCE, devices=devices, interval=INTERVAL, patience=PATIENCE)
    lines: list[str] = []

    def observe(event: dict[str, object]) -> None:
        if str(event["log_namespace"]).startswith("bridges.") and getattr(event["log_level"], "name", "") != "debug":
            lines.append(str(event["log_format"]).format(**event))

    globalLogPublisher.addObserver(observe)
    bus.start()
    for chip in bus.bridge._bus._chips.values():  # type: ignore[attr-defined]
        chip.raw = (0x6666, 0x8000)
    bus.passes(DAY, step=5)
    yield bus, lines
    globalLogPublisher.removeObserver(observe)
    bus.stop()


@pytest.mark.parametrize("name", ["inside", "outside"])
def test_no_wrong_value(day: tuple[Polled, list[str]], name: str) -> None:
    """The checksum catches all."""
    bus, _ = day
    assert set(bus.values(f"x.{name}.temperature")[1:]) == {25.0}
    assert len(bus.values(f"x.{name}")) > 1000


@pytest.mark.parametrize("name", ["inside", "outside"])
def test_each_outage_is_told_once(day: tuple[Polled, list[str]], name: str) -> None:
    """Away and read, in turns."""
    _, lines = day
    told = ["away" if "is away" in line else "read" for line in lines if line.startswith(f"x: {name} is ")]
    assert len(told) > 20
    assert all(one != other for one, other in itertools.pairwise(told))


@pytest.mark.parametrize("name", ["inside", "outside"])
def test_values_are_stale_in_time_and_never_old_ones_new(day: tuple[Polled, list[str]], name: str) -> None:
    """A stale event has the time of the reading before it; there is one wherever no reading came for so long."""
    bus, _ = day
    events = [about for topic, _, about in bus.session.events if topic == f"x.{name}.temperature"]
    gaps = 0
    for before, after in itertools.pairwise(events):
        assert not (before.get("stale") and after.get("stale"))
        if after.get("stale"):
            assert after["ts"] == before["ts"]
        else:
            assert after["ts"] > before["ts"]
            if after["ts"] - before["ts"] > 1000 * (STALE_AFTER + 5):
                gaps += 1
                assert before.get("stale"), "nobody was told"
    assert gaps > 10


def test_nothing_is_left_over(day: tuple[Polled, list[str]]) -> None:
    bus, _ = day
    assert len(bus.clock.getDelayedCalls()) < 20
    assert bus.last("x.inside.temperature")[1]["ts"] > (WALL + DAY - 1000) * 1000
