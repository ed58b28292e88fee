"""The SPI bridge: chips on their lines, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from bridges.spi.bridge import SpiBridge
from bridges.spi.config import SpiConfig
from tests.bridges.polled.harness import Polled, convert

Make = Callable[..., Polled]
ADC = {"type": "mcp3008", "id": "adc", "inputs": {"light": "0", "tank": "1"}}


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Polled] = []

    def start(*devices: Any, **options: Any) -> Polled:
        made.append(Polled(SpiBridge, SpiConfig, **{"bus": "sim:", "devices": list(devices), **options}).start())
        return made[-1]

    yield start
    for polled in made:
        polled.stop()


def test_readings(make: Make) -> None:
    bus = make(
        ADC, {**ADC, "id": "other", "select": 1, "interval": 5, "fields": {"light": {"scale": 100, "unit": "%"}}}
    )
    bus.passes(10)
    assert [set(frame) for frame in bus.values("x.adc")] == [{"light", "tank"}] * 2
    assert bus.last("x.adc.light")[1]["unit"] == "V"
    assert len(bus.values("x.other.light")) == 3
    assert bus.values("x.other.light")[0] == pytest.approx(100 * bus.values("x.adc.light")[0])
    assert bus.last("x.other.light")[1]["unit"] == "%"


@pytest.mark.parametrize("fault", ["drop", "garble", "unplug", "hang"])
def test_faults_of_the_simulator(make: Make, logged: list[str], fault: str) -> None:
    bus = make(ADC, interval=5, bus="sim:?seed=3")
    right = bus.values("x.adc.light")
    bus.bridge._bus._chips[0].volts = [1.65] * 8  # type: ignore[attr-defined]
    bus.call("simulate", fault, 100)
    bus.passes(90)
    assert bus.last("x.adc.light")[1]["stale"]
    assert set(bus.values("x.adc.light")) == set(right)
    assert len([line for line in logged if "adc is away" in line]) == 1
    bus.passes(60)
    assert bus.last("x.adc.light")[0] == 1.65
    assert "stale" not in bus.last("x.adc.light")[1]


def test_a_real_bus_that_is_not_there(make: Make, logged: list[str]) -> None:
    bus = make(ADC, bus="/dev/spidev250")
    bus.passes(60)
    assert bus.values("x.status")[-1] == "away"
    assert [line for line in logged if "/dev/spidev250.0 is not there; on a Raspberry Pi" in line] == logged
    assert len(logged) == 1


@pytest.mark.parametrize(
    ("devices", "error"),
    [
        ([ADC, {**ADC, "id": "b"}], "'b' has the line 0"),
        ([ADC, {**ADC, "select": 1}], "'adc' is there twice"),
        ([{**ADC, "inputs": {"a": "8"}}], "Invalid enum value '8'"),
        ([{**ADC, "inputs": {}}], "length >= 1"),
        ([{**ADC, "fields": {"other": {}}}], "'other' is none of what it measures: light, tank"),
        ([{**ADC, "type": "mcp3009"}], "unknown spi_driver 'mcp3009'"),
    ],
)
def test_mistakes_of_the_configuration(devices: list[Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error):
        convert(SpiConfig, bus="sim:", devices=devices)


def test_a_bus_is_the_beginning_of_its_files() -> None:
    with pytest.raises(msgspec.ValidationError, match="bus"):
        convert(SpiConfig, bus="/dev/spidev0.0", devices=[ADC])
