"""The Modbus bridge: values of slaves become events; procedures read and write them. Nothing is written otherwise."""

from __future__ import annotations

import random as randomness
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from twisted.logger import Logger

from bridges.bridge import Bridge
from bridges.modbus import build
from bridges.modbus.bus import Bus
from bridges.modbus.calls import Calls
from bridges.modbus.config import ModbusConfig, ModbusUnit, ModbusValue, value_topics
from bridges.modbus.pdu import Refused
from bridges.modbus.planning import Block, plan
from bridges.modbus.points import Point
from bridges.modbus.polling import Outcome, Round
from bridges.modbus.slaves import Slave
from bridges.pipeline import Pipeline
from bridges.stamps import Stamp, Stamps
from bridges.values import BadValue


class ModbusBridge(Bridge):
    """A bridge to the slaves of one line or connection.

    config: its section. reactor: IReactorFDSet, IReactorTCP and IReactorTime. stamps: the wall clock.
    random: numbers of [0, 1), for the waits.
    """

    log = Logger()

    def __init__(
        self,
        config: ModbusConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self._settings = config
        self._name = config.name_of_link
        self._link = build.link(config, reactor, random)
        self._link.user = self
        self._bus = Bus(self._link, build.framing(config), build.timing(config), reactor, config.max_waiting)
        self._topics = value_topics(config)
        self._slaves = {
            name: Slave(name, unit.unit, self._points(name, unit), config.dead_after, reactor, random)
            for name, unit in config.units.items()
        }
        self._rounds = [made for name, unit in config.units.items() for made in self._rounds_of(name, unit)]
        self._calls = Calls(config, self._slaves, self._bus, build.limits(config), self._take_one, self._unit_answered)
        self._readings = 0
        self._bad = 0
        self._last_reading: int | None = None

    def _points(self, name: str, unit: ModbusUnit) -> list[Point]:
        return [
            Point(f"{name}.{key}", unit.unit, value, unit.order, self._pipeline(f"{name}.{key}", name, key, value))
            for key, value in unit.values.items()
        ]

    def _pipeline(self, full: str, unit: str, key: str, value: ModbusValue) -> Pipeline:
        return Pipeline(
            {full: self._topics[unit][key]},
            {full: value},
            self.clock,
            self.publish,
            self.field_changed,
            self.status.fault,
        )

    def _rounds_of(self, name: str, unit: ModbusUnit) -> Iterator[Round]:
        """One for each interval of a unit."""
        slave = self._slaves[name]
        together = defaultdict(list)
        for point in slave.points.values():
            if point.config.poll:
                interval = point.config.interval or unit.interval or self._settings.interval
                together[interval].append(point.place)
        for interval, places in together.items():
            yield Round(
                slave,
                interval,
                plan(places, build.limits(self._settings)),
                self._bus,
                self._settings.retries,
                self.clock,
                self._take_round,
                self._slave_changed,
                self._split,
            )

    # --- a bridge ---------------------------------------------------------------------------------------------------

    def opening(self) -> None:
        for point in self._all_points():
            if point.config.poll:
                point.pipeline.begin()
        self._link.start()

    def closing(self) -> None:
        self._stop_rounds("the bridge stops")
        self._link.stop()
        for point in self._all_points():
            point.pipeline.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        return {**self._calls.handlers(), **self._link.procedures()}

    def details(self) -> dict[str, Any]:
        """readings: values that were read. bad: those that were refused. dropped: rounds over
        max_rate. requests, timeouts, damaged: of the bus. late:
        answers and noise that came when nobody waited. late_rounds: polls left out because the bus is too slow.
        units: of each, whether it answers and how often. And those of `bridges.pipeline`.
        """
        counts = [point.pipeline.counts() for point in self._all_points()]
        return {
            "device": self._name,
            "readings": self._readings,
            "bad": self._bad,
            "dropped": self.over_rate,
            **{name: sum(count[name] for count in counts) for name in ("superseded", "bounced", "no_reading")},
            "stale": [name for count in counts for name in count["stale"]],
            "requests": self._bus.requests,
            "timeouts": self._bus.timeouts,
            "damaged": self._bus.damaged,
            "late": self._bus.late,
            "late_rounds": sum(made.late for made in self._rounds),
            "units": {slave.name: slave.facts() for slave in self._slaves.values()},
            "last_reading_ts": self._last_reading,
        }

    def _all_points(self) -> Iterator[Point]:
        for slave in self._slaves.values():
            yield from slave.points.values()

    # --- from the link ----------------------------------------------------------------------------------------------

    def link_ready(self) -> None:
        """Also when a port was opened again because it was silent."""
        self._stop_rounds(f"{self._name} was opened again")
        if self.status.state != "open":
            self.log.info("{id}: {device} is open", id=self.config.id, device=self._name)
            self.status.change("open")
        self._bus.ready()
        for slave in self._slaves.values():
            slave.restart()
        for made in self._rounds:
            made.start()

    def link_away(self, reason: str, briefly: bool) -> None:
        self._stop_rounds(f"{self._name} is away: {reason}")
        if briefly:
            self.log.debug("{id}: {device}: {reason}", id=self.config.id, device=self._name, reason=reason)
            return
        self.log.warn("{id}: {device} is away: {reason}", id=self.config.id, device=self._name, reason=reason)
        for point in self._all_points():
            point.pipeline.pause()
        self.status.change("away", reason)

    def link_received(self, data: bytes) -> None:
        self._bus.received(data)

    def _stop_rounds(self, reason: str) -> None:
        for made in self._rounds:
            made.stop()
        self._bus.away(reason)

    # --- readings ---------------------------------------------------------------------------------------------------

    def _take_round(self, slave: Slave, outcomes: list[Outcome]) -> None:
        """Publish what was read in one round: the frame of the unit, and each value."""
        if not self.allowed():
            return
        stamp = self.stamps.next()
        frame: dict[str, Any] = {}
        found = []
        for block, outcome in outcomes:
            for place in block.places:
                point = slave.points[place.name]
                frame[point.key] = None
                if isinstance(outcome, Refused):
                    self._has_refused(point, outcome)
                    continue
                self._can_be_read(point)
                try:
                    frame[point.key], fields = point.transform(point.raw(block, outcome))
                except BadValue as error:
                    self._bad_value(point, error)
                else:
                    self._readings += 1
                    found.append((point, fields))
        self._last_reading = stamp.ts
        self.publish(f"{self.topic}.{slave.name}", frame, stamp)
        for point, fields in found:
            point.pipeline.report(fields, stamp)

    def _take_one(self, point: Point, raw: Any) -> Any:
        """For a caller: the value as it is published; None if it is none."""
        self._can_be_read(point)
        try:
            value, fields = point.transform(raw)
        except BadValue as error:
            self._bad_value(point, error)
            return None
        self._readings += 1
        stamp: Stamp = self.stamps.next()
        point.pipeline.report(fields, stamp)
        return value

    def _bad_value(self, point: Point, error: BadValue) -> None:
        self._bad += 1
        text = str(error)
        self.status.fault(text if text.startswith(point.name) else f"{point.name}: {text}")

    def _has_refused(self, point: Point, error: Refused) -> None:
        """Told once for each exception that a value has."""
        if point.refused == error.code:
            return
        point.refused = error.code
        text = f"{point.place}: {error}"
        self.log.warn("{id}: {error}", id=self.config.id, error=text)
        self.status.fault(text)

    def _can_be_read(self, point: Point) -> None:
        if point.refused is not None:
            point.refused = None
            self.log.info("{id}: {place} can be read again", id=self.config.id, place=str(point.place))

    # --- slaves -----------------------------------------------------------------------------------------------------

    def _slave_changed(self, slave: Slave, why: str | None) -> None:
        """One line in the log and one event of the status when it is put aside, and when it is back."""
        if why is None:
            self.log.info("{id}: unit {unit} answers again", id=self.config.id, unit=slave.name)
            self.status.news()
            return
        error = f"unit {slave.name} (address {slave.unit}) does not answer: {why}"
        self.log.warn("{id}: {error}; it is tried now and then", id=self.config.id, error=error)
        for point in slave.points.values():
            point.pipeline.pause()
        self.status.news(error)

    def _unit_answered(self, unit: int) -> None:
        """To a caller: it need not be tried any more whether it is there."""
        for slave in self._slaves.values():
            if slave.unit == unit and slave.has_answered():
                self._slave_changed(slave, None)

    def _split(self, block: Block, error: Refused) -> None:
        self.log.info(
            "{id}: {block} cannot be read in one request ({error}); from now on each by itself",
            id=self.config.id,
            block=str(block),
            error=str(error),
        )
