"""Facts of boards, from files as their kernels wrote them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridges.board import facts
from bridges.polled.files import Files
from bridges.values import BadValue

Put = Callable[..., Files]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write files below a root. Keywords cannot have slashes, so it takes a dict."""

    def make(files: dict[str, str]) -> Files:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Files(str(tmp_path))

    return make


def zone(number: int, kind: str, temp: str) -> dict[str, str]:
    base = f"sys/class/thermal/thermal_zone{number}"
    return {f"{base}/type": kind + "\n", f"{base}/temp": temp + "\n"}


def test_temperature_of_the_processor_among_others(put: Put) -> None:
    """On a Raspberry Pi it is the only zone; PCs have several, in any order."""
    assert facts.temperature(put(zone(0, "cpu-thermal", "48686"))) == 48.686
    assert facts.temperature(put({**zone(0, "acpitz", "27800"), **zone(1, "x86_pkg_temp", "51000")})) == 51.0


@pytest.mark.parametrize("temp", ["-273200", "999000"])
def test_a_temperature_that_cannot_be(put: Put, temp: str) -> None:
    with pytest.raises(BadValue, match="no temperature"):
        facts.temperature(put(zone(0, "cpu-thermal", temp)))


FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def test_throttling_by_the_firmwares_file(put: Put) -> None:
    """0x50005: under-voltage and throttled, now and before."""
    found = facts.throttling(put({FIRMWARE: "50005\n"}))
    then = {"under_voltage": True, "frequency_capped": False, "throttled": True, "temperature_limited": False}
    assert found == {**then, "since_start": then}
    assert facts.throttling(put({FIRMWARE: "80000\n"}))["since_start"]["temperature_limited"]


def test_throttling_by_the_firmwares_program(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = put({})
    monkeypatch.setattr(tree, "output", lambda *command: "throttled=0x20002\n")
    found = facts.throttling(tree)
    assert found["frequency_capped"] and found["since_start"]["frequency_capped"] and not found["throttled"]
    monkeypatch.setattr(tree, "output", lambda *command: "error=1 error_msg=no\n")
    with pytest.raises(BadValue, match="vcgencmd says"):
        facts.throttling(tree)


def test_under_voltage_by_the_kernels_driver(put: Put) -> None:
    """All that a kernel without the firmware's extras knows."""
    tree = put({
        "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
        "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
    })  # fmt: skip
    assert facts.throttling(tree) == {"under_voltage": True}


def test_a_program_that_may_not_ask_the_firmware(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's driver serves then; without it, the program's words are the reason."""

    def fails(*command: str) -> str:
        raise OSError("vcgencmd ended with status 255: Can't open device file: /dev/vcio")

    tree = put({})
    monkeypatch.setattr(tree, "output", fails)
    with pytest.raises(OSError, match="/dev/vcio"):
        facts.throttling(tree)
    put({"sys/class/hwmon/hwmon0/name": "rpi_volt\n", "sys/class/hwmon/hwmon0/in0_lcrit_alarm": "0\n"})
    assert facts.throttling(tree) == {"under_voltage": False}


def test_no_throttling_is_known_of_a_pc(put: Put) -> None:
    with pytest.raises(LookupError):
        facts.throttling(put({}))


def test_cpu_is_the_share_between_two_readings(put: Put) -> None:
    cpu = facts.Cpu()
    assert cpu(put({"proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n"})) == {}
    frequency = {"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n"}
    tree = put({"proc/stat": "cpu  150 0 125 760 115 0 0 0 0 0\n", **frequency})
    assert cpu(tree) == {"percent": 50.0, "frequency": 1800.0}
    assert cpu(tree) == {"frequency": 1800.0}, "no time passed"


def test_load(put: Put) -> None:
    assert facts.load(put({"proc/loadavg": "0.52 0.41 0.30 1/180 4711\n"})) == {"1m": 0.52, "5m": 0.41, "15m": 0.3}


def test_memory_in_bytes(put: Put) -> None:
    text = "MemTotal: 1000 kB\nMemAvailable: 250 kB\nHugePages_Total: 0\nSwapTotal: 8 kB\nSwapFree: 4 kB\n"
    assert facts.memory(put({"proc/meminfo": text})) == {
        "total": 1_024_000, "available": 256_000, "percent": 75.0, "swap_total": 8192, "swap_free": 4096,
    }  # fmt: skip


def test_disks_by_name(put: Put, tmp_path: Path) -> None:
    """A directory that is not there costs only its own disk."""
    found = facts.Disks({"card": "/", "stick": "/media/none"})(put({}))
    real = os.statvfs(tmp_path)
    assert set(found) == {"card"}
    assert found["card"]["total"] == real.f_blocks * real.f_frsize
    assert 0 <= found["card"]["percent"] <= 100
    assert found["card"]["read_only"] is False
    with pytest.raises(FileNotFoundError):
        facts.Disks({"stick": "/media/none"})(put({}))


class ReadOnly:
    f_frsize, f_blocks, f_bavail, f_bfree, f_flag = 1024, 1000, 100, 200, os.ST_RDONLY | os.ST_NOATIME


def test_a_disk_that_became_read_only(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """The percentage is that of df(1): blocks kept for root are not counted as free."""
    tree = put({})
    monkeypatch.setattr(tree, "disk", lambda path: ReadOnly())
    expected = {"total": 1_024_000, "free": 102_400, "percent": 88.9, "read_only": True}
    assert facts.Disks({"root": "/"})(tree) == {"root": expected}


WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
"""


@pytest.mark.parametrize(("link", "level"), [("56.", "-54."), ("56.", "202.")])
def test_wifi_signal(put: Put, link: str, level: str) -> None:
    """Some drivers give the level as an unsigned octet."""
    line = f" wlan0: 0000   {link}  {level}  -256        0      0      0      0      6        0\n"
    assert facts.wifi(put({"proc/net/wireless": WIRELESS + line})) == {"wlan0": {"signal": -54, "quality": 80}}


def test_no_wifi(put: Put) -> None:
    with pytest.raises(LookupError):
        facts.wifi(put({"proc/net/wireless": WIRELESS}))


@pytest.fixture
def interfaces(put: Put) -> Files:
    """Two of hardware, and others."""
    files: dict[str, str] = {}
    for name, state in (("eth0", "up"), ("wlan0", "down"), ("eth0.5", "up"), ("lo", "unknown"), ("veth1a2b", "up")):
        base = f"sys/class/net/{name}"
        files |= {
            f"{base}/operstate": state + "\n",
            f"{base}/statistics/rx_bytes": "12\n",
            f"{base}/statistics/tx_bytes": "7\n",
        }
        if name in ("eth0", "wlan0"):
            files[f"{base}/device/uevent"] = ""
    return put(files)


def test_network_interfaces_of_hardware(interfaces: Files) -> None:
    """Those of containers come and go by the dozen."""
    assert facts.Network(None)(interfaces) == {
        "eth0": {"up": True, "received": 12, "sent": 7},
        "wlan0": {"up": False, "received": 12, "sent": 7},
    }


def test_network_interfaces_that_are_asked_for(interfaces: Files) -> None:
    """A VLAN's dot has no place in a topic."""
    assert set(facts.Network(["eth0.5", "lo", "wg0"])(interfaces)) == {"eth0_5", "lo"}


def test_network_interfaces_that_are_not_there(interfaces: Files) -> None:
    with pytest.raises(LookupError, match=r"but eth0, eth0\.5, lo, veth1a2b, wlan0 \(interfaces\)"):
        facts.Network(["wg0"])(interfaces)


def test_uptime_and_model(put: Put) -> None:
    tree = put({"proc/uptime": "350735.47 234388.90\n", "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"})
    assert facts.uptime(tree) == 350_735
    assert facts.model(tree) == "Raspberry Pi 4 Model B Rev 1.4"


def test_this_machine_tells_something() -> None:
    """Whatever runs the tests is Linux."""
    assert facts.memory(Files())["total"] > 0
    assert facts.uptime(Files()) > 0
    assert facts.load(Files())["1m"] >= 0


@pytest.mark.parametrize(("place", "unit"), [("temperature", "°C"), ("disk.root.free", "B"), ("load.1m", None)])
def test_units(place: str, unit: str | None) -> None:
    assert facts.unit(place) == unit


def type_names() -> list[Any]:
    from bridges.board.config import FACT_NAMES

    return list(FACT_NAMES)


def test_the_configuration_knows_the_same_facts() -> None:
    assert type_names() == list(facts.readers({}, None))
