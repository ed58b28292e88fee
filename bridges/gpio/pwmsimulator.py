"""PWM channels that are not there, as strict as the kernel's: for `chip: sim:` and tests."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from msgspec import json

from bridges.gpio.pwmconfig import Pwm


class SimulatedFiles:
    """One channel. values: what its files say; shared with who looks at them. changed: called after each write."""

    def __init__(self, values: dict[str, str], chip: SimulatedPwm) -> None:
        self.values = values
        self._chip = chip

    def read(self, name: str) -> str:
        return self.values[name]

    def write(self, name: str, text: str) -> None:
        after = {**self.values, name: text}
        if int(after["duty_cycle"]) > int(after["period"]):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if name == "polarity" and self.values["enable"] == "1":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if name == "enable" and text == "1" and self.values["period"] == "0":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.values[name] = text
        self._chip.save()


class SimulatedPwm:
    """A chip. file: where its channels are kept for other processes, or None."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.channels: dict[str, dict[str, str]] = {}
        if file is not None:
            try:
                self.channels = json.decode(file.read_bytes(), type=dict[str, dict[str, str]])
            except (OSError, ValueError):
                pass

    def open(self, options: Pwm) -> SimulatedFiles:
        fresh = {"period": "0", "duty_cycle": "0", "polarity": "normal", "enable": "0"}
        return SimulatedFiles(self.channels.setdefault(str(options.channel), fresh), self)

    def save(self) -> None:
        """Keep what the channels are."""
        if self._file is not None:
            beside = self._file.with_name(f"{self._file.name}.new")
            beside.write_bytes(json.encode(self.channels))
            beside.replace(self._file)
