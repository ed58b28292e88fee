"""Bridges to devices that have drivers: who drives what is found in the registry by the `type` of a device.

A driver is made when its device is first read, and finds out then what is there. One that failed is thrown away, and
the next try makes another: what was set up in a device that lost its power is set up again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from bridges.polled.bridge import PolledBridge
from bridges.polled.config import DeviceConfig
from bridges.polled.sensor import Sensor
from bridges.values import BadValue, check, shown
from edge_router.registry import part_class


class Driver(Protocol):
    """Knows one kind of device. Made with its section and its handle on the bus, in the thread: it may block.

    Making it may fail as reading may.
    """

    def read(self) -> dict[str, Any]:
        """Measure. Result: name -> value, as the section's `units` have them; BadValue stands for one that cannot be
        told, with the reason. Raises OSError as the bus does, BadValue for a reading that cannot be trusted.
        """


class Driven:
    """A device and its driver. make: makes the driver."""

    def __init__(self, make: Callable[[], Driver]) -> None:
        self._make = make
        self._driver: Driver | None = None

    def read(self) -> dict[str, Any]:
        """See Driver; called in the thread."""
        driver, self._driver = self._driver, None
        if driver is None:
            driver = self._make()
        frame = _checked(driver.read())
        self._driver = driver
        return frame


def _checked(frame: Any) -> dict[str, Any]:
    """What a driver of another package gave; a mistake of it is told as a failure of its device."""
    if not isinstance(frame, dict) or not all(type(name) is str for name in frame):
        raise BadValue(f"its driver gave no values with names, but {shown(frame)}")
    try:
        check({name: value for name, value in frame.items() if not isinstance(value, BadValue)})
    except KeyError as error:
        raise BadValue(f"its driver gave a value of the kind {error}, which is none") from None
    return frame


class DrivenBridge(PolledBridge):
    """See PolledBridge. A kind of bus gives `handle`."""

    def handle(self, device: Any) -> Any:
        """What the driver of a device speaks through. device: its section."""
        raise NotImplementedError

    def drive(self, kind: str, devices: list[Any]) -> None:
        """Read devices from now on. kind: of their drivers, in the registry. devices: their sections."""
        for device in devices:
            make = partial(part_class(kind, device), device, self.handle(device))
            interval = device.interval or self.polled.interval
            self.add(self._sensor(device, interval), interval, Driven(make).read)

    def _sensor(self, device: DeviceConfig, interval: float) -> Sensor:
        topic = f"{self.topic}.{device.id}"
        units = device.units()
        return Sensor(self, device.id, topic, lambda name: f"{topic}.{name}", device.fields, units.get, interval)
