"""examples/gps, cbor-sensor and weather-station do what their comments say, with nothing changed but the device."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.serial.stuffing import cobs
from edge_router.config.load import load
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def run(
    reactor: PtyReactor, session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., SerialBridge]]:
    """Start the bridge of an example, with another device if one is given."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made: list[SerialBridge] = []

    def start(name: str, device: FakeDevice | None = None) -> SerialBridge:
        (section,) = load(EXAMPLES / name / "config.yaml").config.bridges
        assert isinstance(section, SerialConfig)
        if device is not None:
            section = msgspec.structs.replace(section, device=str(device.link))
        bridge = SerialBridge(section, reactor)
        made.append(bridge)
        bridge.start(session)
        reactor.until(lambda: session.values(f"{bridge.topic}.status") == ["open"], step=0.1)
        return bridge

    yield start
    for bridge in made:
        bridge.stop()


def test_gps(run: Callable[..., SerialBridge], reactor: PtyReactor, session: FakeSession) -> None:
    """The simulated receiver goes around in Munich."""
    run("gps")
    reactor.until(lambda: session.values("boat.gps.course"))
    (lat, about), (lon, _) = session.last("boat.gps.lat"), session.last("boat.gps.lon")
    assert (lat, lon) == (pytest.approx(48.137, abs=0.01), pytest.approx(11.575, abs=0.01))
    assert about["unit"] == "°"
    assert session.values("boat.gps.valid") == [True]
    assert session.values("boat.gps.satellites")


def test_cbor_sensor(
    run: Callable[..., SerialBridge], device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """What noise has hit does not count; a command goes out as readings come in."""
    bridge = run("cbor-sensor", device)

    def framed(value: Any) -> bytes:
        body = cbor2.dumps(value)
        return cobs(body + zlib.crc32(body).to_bytes(4, "big")) + b"\0"

    device.say(framed({"t": 99}).replace(b"t", b"u") + framed({"t": 21.53, "rh": 48, "n": 17}))
    reactor.until(lambda: session.values("shed.air.humidity"))
    assert session.values("shed.air") == [{"t": 21.5, "rh": 48, "n": 17}]
    assert session.last("shed.air.temperature")[0] == 21.5
    assert bridge.details()["bad"] == 1
    session.procedures["shed.air.write"](cbor2.dumps({"led": True}))
    reactor.pump(0.01)
    assert device.heard() == framed({"led": True})


def test_weather_station(
    run: Callable[..., SerialBridge], device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    bridge = run("weather-station", device)
    for line in (
        b"WX v2.1 ready", b"WIND 5.3 m/s from 210 deg", b"WIND 7.0 m/s from 211 deg", b"TEMP -3.4C HUM 87%",
        b"TEMP --.-C HUM --%", b"RAIN 12 tips", b"WIND 99.9 m/s from 1 deg",
    ):  # fmt: skip
        device.say(line + b"\r\n")
    reactor.until(lambda: bridge.details()["bad"])
    assert session.values("weather.log") == ["WX v2.1 ready"]
    assert session.values("weather.temperature") == [-3.4]
    assert session.values("weather.humidity") == [87]
    assert session.values("weather.rain") == [3.35]
    assert session.values("weather.direction") == [210]
    reactor.until(lambda: session.values("weather.wind"), step=5)
    assert session.values("weather.wind") == [7.0]
    about = bridge.details()
    assert (about["frames"], about["bad"], about["logged"], about["no_reading"]) == (5, 1, 1, 2)
