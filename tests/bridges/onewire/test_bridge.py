"""The 1-wire bridge: thermometers by id and by name, that come and go, that lie, that hang."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.onewire.bridge import OneWireBridge
from bridges.onewire.config import OneWireConfig
from tests.bridges.polled.harness import WALL, Polled, convert

Make = Callable[..., Polled]
ONE, TWO = "28-000000000001", "28-000000000002"
GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Polled] = []

    def start(**options: Any) -> Polled:
        made.append(Polled(OneWireBridge, OneWireConfig, **{"bus": "sim:thermometers", **options}).start())
        return made[-1]

    yield start
    for polled in made:
        polled.stop()


@pytest.fixture
def bus(tmp_path: Path) -> Path:
    """With one thermometer."""
    (tmp_path / "w1_bus_master1").mkdir()
    plug(tmp_path, ONE)
    return tmp_path


def plug(bus: Path, sensor: str, text: str = GOOD) -> None:
    (bus / sensor).mkdir(exist_ok=True)
    (bus / sensor / "w1_slave").write_text(text)


def test_named_and_unnamed(make: Make) -> None:
    wire = make(sensors={ONE: {"name": "boiler", "round": 1}})
    wire.call("simulate", "set", "boiler", 61.3125)
    wire.passes(10)
    value, about = wire.last("x.boiler")
    assert value == 61.3
    assert about == {"bridge": "x", "seq": 3, "ts": (WALL + 10) * 1000, "ts_quality": "synced", "unit": "°C"}
    assert len(wire.values(f"x.{TWO}")) == 2
    assert not wire.values("x"), "one value a sensor needs no frame"
    assert wire.status()["ids"] == {"boiler": ONE, TWO: TWO}


def test_only_those_that_are_listed(make: Make) -> None:
    wire = make(sensors={ONE: {}}, others=False)
    wire.passes(30)
    assert not wire.values(f"x.{TWO}")
    assert wire.status()["unread"] == [TWO]


@pytest.mark.parametrize("degrees", [85, -127])
def test_what_means_no_reading_is_not_published(make: Make, degrees: float) -> None:
    """Told once; the last value becomes stale; the sensor counts as there."""
    wire = make(sensors={ONE: {"name": "boiler"}}, interval=5)
    before = wire.values("x.boiler")
    wire.call("simulate", "set", "boiler", degrees)
    wire.passes(60)
    assert wire.values("x.boiler") == [*before, *before], "the second is the stale one"
    assert wire.last("x.boiler")[1]["stale"] is True
    status = wire.status()
    assert (status["state"], status["stale"], status["no_reading"]) == ("open", ["boiler"], 12)
    wire.call("simulate", "set", "boiler", 84.5)
    wire.passes(5)
    assert wire.values("x.boiler")[-1] == 84.5


@pytest.mark.parametrize(
    "options", [{"reject": [-127]}, {"steps": [{"reject": [-127]}, {"round": 1}]}], ids=["reject", "steps"]
)
def test_a_boiler_may_have_85_degrees(make: Make, options: dict[str, Any]) -> None:
    wire = make(sensors={ONE: {"name": "boiler", **options}})
    wire.call("simulate", "set", "boiler", 85)
    wire.passes(10)
    assert wire.values("x.boiler")[-1] == 85


def test_steps_keep_what_is_rejected(make: Make) -> None:
    wire = make(sensors={ONE: {"name": "boiler", "steps": [{"scale": 1.8}, {"offset": 32}]}})
    wire.call("simulate", "set", "boiler", 85)
    wire.passes(10)
    assert len(wire.values("x.boiler")) == 1
    wire.call("simulate", "set", "boiler", 100)
    wire.passes(10)
    assert wire.values("x.boiler")[-1] == 212


def test_one_is_plugged_in_later(make: Make, bus: Path) -> None:
    wire = make(bus=str(bus), scan=5)
    plug(bus, TWO)
    wire.passes(5)
    assert wire.values(f"x.{TWO}") == [23.125]


def test_one_is_pulled_out_and_comes_back(make: Make, bus: Path, logged: list[str]) -> None:
    """Told once, marked stale, and the others go on."""
    plug(bus, TWO)
    wire = make(bus=str(bus), interval=5)
    shutil.rmtree(bus / ONE)
    wire.passes(300)
    status = wire.status()
    assert (status["state"], status["stale"]) == ("open", [ONE])
    assert status["sensors"][ONE]["state"] == "away"
    assert [line for line in logged if "away" in line] == [f"x: {ONE} is away: {bus}/{ONE}: it is not there"]
    assert wire.values(f"x.{ONE}") == [23.125, 23.125]
    assert wire.last(f"x.{ONE}")[1]["stale"]
    assert len(wire.values(f"x.{TWO}")) == 61
    plug(bus, ONE)
    wire.passes(30)
    assert wire.status()["stale"] == []
    assert len([line for line in logged if f"{ONE} is read" in line]) == 2


def test_a_listed_one_that_is_missing_is_told_at_once(make: Make, bus: Path) -> None:
    wire = make(bus=str(bus), sensors={TWO: {"name": "boiler"}}, others=False)
    assert wire.values("x.status") == ["away"]
    assert wire.status()["last_error"] == f"boiler: {bus}/{TWO}: it is not there"


def test_an_empty_bus_is_told_once(make: Make, bus: Path, logged: list[str]) -> None:
    shutil.rmtree(bus / ONE)
    wire = make(bus=str(bus))
    wire.passes(100)
    assert wire.values("x.status") == ["away"]
    assert logged == ["x: no thermometer is on the bus"]
    plug(bus, ONE)
    wire.passes(10)
    assert wire.values("x.status") == ["away", "open"]


def test_no_bus_is_told_once(make: Make, tmp_path: Path, logged: list[str]) -> None:
    wire = make(bus=str(tmp_path / "none"))
    wire.passes(100)
    assert len(logged) == 1
    assert "dtoverlay=w1-gpio" in logged[0]
    assert wire.status()["state"] == "away"


def test_no_more_than_max_sensors(make: Make, bus: Path, logged: list[str]) -> None:
    """Those over it are told once each; one that is gone makes room."""
    plug(bus, TWO)
    wire = make(bus=str(bus), max_sensors=1, interval=5)
    wire.passes(60)
    assert wire.status()["unread"] == [TWO]
    assert len([line for line in logged if "is not read: there are 1 already (max_sensors)" in line]) == 1
    shutil.rmtree(bus / ONE)
    wire.passes(60)
    assert wire.values(f"x.{TWO}")
    assert list(wire.status()["sensors"]) == [TWO]


@pytest.mark.parametrize("fault", ["drop", "garble", "unplug", "hang"])
def test_faults_of_the_simulator(make: Make, logged: list[str], fault: str) -> None:
    """No wrong value gets through; each outage is told once a thermometer; it comes back by itself."""
    wire = make(sensors={ONE: {"name": "boiler"}}, interval=5, bus="sim:thermometers?count=0")
    wire.call("simulate", "set", "boiler", 60)
    wire.passes(5)
    wire.call("simulate", fault, 100)
    wire.passes(90)
    assert set(wire.values("x.boiler")[1:]) == {60}
    assert wire.last("x.boiler")[1]["stale"]
    assert len([line for line in logged if "away" in line and "boiler" in line]) == 1
    wire.passes(60)
    assert wire.status()["state"] == "open"
    assert "stale" not in wire.last("x.boiler")[1]


def test_a_day_of_a_flaky_bus(make: Make, logged: list[str]) -> None:
    """24 simulated hours of chance: no timer or sensor is left over, and every value that was published is right."""
    wire = make(bus="sim:thermometers?drop=0.05&garble=0.05&unplug=0.01&hang=0.005&outage=120&seed=7", interval=60)
    wire.call("simulate", "set", ONE, 33.5)
    wire.passes(86_400, step=5)
    assert set(wire.values(f"x.{ONE}")[1:]) == {33.5}
    assert len(wire.clock.getDelayedCalls()) < 20
    away = [line for line in logged if f"{ONE} is away" in line]
    read = [line for line in logged if f"{ONE} is read" in line]
    assert len(away) > 10
    assert len(read) - len(away) in (0, 1), "told in turns"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"sensors": {"29-000000000001": {}}}, "sensors"),
        ({"sensors": {ONE: {"name": "a"}, TWO: {"name": "a"}}}, "sensor 'a' is there twice"),
        ({"sensors": {ONE: {"name": "status"}}}, "'status' has the name of a topic or procedure"),
        ({"others": False}, "nothing is read"),
        ({"bus": "sim:thermometers?count=x"}, "count"),
        ({"bus": "w1"}, "bus"),
    ],
)
def test_mistakes_of_the_configuration(options: dict[str, Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error):
        convert(OneWireConfig, **options)


@pytest.mark.parametrize("args", [("set",), ("set", "nobody", 1), ("set", ONE, "warm"), ("set", ONE, 200)])
def test_mistakes_of_simulate(make: Make, args: tuple[Any, ...]) -> None:
    from edge_router.client import CallError

    wire = make()
    with pytest.raises(CallError, match=r"expected|no thermometer|no temperature"):
        wire.call("simulate", *args)
