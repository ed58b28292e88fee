"""The SPI bridge: chips on one bus, each with its driver."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any

from bridges.polled.bridge import MakeWorker
from bridges.polled.driven import DrivenBridge
from bridges.polled.simulated import chip
from bridges.simulated import is_simulated, parse
from bridges.spi.bus import Bus, KernelBus
from bridges.spi.config import SIMULATORS, SpiConfig
from bridges.spi.simulated import SimulatedBus
from bridges.stamps import Stamps


class SpiBridge(DrivenBridge):
    """See PolledBridge. config: its section."""

    def __init__(
        self,
        config: SpiConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        make_worker: MakeWorker | None = None,
    ) -> None:
        super().__init__(config, reactor, stamps, random, make_worker)
        self._settings = config
        self._bus: Bus | None = None
        if is_simulated(config.bus):
            self.simulated_by(parse(config.bus, SIMULATORS).options)

    def begin(self) -> None:
        devices: list[Any] = self._settings.devices
        if self.mishaps is None or self.faults is None:
            self._bus = KernelBus(self._settings.bus)
        else:
            chips = {device.select: chip(device, self.clock.seconds) for device in devices}
            self._bus = SimulatedBus(chips, self.mishaps, self.faults)
        self.drive("spi_driver", devices)

    def handle(self, device: Any) -> Bus:  # noqa: ARG002
        """The bus: a driver knows the speed and the mode of its chip, and makes a `Chip` of it."""
        assert self._bus is not None
        return self._bus

    def release(self) -> None:
        if self._bus is not None:
            self._bus.close()

    def facts(self) -> dict[str, Any]:
        """bus: the beginning of its device files."""
        return {"bus": self._settings.bus}
