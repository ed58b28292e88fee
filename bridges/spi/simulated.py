"""An SPI bus that is not there, with chips that answer bit by bit."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Protocol

from bridges.polled.simulated import Mishaps
from bridges.simulated import Faults


class Bank(Protocol):
    """A chip. Made with its section of the configuration and a clock."""

    def exchange(self, data: bytes) -> bytes:
        """One transfer: as many octets from it as to it."""


class SimulatedBus:
    """See bridges.spi.bus.Bus. chips: by their lines. mishaps: what transfers meet. faults: garbles octets."""

    def __init__(self, chips: Mapping[int, Bank], mishaps: Mishaps, faults: Faults) -> None:
        self._chips = chips
        self._mishaps = mishaps
        self._faults = faults

    def transfer(self, select: int, mode: int, speed: int, data: bytes) -> bytes:  # noqa: ARG002
        """See Bus. Where nobody answers, the pull-up of the line does."""
        fault = self._mishaps.fault
        if fault == "unplug":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "sim:")
        chip = self._chips.get(select)
        if chip is None or fault == "drop":
            return b"\xff" * len(data)
        answer = chip.exchange(data)
        return self._faults.garble(answer) if fault == "garble" else answer

    def close(self) -> None:
        """See Bus."""
