"""The I2C bridge: chips with drivers, ours and others', and what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec
import pytest

from bridges.i2c.bridge import I2cBridge
from bridges.i2c.bus import Chip
from bridges.i2c.config import I2cConfig, I2cDeviceConfig
from edge_router import registry
from tests.bridges.polled.harness import WALL, Polled, convert

Make = Callable[..., Polled]
BME280 = {"type": "bme280", "id": "outside"}
SHT3X = {"type": "sht3x", "id": "inside"}


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Polled] = []

    def start(*devices: Any, **options: Any) -> Polled:
        section = {"bus": "sim:", "devices": list(devices), **options}
        made.append(Polled(I2cBridge, I2cConfig, **section).start())
        return made[-1]

    yield start
    for polled in made:
        polled.stop()


def test_a_frame_a_reading_and_a_topic_a_value(make: Make) -> None:
    """With units by nature; each device at its own interval."""
    bus = make({**BME280, "fields": {"temperature": {"round": 0, "topic": "com.example.t"}}}, {**SHT3X, "interval": 2})
    frame, about = bus.last("x.outside")
    assert frame["temperature"] == 25.0
    assert about == {"bridge": "x", "seq": 1, "ts": WALL * 1000, "ts_quality": "synced"}
    assert bus.last("com.example.t") == (25.0, {**about, "unit": "°C"})
    assert bus.last("x.outside.humidity") == (frame["humidity"], {**about, "unit": "%"})
    bus.passes(10)
    assert len(bus.values("x.outside")) == 2
    assert len(bus.values("x.inside")) == 6
    assert set(bus.values("x.status")) == {"open"}


def test_every_kind_of_chip(make: Make) -> None:
    """All of them, in one node, by their simulators."""
    bus = make(
        BME280,
        SHT3X,
        {"type": "ads1115", "id": "adc", "inputs": {"tank": {"pins": "0"}, "bridge": {"pins": "2-3", "max": 0.256}}},
        {"type": "bh1750", "id": "light"},
        {"type": "ina219", "id": "supply"},
    )
    status = bus.status()
    assert {name: facts["state"] for name, facts in status["sensors"].items()} == dict.fromkeys(
        ("outside", "inside", "adc", "light", "supply"), "open"
    )
    assert bus.last("x.adc.tank")[1]["unit"] == "V"
    assert not bus.values("x.adc.bridge"), "it is at the end of its range"
    assert "end of its range" in status["sensors"]["adc"]["left_out"]["bridge"]
    assert bus.last("x.supply.power")[1]["unit"] == "W"


@pytest.mark.parametrize("fault", ["drop", "garble", "unplug", "hang"])
def test_faults_of_the_simulator(make: Make, logged: list[str], fault: str) -> None:
    """Each outage is told once a chip; no value that a checksum could have caught gets through."""
    bus = make(SHT3X, interval=5)
    right = bus.values("x.inside.temperature")
    bus.call("simulate", fault, 100)
    bus.passes(90)
    assert bus.last("x.inside.temperature")[1]["stale"]
    assert set(bus.values("x.inside.temperature")) == set(right)
    assert len([line for line in logged if "inside is away" in line]) == 1
    bus.passes(60)
    assert "stale" not in bus.last("x.inside.temperature")[1]
    assert len([line for line in logged if "inside is read" in line]) == 2


def test_one_dead_chip_does_not_hold_up_the_others(make: Make) -> None:
    """It is tried less and less often."""
    bus = make(BME280, SHT3X, interval=1)
    chips = bus.bridge._bus._chips  # type: ignore[attr-defined]
    del chips[0x76]
    bus.passes(120)
    status = bus.status()
    assert (status["state"], status["stale"]) == (
        "open", ["outside.temperature", "outside.pressure", "outside.humidity"]
    )  # fmt: skip
    assert status["sensors"]["outside"]["failures"] < 12
    assert len(bus.values("x.inside")) == 121


def test_a_chip_that_lost_its_power_is_set_up_again(make: Make) -> None:
    """A driver that failed is not used again."""
    bus = make(BME280, interval=5)
    chips = bus.bridge._bus._chips  # type: ignore[attr-defined]
    chip = chips.pop(0x76)
    bus.passes(5)
    chips[0x76] = chip
    writes: list[int] = []
    stored = chip.stored
    chip.stored = lambda register, value: (writes.append(register), stored(register, value))
    bus.passes(30)
    assert writes[0] == 0xE0, "a reset"
    assert writes.count(0xE0) == 1


def test_a_real_bus_that_is_not_there(make: Make, logged: list[str]) -> None:
    bus = make(BME280, SHT3X, bus="/dev/i2c-250")
    bus.passes(60)
    assert bus.values("x.status")[-1] == "away"
    assert [line for line in logged if "raspi-config" in line] == logged
    assert len(logged) == 2, "one for each"


class CountConfig(I2cDeviceConfig, tag="count", kw_only=True):
    """A chip of another package."""

    simulator: ClassVar[str | None] = "tests.bridges.i2c.test_bridge:CountBank"

    def units(self) -> dict[str, str | None]:
        return {"count": None}


class Count:
    def __init__(self, config: CountConfig, chip: Chip) -> None:
        self._chip = chip

    def read(self) -> dict[str, Any]:
        return {"count": self._chip.ask(0, 1)[0]}


class CountBank:
    def __init__(self, config: CountConfig, seconds: Callable[[], float]) -> None: ...

    def write(self, data: bytes) -> None: ...

    def read(self, count: int) -> bytes:
        return b"\x07"


class Careless:
    """A driver with a mistake. frame: what it gives."""

    frame: Any = None

    def __init__(self, config: CountConfig, chip: Chip) -> None: ...

    def read(self) -> Any:
        return self.frame


class BareConfig(CountConfig, tag="bare", kw_only=True):
    """Without a simulator."""

    simulator: ClassVar[str | None] = None


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """As entry points of the group `edge_router.i2c_driver` say it."""
    here = "tests.bridges.i2c.test_bridge"
    found = {
        "count": registry.Part(f"{here}:CountConfig", f"{here}:Count"),
        "bare": registry.Part(f"{here}:BareConfig", f"{here}:Count"),
    }
    monkeypatch.setattr(registry, "_others", lambda kind: found if kind == "i2c_driver" else {})


@pytest.mark.usefixtures("others")
def test_a_driver_of_another_package(make: Make) -> None:
    bus = make({"type": "count", "id": "c", "address": 0x20})
    assert bus.values("x.c.count") == [7]


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (7, "gave no values with names, but 7"),
        ({1: 2}, "gave no values with names"),
        ({"count": {1, 2}}, "gave a value of the kind <class 'set'>"),
        ({"count": float("nan")}, "nan is no value"),
    ],
)
def test_a_driver_with_a_mistake_harms_nobody_else(
    make: Make, monkeypatch: pytest.MonkeyPatch, frame: Any, error: str
) -> None:
    monkeypatch.setattr(Careless, "frame", frame)
    monkeypatch.setattr("tests.bridges.i2c.test_bridge.Count", Careless)
    bus = make({"type": "count", "id": "c", "address": 0x20}, SHT3X)
    bus.passes(60)
    assert error in bus.status()["sensors"]["c"]["error"]
    assert len(bus.values("x.inside")) == 7


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("devices", "error"),
    [
        ([], "length >= 1"),
        ([BME280, {**SHT3X, "address": 0x76}], "'inside' has the address 0x76 of 'outside'"),
        ([BME280, {**SHT3X, "id": "outside"}], "device 'outside' is there twice"),
        ([{**BME280, "address": 0x78}], "<= 119"),
        ([{**BME280, "fields": {"altitude": {}}}], "'altitude' is none of what it measures: temperature"),
        ([{**BME280, "id": "status"}], "'status' has the name"),
        ([{"type": "bme208", "id": "a"}], "unknown i2c_driver 'bme208'"),
        ([{"type": "bare", "id": "a", "address": 0x20}], "'a': its kind has no simulator"),
        ([{"type": "ads1115", "id": "a", "inputs": {}}], "length >= 1"),
        ([{"type": "ads1115", "id": "a", "inputs": {"b": {"pins": "0", "max": 5}}}], "none of its ranges 6.144"),
    ],
)
def test_mistakes_of_the_configuration(devices: list[Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error):
        convert(I2cConfig, bus="sim:", devices=devices)
