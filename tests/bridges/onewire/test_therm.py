"""The driver's files, as kernels wrote them, and what cannot be trusted of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridges.onewire.therm import temperature, thermometers
from bridges.polled.files import Files
from bridges.values import BadValue

ID = "28-0316a2795c1e"


def slave(octets: str, says: str, millidegrees: int) -> str:
    return f"{octets} : crc={octets[-2:]} {says}\n{octets} t={millidegrees}\n"


GOOD = slave("72 01 4b 46 7f ff 0e 10 57", "YES", 23125)


@pytest.fixture
def bus(tmp_path: Path) -> Path:
    (tmp_path / ID).mkdir()
    return tmp_path


def read(bus: Path, text: str, name: str = "w1_slave") -> float:
    (bus / ID / name).write_text(text)
    return temperature(Files(), str(bus), ID)


def test_a_reading(bus: Path) -> None:
    assert read(bus, GOOD) == 23.125


def crc_of(octets: str) -> str:
    from bridges.serial.checksums import checksum

    return f"{octets} {checksum('crc-8/maxim-dow').of(bytes.fromhex(octets)):02x}"


def test_below_zero(bus: Path) -> None:
    """The datasheet's example of -10.125 °C, FF5E."""
    octets = crc_of("5e ff 4b 46 7f ff 02 10")
    assert read(bus, slave(octets, "YES", -10125)) == -10.125


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (GOOD.replace("YES", "NO"), "checksum is wrong"),
        (GOOD.replace("72 01", "73 01"), "checksum is wrong"),
        (slave("00 " * 8 + "00", "YES", 0), "shorted to ground"),
        (slave("ff " * 8 + "ff", "YES", -62), "checksum is wrong"),
        ("", "did not answer"),
        ("72 01 4b", "w1_slave says '72 01 4b'"),
        (GOOD.replace("t=23125", "t=230125"), "outside of what it can measure"),
    ],
)
def test_what_cannot_be_trusted(bus: Path, text: str, error: str) -> None:
    """All zeros have a right checksum, and come from a wire that is shorted."""
    with pytest.raises(BadValue, match=error):
        read(bus, text)


def test_a_kernel_that_has_only_the_plain_file(bus: Path) -> None:
    assert read(bus, "-1062\n", "temperature") == -1.062


@pytest.mark.parametrize("text", ["", "warm\n"])
def test_a_plain_file_that_says_nothing(bus: Path, text: str) -> None:
    with pytest.raises(BadValue, match="temperature says"):
        read(bus, text, "temperature")


def test_one_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        temperature(Files(), str(tmp_path), ID)


def test_without_its_driver(bus: Path) -> None:
    """w1-gpio alone shows the device, but cannot read it."""
    (bus / ID / "rw").write_text("")
    with pytest.raises(BadValue, match="modprobe w1-therm"):
        temperature(Files(), str(bus), ID)


def test_who_is_there(bus: Path) -> None:
    """Other devices are none of ours."""
    for name in ("w1_bus_master1", "10-000802824e58", "01-00001a2b3c4d", "00-400000000000"):
        (bus / name).mkdir()
    assert thermometers(Files(), str(bus)) == ["10-000802824e58", ID]


def test_no_bus_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="dtoverlay=w1-gpio"):
        thermometers(Files(), str(tmp_path / "none"))
