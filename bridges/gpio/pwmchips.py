"""PWM channels by the files of the kernel: found by the chip's device, exported, set in an order that it takes.

(Documentation/driver-api/pwm.rst, "Using PWMs with the sysfs interface": times are in nanoseconds, the duty may never
be longer than the period, the polarity changes only while the channel is off.)
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final, Protocol

from bridges.gpio.lines import LineError
from bridges.gpio.permission import not_permitted
from bridges.gpio.pwmconfig import Pwm

CLASS: Final = Path("/sys/class/pwm")


class Settling(LineError):
    """The channel was exported just now; udev has to give its files away first."""


class Files(Protocol):
    """The files `period`, `duty_cycle`, `polarity` and `enable` of one channel. Both methods raise OSError."""

    def read(self, name: str) -> str: ...

    def write(self, name: str, text: str) -> None: ...


class Source(Protocol):
    """Where channels come from."""

    def open(self, options: Pwm) -> Files:
        """Raises LineError."""


class SysfsFiles:
    """Those of a real channel."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> str:
        return (self._directory / name).read_text("ascii").strip()

    def write(self, name: str, text: str) -> None:
        fd = os.open(self._directory / name, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


class Sysfs:
    """The channels of this machine. root: /sys/class/pwm."""

    def __init__(self, root: Path = CLASS) -> None:
        self._root = root

    def open(self, options: Pwm) -> SysfsFiles:
        chip = self._chip(options.chip)
        channel = chip / f"pwm{options.channel}"
        if not channel.exists():
            try:
                SysfsFiles(chip).write("export", str(options.channel))
            except OSError as error:
                raise _explained(error, chip / "export", options) from None
            if not os.access(channel / "enable", os.W_OK):
                raise Settling(f"{channel} is being set up")
        return SysfsFiles(channel)

    def _chip(self, wanted: str | None) -> Path:
        found = {(chip / "device").resolve().name: chip for chip in sorted(self._root.glob("pwmchip*"))}
        if wanted is None and len(found) == 1:
            return next(iter(found.values()))
        chip = found.get(wanted or "")
        if chip is None:
            there = ", ".join(found) or "none (a device tree overlay may be missing, as dtoverlay=pwm)"
            asked = f"there is no PWM chip {wanted}" if wanted else "no PWM chip is named, and not just one is there"
            raise LineError(f"{asked}; there is {there}")
        return chip


class Channel:
    """One channel that is ours. Its methods raise LineError."""

    def __init__(self, files: Files, options: Pwm) -> None:
        self._files = files
        self._options = options

    def duty(self) -> float:
        """The duty that it has, from 0 to 1; 0 while it is off."""
        try:
            period, duty = (int(self._files.read(name)) for name in ("period", "duty_cycle"))
            on = self._files.read("enable") == "1"
        except (OSError, ValueError) as error:
            raise _explained(error, Path("enable"), self._options) from None
        return duty / period if on and period else 0.0

    def set(self, duty: float) -> None:
        """Have a duty, from 0 to 1, with the frequency and polarity of the options."""
        period = self._options.period
        width = round(period * duty)
        try:
            self._set_polarity()
            if int(self._files.read("duty_cycle")) > period:
                self._write(("duty_cycle", width), ("period", period))
            else:
                self._write(("period", period), ("duty_cycle", width))
            self._write(("enable", 1))
        except (OSError, ValueError) as error:
            raise _explained(error, Path("duty_cycle"), self._options) from None

    def _set_polarity(self) -> None:
        polarity = "inversed" if self._options.inverted else "normal"
        if self._files.read("polarity") != polarity:
            self._write(("enable", 0))
            self._files.write("polarity", polarity)

    def _write(self, *values: tuple[str, int]) -> None:
        for name, value in values:
            if self._files.read(name) != str(value):
                self._files.write(name, str(value))


def _explained(error: Exception, path: Path, options: Pwm) -> LineError:
    number = getattr(error, "errno", None)
    channel = f"PWM channel {options.channel}"
    if number in (errno.EACCES, errno.EPERM):
        return LineError(f"{channel}: {not_permitted(str(path), 'gpio')}")
    if number == errno.ENODEV:
        return LineError(f"{channel} is not there; the chip has fewer")
    if number == errno.EBUSY:
        return LineError(f"{channel} is in use by the kernel")
    if number in (errno.EINVAL, errno.ERANGE):
        return LineError(f"{channel} cannot do a frequency of {options.frequency:g}, or that polarity")
    if number == errno.ENOENT:
        return LineError(f"{channel} is gone")
    return LineError(f"{channel}: {error}")
