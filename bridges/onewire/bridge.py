"""The 1-wire bridge: thermometers as topics, also those that come and go."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from functools import partial
from typing import Any

from bridges.onewire.config import SIMULATORS, OneWireConfig, Thermometer, ThermometerOptions
from bridges.onewire.simulated import SimulatedWire
from bridges.onewire.therm import temperature, thermometers
from bridges.polled.bridge import MakeWorker, PolledBridge
from bridges.polled.files import Files, Tree
from bridges.polled.sensor import Sensor
from bridges.simulated import is_simulated, parse
from bridges.stamps import Stamps


class OneWireBridge(PolledBridge):
    """See PolledBridge. config: its section. tree: the machine's files."""

    def __init__(
        self,
        config: OneWireConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        make_worker: MakeWorker | None = None,
        tree: Tree | None = None,
    ) -> None:
        super().__init__(config, reactor, stamps, random, make_worker)
        self._settings = config
        self._tree: Tree = tree or Files()
        self._bus = config.bus
        self._wire: SimulatedWire | None = None
        self._unread: set[str] = set()
        self._ids: dict[str, str] = {}
        if is_simulated(config.bus):
            options = parse(config.bus, SIMULATORS).options
            assert isinstance(options, ThermometerOptions)
            self.simulated_by(options)
            self._wire = SimulatedWire(list(config.sensors), options.count, self.clock.seconds)

    def begin(self) -> None:
        config = self._settings
        self._ids = {}
        self._unread = set()
        if self._wire is not None:
            assert self.mishaps is not None
            self._wire.mishaps = self.mishaps
            self._tree, self._bus = self._wire, SimulatedWire.BUS
        for sensor in config.sensors:
            self._meet(sensor)
        self.every("bus", config.scan, partial(thermometers, self._tree, self._bus), self._scanned, self._scan_failed)

    def facts(self) -> dict[str, Any]:
        """ids: name -> id. unread: ids of thermometers over max_sensors, or that are not listed and not wanted."""
        return {"ids": dict(self._ids), "unread": sorted(self._unread)}

    def simulations(self) -> dict[str, Callable[..., Any]]:
        return {} if self._wire is None else {"set": self._set}

    # --- who is there -----------------------------------------------------------------------------------------------

    def _scanned(self, ids: list[str]) -> None:
        new = [sensor for sensor in ids if sensor not in self._ids.values()]
        self._unread &= set(ids)
        for sensor in new:
            if self._settings.others and self._has_room(ids):
                self._meet(sensor)
            elif sensor not in self._unread:
                self._unread.add(sensor)
                self._not_read(sensor)
        if not self.sensors and self.status.state != "away":
            self._tell_away("no thermometer is on the bus")

    def _scan_failed(self, reason: str, away: bool) -> None:
        if away and not self.sensors:
            self._tell_away(reason)
        elif away:
            self.log.warn("{id}: {reason}", id=self.config.id, reason=reason)
            self.status.fault(reason)

    def _tell_away(self, reason: str) -> None:
        self.log.warn("{id}: {reason}", id=self.config.id, reason=reason)
        self.status.change("away", reason)

    def _not_read(self, sensor: str) -> None:
        if self._settings.others:
            error = f"thermometer {sensor} is not read: there are {self._settings.max_sensors} already (max_sensors)"
            self.log.warn("{id}: {error}", id=self.config.id, error=error)
            self.status.fault(error)
        else:
            self.log.info("{id}: thermometer {sensor} is not listed and not read", id=self.config.id, sensor=sensor)
            self.status.news()

    def _has_room(self, ids: list[str]) -> bool:
        """Those that are gone and are not listed make room."""
        if len(self.sensors) < self._settings.max_sensors:
            return True
        for name, sensor in self._ids.items():
            if sensor not in ids and sensor not in self._settings.sensors and not self.sensors[name].reading:
                self.drop(self.sensors[name])
                del self._ids[name]
                return True
        return False

    def _meet(self, sensor: str) -> None:
        name = self._settings.name_of(sensor)
        field = self._settings.sensors.get(sensor, Thermometer()).with_rejects()
        topic = f"{self.topic}.{name}"
        self._ids[name] = sensor
        met = Sensor(self, name, None, lambda _: topic, {name: field}, lambda _: None, self._settings.interval)
        self.add(met, self._settings.interval, partial(self._read, name, sensor))

    def _read(self, name: str, sensor: str) -> dict[str, Any]:
        return {name: temperature(self._tree, self._bus, sensor)}

    # --- simulated --------------------------------------------------------------------------------------------------

    def _set(self, *args: Any) -> None:
        """args: [name or id, °C], or [name or id] to let it change by itself again."""
        assert self._wire is not None
        if not args or len(args) > 2 or not isinstance(args[0], str):
            raise ValueError("after set the name of a thermometer is expected, and the °C that it says")
        self._wire.set(self._ids.get(args[0], args[0]), *args[1:])
