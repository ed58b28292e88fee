"""Noise instead of chips: whatever comes over the wire is a value that can be, or a failed reading; nothing else."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from bridges.i2c.bus import Chip
from bridges.i2c.config import I2cDeviceConfig
from bridges.i2c.drivers import ads1115, bh1750, bme280, ina219, sht3x
from bridges.onewire.therm import temperature
from bridges.polled.files import Files
from bridges.spi.drivers import mcp3008
from bridges.values import BadValue, check

INPUTS = {"a": {"pins": "0"}, "b": {"pins": "2-3", "max": 0.256}}
DRIVERS: list[tuple[Any, Any, dict[str, Any]]] = [
    (bme280.Bme280Config, bme280.Bme280, {}),
    (sht3x.Sht3xConfig, sht3x.Sht3x, {}),
    (ads1115.Ads1115Config, ads1115.Ads1115, {"inputs": INPUTS}),
    (bh1750.Bh1750Config, bh1750.Bh1750, {}),
    (ina219.Ina219Config, ina219.Ina219, {}),
]


class Noise:
    """Anything, of which one register may be right, so that drivers get further. right: number -> octets."""

    def __init__(self, seed: int, right: dict[int, bytes]) -> None:
        self._random = Random(seed)
        self._right = right

    def transfer(self, address: int, data: bytes, count: int) -> bytes:
        found = self._random.choice((self._random.randbytes(count), bytes(count), b"\xff" * count))
        return self._right.get(data[0], found)[:count] if data else found

    def sleep(self, seconds: float) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(("section", "driver", "options"), DRIVERS, ids=lambda part: getattr(part, "__name__", ""))
def test_drivers_of_i2c(section: type[I2cDeviceConfig], driver: Any, options: dict[str, Any]) -> None:
    """A BME280 gets its id and a good status, so that noise is its calibration and its measurement."""
    tag = section.__struct_config__.tag
    config = msgspec.convert({"type": tag, "id": "x", **options}, section)
    right = {0xD0: b"\x60", 0xF3: b"\x00"} if tag == "bme280" else {}
    frames = failed = 0
    for seed in range(1500):
        try:
            frame = driver(config, Chip(Noise(seed, right), config.address)).read()
        except BadValue:
            failed += 1
            continue
        frames += 1
        check({name: value for name, value in frame.items() if not isinstance(value, BadValue)})
        assert set(frame) <= set(config.units())
    if tag in ("sht3x", "ads1115", "ina219"):
        assert frames < 15, "what can be checked is"
    assert frames + failed == 1500


def test_mcp3008() -> None:
    """Its repetition catches all but one in 2^16; nothing but zeros is 0 V."""
    config = msgspec.convert({"type": "mcp3008", "id": "x", "inputs": {"a": "0"}}, mcp3008.Mcp3008Config)
    random = Random(1)
    values = []

    class Bus:
        def transfer(self, select: int, mode: int, speed: int, data: bytes) -> bytes:
            return random.randbytes(len(data))

        def close(self) -> None: ...

    driver = mcp3008.Mcp3008(config, Bus())
    for _ in range(20_000):
        try:
            values.append(driver.read()["a"])
        except BadValue:
            continue
    assert len(values) < 5


def test_1_wire(tmp_path: Any) -> None:
    """Text with wrong octets, cut off, or none of it."""
    random = Random(2)
    good = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
    sensor = tmp_path / "28-000000000001"
    sensor.mkdir()
    found = set()
    for _ in range(300):
        octets = bytearray(good.encode())
        for _ in range(random.choice((1, 3, 40))):
            octets[random.randrange(40)] = random.randrange(256)
        (sensor / "w1_slave").write_bytes(octets[: random.choice((len(octets), random.randrange(len(octets))))])
        try:
            found.add(temperature(Files(), str(tmp_path), sensor.name))
        except BadValue:
            continue
    assert found <= {23.125}
