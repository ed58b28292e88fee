"""Drivers against chips made of registers, with the values that the datasheets work out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridges.i2c.banks.ads1115 import Ads1115Bank
from bridges.i2c.banks.bh1750 import Bh1750Bank
from bridges.i2c.banks.bme280 import EXAMPLE_ADC_P, EXAMPLE_ADC_T, EXAMPLE_H, EXAMPLE_TP, Bme280Bank
from bridges.i2c.banks.ina219 import Ina219Bank
from bridges.i2c.banks.sht3x import Sht3xBank
from bridges.i2c.bus import Chip
from bridges.i2c.drivers import bme280, sht3x
from bridges.i2c.drivers.ads1115 import Ads1115, Ads1115Config
from bridges.i2c.drivers.bh1750 import Bh1750, Bh1750Config
from bridges.i2c.drivers.bme280 import Bme280, Bme280Config, Calibration
from bridges.i2c.drivers.ina219 import Ina219, Ina219Config
from bridges.i2c.drivers.sht3x import Sht3x, Sht3xConfig
from bridges.values import BadValue


class Wire:
    """A bus with one chip; it keeps what was written and slept."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.written: list[bytes] = []
        self.slept = 0.0
        self.spoil: int | None = None

    def transfer(self, address: int, data: bytes, count: int) -> bytes:
        if data:
            self.written.append(data)
            self.bank.write(data)
        answer = bytearray(self.bank.read(count) if count else b"")
        if self.spoil is not None and count > 1:
            answer[self.spoil] ^= 0x40
        return bytes(answer)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def close(self) -> None: ...


def made(section: Any, bank: Any, driver: Any, **options: Any) -> tuple[Any, Any, Wire]:
    """A driver, its chip, and the wire between them. Time stands still: waves are at their middle."""
    config = convert_device(section, **options)
    wire = Wire(bank(config, lambda: 0.0))
    return driver(config, Chip(wire, config.address)), wire.bank, wire


def convert_device(section: Any, **options: Any) -> Any:
    return msgspec.convert({"type": section.__struct_config__.tag, "id": "x", **options}, section)


# --- BME280 ----------------------------------------------------------------------------------------------------------

EXAMPLE = Calibration(EXAMPLE_TP[:3], EXAMPLE_TP[3:], EXAMPLE_H)  # type: ignore[arg-type]


def test_bme280_worked_example() -> None:
    """BMP280 datasheet, section 3.12: t_fine 128422, 25.08 °C, 100653.27 Pa."""
    t_fine = bme280.fine_temperature(EXAMPLE, EXAMPLE_ADC_T)
    assert int(t_fine) == 128_422
    assert t_fine / 5120 == pytest.approx(25.08, abs=0.005)
    assert bme280.pressure(EXAMPLE, t_fine, EXAMPLE_ADC_P) == pytest.approx(100_653.27, abs=0.5)


def humidity_in_integers(t_fine: int, adc: int) -> float:
    """The same by the formula for 32 bits (BME280 datasheet, section 4.2.3), made apart from that in floats."""
    h1, h2, h3, h4, h5, h6 = EXAMPLE_H
    x = t_fine - 76_800
    left = ((adc << 14) - (h4 << 20) - h5 * x + 16_384) >> 15
    right = (((((x * h6) >> 10) * (((x * h3) >> 11) + 32_768)) >> 10) + 2_097_152) * h2 + 8_192 >> 14
    value = left * right
    value -= (((value >> 15) * (value >> 15)) >> 7) * h1 >> 4
    return (min(max(value, 0), 419_430_400) >> 12) / 1024


@pytest.mark.parametrize("adc", [20_000, 25_000, 30_000, 33_000, 40_000])
def test_bme280_humidity_by_both_formulas(adc: int) -> None:
    exact = bme280.humidity(EXAMPLE, 128_422.0, adc)
    assert exact == pytest.approx(humidity_in_integers(128_422, adc), abs=0.02)
    assert 0 <= exact <= 100


def test_bme280_reads_all_three() -> None:
    driver, _bank, wire = made(Bme280Config, Bme280Bank, Bme280)
    frame = driver.read()
    assert frame["temperature"] == 25.08
    assert frame["pressure"] == pytest.approx(1006.5, abs=20)
    assert 20 < frame["humidity"] < 80
    assert wire.written[0] == b"\xd0"
    assert bytes([0xE0, 0xB6]) in wire.written
    assert wire.slept >= bme280.duration(1, True)


def test_bme280_humidity_counts_from_the_next_write_to_ctrl_meas() -> None:
    """So ctrl_hum is written before it."""
    driver, _bank, wire = made(Bme280Config, Bme280Bank, Bme280, oversampling=16)
    driver.read()
    settings = [data for data in wire.written if data[0] in (0xF2, 0xF4)]
    assert settings == [bytes([0xF2, 0b101]), bytes([0xF4, 0b101_101_01])]


def test_bme280_calibration_of_twelve_bits() -> None:
    """h4 and h5 share an octet, and have signs."""
    first = bytes.fromhex("706b4367 18fc7d8e 43d6d00b 270b8c00 f9ff8c3c f8c67017 004b".replace(" ", ""))
    found = bme280.calibration(first, bytes([0x6A, 0x01, 0x00, 0xF4, 0x2D, 0x83, 0x9C]))
    assert found.t == EXAMPLE_TP[:3]
    assert found.p == EXAMPLE_TP[3:]
    assert found.h == (0x4B, 362, 0, (-12 << 4) | 0x0D, (-125 << 4) | 0x02, -100)


def test_bmp280_has_no_humidity() -> None:
    config = convert_device(Bme280Config)
    bank = Bme280Bank(config, lambda: 0.0)
    bank.chip_id = 0x58
    bank.write(b"\xe0\xb6")
    driver = Bme280(config, Chip(Wire(bank), 0x76))
    assert set(driver.read()) == {"temperature", "pressure"}


def test_bme280_that_is_another_chip() -> None:
    config = convert_device(Bme280Config)
    bank = Bme280Bank(config, lambda: 0.0)
    bank.registers[0xD0] = 0x61
    with pytest.raises(BadValue, match="id is 0x61, not 0x60"):
        Bme280(config, Chip(Wire(bank), 0x76))


def test_bme280_that_did_not_measure() -> None:
    driver, bank, _ = made(Bme280Config, Bme280Bank, Bme280)
    bank._measure = lambda: None
    with pytest.raises(BadValue, match="has not measured"):
        driver.read()


def test_bme280_that_never_ends() -> None:
    driver, bank, _ = made(Bme280Config, Bme280Bank, Bme280)
    bank.registers[0xF3] = 0x08
    with pytest.raises(BadValue, match="does not come to an end"):
        driver.read()


def test_bme280_noise_is_outside_of_what_it_can_measure() -> None:
    """It has no checksum."""
    driver, _bank, wire = made(Bme280Config, Bme280Bank, Bme280)
    wire.spoil = 3
    with pytest.raises(BadValue, match="outside of what it can measure"):
        driver.read()


# --- SHT3x -----------------------------------------------------------------------------------------------------------


def test_sht3x_checksum_of_the_datasheet() -> None:
    """Section 4.12: 0xBEEF has 0x92."""
    assert sht3x.word(bytes([0xBE, 0xEF, 0x92])) == 0xBEEF


@pytest.mark.parametrize(
    ("raw", "temperature", "humidity"), [((0, 0), -45, 0), ((0xFFFF, 0xFFFF), 130, 100), ((0x6666, 0x8000), 25, 50)]
)
def test_sht3x_conversion(raw: tuple[int, int], temperature: float, humidity: float) -> None:
    driver, bank, wire = made(Sht3xConfig, Sht3xBank, Sht3x)
    bank.raw = raw
    assert driver.read() == {"temperature": temperature, "humidity": humidity}
    assert wire.slept >= 0.0155


@pytest.mark.parametrize("place", range(6))
def test_sht3x_noise_is_caught(place: int) -> None:
    driver, _bank, wire = made(Sht3xConfig, Sht3xBank, Sht3x)
    wire.spoil = place
    with pytest.raises(BadValue, match="checksum"):
        driver.read()


# --- ADS1115 ---------------------------------------------------------------------------------------------------------

INPUTS = {"a": {"pins": "0"}, "b": {"pins": "3", "max": 2.048}, "d": {"pins": "0-1", "max": 0.256}}


def test_ads1115_inputs() -> None:
    """Each in its own range, which makes its steps smaller."""
    driver, bank, wire = made(Ads1115Config, Ads1115Bank, Ads1115, inputs=INPUTS, rate=8)
    bank.volts = (1.5, 1.4, 0.0, -0.001)
    assert driver.read() == pytest.approx({"a": 1.5, "b": -0.001, "d": 0.1}, abs=0.0001)
    assert wire.slept >= 3 / 8
    # start, 0 against ground, 4.096 V, single, 8 a second, no comparator (table 8-3)
    assert wire.written[0] == bytes([0x01, 0b1_100_001_1, 0b000_00011])


def test_ads1115_at_the_end_of_its_range() -> None:
    """The others are measured all the same."""
    driver, bank, _ = made(Ads1115Config, Ads1115Bank, Ads1115, inputs=INPUTS)
    bank.volts = (3.0, 1.0, 0.0, 0.0)
    frame = driver.read()
    assert frame["a"] == 3.0
    assert isinstance(frame["d"], BadValue)
    assert "0.256 V (max)" in str(frame["d"])


def test_ads1115_that_another_program_uses() -> None:
    driver, bank, _ = made(Ads1115Config, Ads1115Bank, Ads1115, inputs=INPUTS)
    bank.stored = lambda register, value: None
    with pytest.raises(BadValue, match="another uses it"):
        driver.read()


# --- BH1750 ----------------------------------------------------------------------------------------------------------


def test_bh1750_worked_example() -> None:
    """Technical note, "Writing Example": 10000011 10010000 are 28067 lx."""
    driver, bank, wire = made(Bh1750Config, Bh1750Bank, Bh1750)
    bank.counts = 0b10000011_10010000
    assert round(driver.read()["illuminance"]) == 28_067
    assert wire.slept >= 0.18


def test_bh1750_too_bright() -> None:
    driver, bank, _ = made(Bh1750Config, Bh1750Bank, Bh1750)
    bank.counts = 0xFFFF
    assert isinstance(driver.read()["illuminance"], BadValue)


# --- INA219 ----------------------------------------------------------------------------------------------------------


def test_ina219_worked_example() -> None:
    """Table 8: 2 milliohms, 20 mV over them and 11.98 V are 10 A and 119.8 W."""
    driver, bank, _ = made(Ina219Config, Ina219Bank, Ina219, shunt=0.002, max_shunt=40)
    bank.volts, bank.millivolts = 11.98, 20.0
    assert driver.read() == pytest.approx({"voltage": 11.98, "current": 10.0, "power": 119.8})
    assert bank.registers[1] == 0x07D0
    assert bank.registers[2] >> 3 == 2995


def test_ina219_the_other_way() -> None:
    driver, bank, _ = made(Ina219Config, Ina219Bank, Ina219)
    bank.volts, bank.millivolts = 5.0, -50.0
    assert driver.read() == pytest.approx({"voltage": 5.0, "current": -0.5, "power": -2.5})


def test_ina219_more_than_the_shunt_tells() -> None:
    driver, bank, _ = made(Ina219Config, Ina219Bank, Ina219, max_shunt=40)
    bank.volts, bank.millivolts = 5.0, 60.0
    frame = driver.read()
    assert frame["voltage"] == 5.0
    assert isinstance(frame["current"], BadValue)


def test_ina219_setting() -> None:
    """32 V, 320 mV, 8 samples each, both once (tables 4 to 6)."""
    driver, _bank, wire = made(Ina219Config, Ina219Bank, Ina219)
    driver.read()
    assert wire.written[:2] == [bytes([0, 0x80, 0]), bytes([0, *(0b0_0_1_11_1011_1011_011).to_bytes(2, "big")])]


def test_ina219_that_never_ends() -> None:
    driver, bank, _ = made(Ina219Config, Ina219Bank, Ina219)
    bank._measure = lambda setting: None
    with pytest.raises(BadValue, match="does not come to an end"):
        driver.read()
