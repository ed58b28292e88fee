"""A Raspberry Pi that is not there: the kernel's files, with values that change a little."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from bridges.polled.files import Disk
from bridges.polled.simulated import Mishaps

_GONE: Final = "simulated: unplugged"
#: seconds of a wave of values
_PERIOD: Final = 600.0


class SimulatedDisk(NamedTuple):
    """A card of 16 GB, half full."""

    f_frsize: int = 4096
    f_blocks: int = 3_906_250
    f_bavail: int = 1_700_000
    f_bfree: int = 1_900_000
    f_flag: int = 0


class Pi:
    """See bridges.polled.files.Tree. mishaps: what calls meet. seconds: monotonic time."""

    def __init__(self, mishaps: Mishaps, seconds: Callable[[], float]) -> None:
        self._mishaps = mishaps
        self._seconds = seconds

    def text(self, path: str) -> str:
        """See Tree."""
        files = self._files()
        fault = self._mishaps.fault
        if fault in ("unplug", "drop"):
            raise OSError(_GONE)
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return "\x1a" * len(files[path]) if fault == "garble" else files[path]

    def names(self, path: str) -> list[str]:
        """See Tree."""
        base = path.rstrip("/") + "/"
        return sorted({file[len(base) :].partition("/")[0] for file in self._files() if file.startswith(base)})

    def disk(self, path: str) -> Disk:  # noqa: ARG002
        """See Tree."""
        if self._mishaps.fault != "ok":
            raise OSError(_GONE)
        return SimulatedDisk()

    def output(self, command: str, *arguments: str) -> str:  # noqa: ARG002
        """See Tree."""
        raise FileNotFoundError(2, "No such file or directory", command)

    def _files(self) -> dict[str, str]:
        at = self._seconds()
        wave = math.sin(2 * math.pi * at / _PERIOD)
        ticks, busy = int(at * 400), int(at * 40 + 1000 * (1 - math.cos(2 * math.pi * at / _PERIOD)))
        return {
            "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4 (simulated)\0",
            "/proc/stat": f"cpu {busy} 0 0 {max(ticks - busy, 0)} 0 0 0 0 0 0\n",
            "/proc/loadavg": f"{0.3 + 0.2 * wave:.2f} 0.30 0.25 1/180 4711\n",
            "/proc/meminfo": f"MemTotal: 1893704 kB\nMemAvailable: {1_500_000 + int(90_000 * wave)} kB\n"
            "SwapTotal: 524284 kB\nSwapFree: 524284 kB\n",
            "/proc/net/wireless": f"Inter-|\n face |\n wlan0: 0000 {55 + 5 * wave:.0f}. {-55 + 5 * wave:.0f}. -256\n",
            "/proc/uptime": f"{at:.2f} {at:.2f}\n",
            "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "/sys/class/thermal/thermal_zone0/temp": f"{48_000 + int(4_000 * wave)}\n",
            "/sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
            "/sys/class/net/lo/operstate": "unknown\n",
            "/sys/class/net/wlan0/device/uevent": "DRIVER=brcmfmac\n",
            "/sys/class/net/wlan0/operstate": "up\n",
            "/sys/class/net/wlan0/statistics/rx_bytes": f"{int(at * 900)}\n",
            "/sys/class/net/wlan0/statistics/tx_bytes": f"{int(at * 1700)}\n",
        }
