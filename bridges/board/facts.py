"""What the kernel says of the board, one function a fact; each names the files that it reads, under /proc and /sys.

Each takes a `Tree` and gives values as they are published; OSError, ValueError or LookupError mean that the board does
not have that fact, or not now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bridges.polled.files import Tree
from bridges.values import BadValue

#: of thermal zones that are the processor's, the best first (Raspberry Pi, others of ARM, PCs)
_ZONES: Final = ("cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "x86_pkg_temp", "acpitz")
#: °C; outside of it no chip works
_PLAUSIBLE: Final = (-60.0, 150.0)
#: what the firmware's `get_throttled` says: bit -> name; bit + 16: since the start (Raspberry Pi documentation,
#: "vcgencmd")
_THROTTLED: Final = {0: "under_voltage", 1: "frequency_capped", 2: "throttled", 3: "temperature_limited"}
#: greatest quality that cfg80211 gives to wireless extensions (net/wireless/wext-compat.c)
_BEST_LINK: Final = 70

UNITS: Final = {
    "temperature": "°C", "percent": "%", "frequency": "MHz", "total": "B", "available": "B", "free": "B",
    "swap_total": "B", "swap_free": "B", "received": "B", "sent": "B", "signal": "dBm", "quality": "%", "uptime": "s",
}  # fmt: skip


def unit(place: str) -> str | None:
    """Of a value, by its name: the last part of its place."""
    return UNITS.get(place.rpartition(".")[2])


def temperature(tree: Tree) -> float:
    """Of the processor, °C. /sys/class/thermal/thermal_zone*/{type,temp} (Documentation/driver-api/thermal)."""
    zones: dict[str, str] = {}
    for name in tree.names("/sys/class/thermal"):
        if name.startswith("thermal_zone"):
            zones.setdefault(tree.text(f"/sys/class/thermal/{name}/type").strip(), name)
    if not zones:
        raise LookupError("the kernel has no thermal zone")
    chosen = next((zones[kind] for kind in _ZONES if kind in zones), min(zones.values()))
    degrees = int(tree.text(f"/sys/class/thermal/{chosen}/temp")) / 1000
    if not _PLAUSIBLE[0] <= degrees <= _PLAUSIBLE[1]:
        raise BadValue(f"{degrees:g} °C is no temperature of a board that works")
    return degrees


def throttling(tree: Tree) -> dict[str, Any]:
    """Whether the supply or the heat holds the board back, now and since it was started (`since_start`)."""
    try:
        bits = _throttled_bits(tree)
    except OSError as error:
        found = _under_voltage(tree)
        if found is not None:
            return {"under_voltage": found}
        if isinstance(error, FileNotFoundError):
            raise LookupError("neither the firmware nor the kernel tells of it") from None
        raise
    now: dict[str, Any] = {name: bool(bits >> bit & 1) for bit, name in _THROTTLED.items()}
    return {**now, "since_start": {name: bool(bits >> bit + 16 & 1) for bit, name in _THROTTLED.items()}}


def _throttled_bits(tree: Tree) -> int:
    """From the firmware's file if the kernel has it, else from its program. Raises FileNotFoundError without both."""
    for soc in tree.names("/sys/devices/platform"):
        for name in tree.names(f"/sys/devices/platform/{soc}") if soc.startswith("soc") else ():
            if name.endswith(":firmware") and "get_throttled" in tree.names(f"/sys/devices/platform/{soc}/{name}"):
                return int(tree.text(f"/sys/devices/platform/{soc}/{name}/get_throttled"), 16)
    said = tree.output("vcgencmd", "get_throttled")
    found = re.fullmatch(r"throttled=0x([0-9a-f]{1,8})\s*", said)
    if found is None:
        raise BadValue(f"vcgencmd says {said[:60]!r}, not throttled=0x...")
    return int(found[1], 16)


def _under_voltage(tree: Tree) -> bool | None:
    """The driver `rpi_volt` of the kernel itself (Documentation/hwmon/raspberrypi-hwmon); None without it."""
    for name in tree.names("/sys/class/hwmon"):
        if tree.text(f"/sys/class/hwmon/{name}/name").strip() == "rpi_volt":
            return int(tree.text(f"/sys/class/hwmon/{name}/in0_lcrit_alarm")) != 0
    return None


class Cpu:
    """How busy the processors are; of two readings, so the first has no percentage. /proc/stat (proc(5))."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    def __call__(self, tree: Tree) -> dict[str, Any]:
        """percent: busy since the last reading. frequency: of the first processor, MHz, where it changes."""
        head, *counts = tree.text("/proc/stat").partition("\n")[0].split()
        if head != "cpu":
            raise BadValue("/proc/stat does not begin with cpu")
        numbers = [int(count) for count in counts[:8]]
        now = (sum(numbers), numbers[3] + numbers[4])
        before, self._before = self._before, now
        found: dict[str, Any] = {}
        if before is not None and now[0] > before[0]:
            idle = (now[1] - before[1]) / (now[0] - before[0])
            found["percent"] = round(100 * min(max(1 - idle, 0.0), 1.0), 1)
        try:
            khz = int(tree.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"))
        except FileNotFoundError:
            return found
        return {**found, "frequency": khz / 1000}


def load(tree: Tree) -> dict[str, Any]:
    """Processes that run or wait, on average of 1, 5 and 15 minutes. /proc/loadavg (proc(5))."""
    one, five, fifteen = map(float, tree.text("/proc/loadavg").split()[:3])
    return {"1m": one, "5m": five, "15m": fifteen}


def memory(tree: Tree) -> dict[str, Any]:
    """Bytes, and the share that is not available. /proc/meminfo (proc(5))."""
    lines = (line.partition(":") for line in tree.text("/proc/meminfo").splitlines())
    kib = {name: int(value.split()[0]) for name, _, value in lines if value.endswith(" kB")}
    total, available = kib["MemTotal"], kib["MemAvailable"]
    return {
        "total": total * 1024,
        "available": available * 1024,
        "percent": round(100 * (total - available) / total, 1),
        "swap_total": kib["SwapTotal"] * 1024,
        "swap_free": kib["SwapFree"] * 1024,
    }


class Disks:
    """File systems: bytes, the share that is used, and whether it has become read-only, as those of dying cards do.

    disks: name -> a directory of it.
    """

    def __init__(self, disks: Mapping[str, str]) -> None:
        self._disks = disks

    def __call__(self, tree: Tree) -> dict[str, Any]:
        """Name -> {total, free, percent, read_only}; statvfs(3). Not those whose directory is not there."""
        found = {}
        missing: OSError | None = None
        for name, path in self._disks.items():
            try:
                found[name] = _disk(tree, path)
            except OSError as error:
                missing = error
        if not found and missing is not None:
            raise missing
        return found


def _disk(tree: Tree, path: str) -> dict[str, Any]:
    of = tree.disk(path)
    used = of.f_blocks - of.f_bfree
    usable = used + of.f_bavail
    return {
        "total": of.f_blocks * of.f_frsize,
        "free": of.f_bavail * of.f_frsize,
        "percent": round(100 * used / usable, 1) if usable else 100.0,
        "read_only": bool(of.f_flag & os.ST_RDONLY),
    }


def wifi(tree: Tree) -> dict[str, Any]:
    """Interface -> {signal, quality}: dBm and percent, of those that are connected. /proc/net/wireless (proc(5))."""
    found = {}
    for line in tree.text("/proc/net/wireless").splitlines()[2:]:
        name, _, values = line.partition(":")
        link, level = (float(value.rstrip(".")) for value in values.split()[1:3])
        signal = level - 256 if level > 63 else level  # an unsigned octet, from some drivers
        quality = round(100 * min(max(link / _BEST_LINK, 0.0), 1.0))
        found[_key(name)] = {"signal": int(signal), "quality": quality}
    if not found:
        raise LookupError("no interface is connected by radio")
    return found


class Network:
    """Interfaces: whether they are up, and the bytes that went through. /sys/class/net (sysfs-class-net).

    interfaces: which ones; None for those of hardware, not bridges, tunnels and what containers have.
    """

    def __init__(self, interfaces: Sequence[str] | None) -> None:
        self._interfaces = interfaces

    def __call__(self, tree: Tree) -> dict[str, Any]:
        """Interface -> {up, received, sent}, bytes."""
        found = {}
        there = tree.names("/sys/class/net")
        for name in there if self._interfaces is None else self._interfaces:
            base = f"/sys/class/net/{name}"
            if name not in there or (self._interfaces is None and "device" not in tree.names(base)):
                continue
            found[_key(name)] = {
                "up": tree.text(f"{base}/operstate").strip() == "up",
                "received": int(tree.text(f"{base}/statistics/rx_bytes")),
                "sent": int(tree.text(f"{base}/statistics/tx_bytes")),
            }
        if not found:
            raise LookupError(f"no such interface is there, but {', '.join(there) or 'none'} (interfaces)")
        return found


def uptime(tree: Tree) -> int:
    """Seconds since the board was started. /proc/uptime (proc(5))."""
    return int(float(tree.text("/proc/uptime").split()[0]))


def model(tree: Tree) -> str | None:
    """What the board calls itself, from the device tree or the firmware of a PC; None where neither is there."""
    for path in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        try:
            return tree.text(path).strip("\0 \n")
        except OSError:
            continue
    return None


def _key(interface: str) -> str:
    """A part of a topic: without dots, which VLANs have in their names."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", interface.strip())


def readers(disks: Mapping[str, str], interfaces: Sequence[str] | None) -> dict[str, Callable[[Tree], Any]]:
    """Every fact by its name. disks: name -> directory. interfaces: see Network."""
    return {
        "temperature": temperature,
        "throttling": throttling,
        "cpu": Cpu(),
        "load": load,
        "memory": memory,
        "disk": Disks(disks),
        "wifi": wifi,
        "network": Network(interfaces),
        "uptime": uptime,
    }
