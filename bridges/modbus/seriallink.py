"""A bus on a serial port, by the same class as the serial bridge's: unplugging, settling, locking are its affair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from bridges.modbus.bus import LinkUser
from bridges.serial.place import DeviceError
from bridges.serial.port import Port
from bridges.serial.portconfig import PortConfig


class SerialLink:
    """A serial port.

    config, reactor, random: as of `bridges.serial.port.Port`.
    """

    user: LinkUser

    def __init__(self, config: PortConfig, reactor: Any, random: Callable[[], float]) -> None:
        self._port = Port(config, reactor, self, random)

    def start(self) -> None:
        """Open the port, now or whenever it is there."""
        self._port.start()

    def stop(self) -> None:
        """Close it. Idempotent."""
        self._port.stop()

    def write(self, data: bytes) -> None:
        """Send bytes; what cannot be sent is an answer that does not come."""
        try:
            self._port.write(data).addErrback(_not_written)
        except DeviceError:
            pass  # the bus hears of the loss by port_away, of a full queue by the missing answer

    def restart(self, reason: str) -> None:
        """A silent line says nothing about its port, which stays open."""

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """Those of a port that is simulated."""
        return self._port.procedures()

    def port_ready(self, _dropped: bytes) -> None:
        """From the port."""
        self.user.link_ready()

    def port_away(self, reason: str) -> None:
        """From the port."""
        self.user.link_away(reason, False)

    def port_received(self, data: bytes) -> None:
        """From the port."""
        self.user.link_received(data)


def _not_written(failure: Failure) -> None:
    failure.trap(DeviceError, CancelledError)
