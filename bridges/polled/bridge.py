"""What polled bridges have in common: turns, sensors, and how both show in the status."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any, Final

from bridges.bridge import Bridge
from bridges.polled.asking import AWAY, BAD_ANSWER, QUEUE_FULL, Asking
from bridges.polled.config import PolledConfig
from bridges.polled.sensor import Sensor
from bridges.polled.simulated import Mishaps
from bridges.polled.turns import Turn, Turns
from bridges.polled.worker import ThreadWorker, Worker
from bridges.simulated import Faults, SimOptions
from bridges.simulating import simulate
from bridges.stamps import Stamp, Stamps
from bridges.values import BadValue, check

#: values of a sensor that an error message names
SHOWN: Final = 20
#: name of the thread -> worker
MakeWorker = Callable[[str], Worker]


class PolledBridge(Bridge):
    """A bridge to sensors that are read. A kind gives `begin`, and `release` and `facts` where it needs them.

    config: its section. reactor: IReactorTime and IReactorFromThreads. stamps: the wall clock. random: numbers of
    [0, 1), for the waits. make_worker: gives the thread, anew for each start.

    faults, mishaps: those of the simulator, if there is one; mishaps once it is started.
    """

    def __init__(
        self,
        config: PolledConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        make_worker: MakeWorker | None = None,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self.polled = config
        self.sensors: dict[str, Sensor] = {}
        self.faults: Faults | None = None
        self.mishaps: Mishaps | None = None
        self._random = random
        self._make_worker = make_worker or (lambda name: ThreadWorker(reactor, name))
        self._turns: Turns | None = None
        self._asking = Asking(self.sensors, self._soon)

    # --- what a kind gives ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Add sensors."""

    def release(self) -> None:
        """Close devices. Called in the thread, when nothing is read any more."""

    def facts(self) -> dict[str, Any]:
        """The kind's own part of the status."""
        return {}

    def simulations(self) -> dict[str, Callable[..., Any]]:
        """What `simulate` can do besides faults. See bridges.simulating."""
        return {}

    def worker(self, name: str) -> Worker:
        """The thread. A simulator puts itself before it."""
        made = self._make_worker(name)
        if self.faults is not None:
            made = self.mishaps = Mishaps(made, self.faults)
        return made

    # --- what a kind uses -------------------------------------------------------------------------------------------

    def simulated_by(self, options: SimOptions) -> None:
        """From the constructor: the devices are simulated. options: the chances of faults."""
        self.faults = Faults(self.clock, options, self._mishap)

    def add(self, sensor: Sensor, interval: float, read: Callable[[], dict[str, Any]]) -> None:
        """Read a sensor from now on. interval: seconds. read: gives a frame; called in the thread, it may block."""
        self.sensors[sensor.name] = sensor
        sensor.turn = self.every(
            sensor.name,
            interval,
            read,
            lambda frame: self._took(sensor, frame),
            lambda reason, away: self._failed(sensor, reason, away),
        )

    def drop(self, sensor: Sensor) -> None:
        """Read a sensor no more, and forget it."""
        assert self._turns is not None
        assert sensor.turn is not None
        self._turns.remove(sensor.turn)
        sensor.stop()
        del self.sensors[sensor.name]
        self._asking.fail(sensor.name, AWAY, "it is gone")

    def every(
        self,
        name: str,
        interval: float,
        read: Callable[[], Any],
        took: Callable[[Any], object],
        failed: Callable[[str, bool], object],
    ) -> Turn:
        """Call something in the thread every so often. See Turn."""
        assert self._turns is not None
        turn = Turn(name, interval, read, took, failed)
        self._turns.add(turn)
        return turn

    # --- a bridge ---------------------------------------------------------------------------------------------------

    def opening(self) -> None:
        self.sensors.clear()
        self._turns = Turns(self.clock, self.worker(self.config.id), self.polled.patience, self._random)
        self.begin()

    def closing(self) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.stop(self.release)
        for sensor in self.sensors.values():
            sensor.stop()
        self._asking.stop()
        if self.faults is not None:
            self.faults.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {"read": self._asking.read}
        return found if self.faults is None else {**found, "simulate": simulate(self.faults, self.simulations())}

    def details(self) -> dict[str, Any]:
        """sensors: name -> {state, readings, failures, bad, last_ts, error}. dropped: readings over max_rate. And
        those of `bridges.pipeline`.
        """
        counts = [found for sensor in self.sensors.values() for found in sensor.counts()]
        sums = {name: sum(found[name] for found in counts) for name in ("superseded", "bounced", "no_reading")}
        return {
            **self.facts(),
            "sensors": {name: sensor.facts() for name, sensor in self.sensors.items()},
            "dropped": self.over_rate,
            **sums,
            "stale": [label for found in counts for label in found["stale"]],
        }

    def _mishap(self, fault: str) -> None:
        if self.mishaps is not None:
            self.mishaps.changed(fault)

    def _soon(self, sensor: Sensor) -> None:
        if self._turns is not None and sensor.turn is not None:
            self._turns.soon(sensor.turn)

    # --- readings ---------------------------------------------------------------------------------------------------

    def _took(self, sensor: Sensor, frame: dict[str, Any]) -> None:
        if not self.allowed():
            self._asking.fail(sensor.name, QUEUE_FULL, "there are more readings a second than max_rate")
            return
        self._leave_out(sensor, frame)
        try:
            check(frame)
            found = sensor.transform(frame)
        except BadValue as error:
            sensor.bad += 1
            sensor.error = str(error)
            self._is_there(sensor)
            self.status.fault(f"{sensor.name}: {error}")
            self._asking.fail(sensor.name, BAD_ANSWER, str(error))
            return
        stamp = self.stamps.next()
        sensor.readings += 1
        sensor.last_ts = stamp.ts
        sensor.error = None
        self._is_there(sensor)
        if sensor.topic is not None:
            self.publish(sensor.topic, frame, stamp)
        sensor.report(found, stamp)
        self._asking.answer(sensor.name, sensor.said(frame), self._about(stamp))
        if sensor.readings == 1 and (unseen := sensor.unseen()):
            error_text = (
                f"{sensor.name} has no {', '.join(unseen)} (fields); it has {', '.join(sensor.places()[:SHOWN])}"
            )
            self.log.warn("{id}: {error}", id=self.config.id, error=error_text)
            self.status.fault(error_text)

    def _about(self, stamp: Stamp) -> dict[str, Any]:
        return {"bridge": self.config.id, "seq": stamp.seq, "ts": stamp.ts, "ts_quality": stamp.ts_quality}

    def _leave_out(self, sensor: Sensor, frame: dict[str, Any]) -> None:
        """Values that could not be measured are null; why is told once, until they can be again."""
        reasons = {name: str(value) for name, value in frame.items() if isinstance(value, BadValue)}
        for name, reason in reasons.items():
            frame[name] = None
            if name not in sensor.left_out:
                error = f"{sensor.name}.{name}: {reason}"
                self.log.warn("{id}: {error}", id=self.config.id, error=error)
                self.status.fault(error)
        sensor.left_out = reasons

    def _failed(self, sensor: Sensor, reason: str, away: bool) -> None:
        sensor.failures += 1
        sensor.error = reason
        error = f"{sensor.name}: {reason}"
        self._asking.fail(sensor.name, AWAY, reason)
        if not away:
            self.log.debug("{id}: {error}", id=self.config.id, error=error)
            self.status.note(error)
            return
        self.log.warn("{id}: {sensor} is away: {reason}", id=self.config.id, sensor=sensor.name, reason=reason)
        sensor.reading = False
        sensor.pause()
        if not self._look(error):
            self.status.news(error)

    def _is_there(self, sensor: Sensor) -> None:
        if sensor.reading:
            return
        self.log.info("{id}: {sensor} is read", id=self.config.id, sensor=sensor.name)
        sensor.reading = True
        if not self._look(None):
            self.status.news()

    def _look(self, error: str | None) -> bool:
        """Whether the bridge has another state now: open, if any sensor is read; away, if none is."""
        readings = [sensor.reading for sensor in self.sensors.values()]
        state = "open" if any(readings) else "opening" if None in readings else "away"
        if state == self.status.state:
            return False
        self.status.change(state, error)
        return True

    def value_changed(self, sensor: Sensor, name: str, stale: bool) -> None:
        """A value became stale, or fresh again. Of a sensor that is away or comes back, that was told already."""
        if sensor.reading and (stale or name in sensor.told_stale):
            (sensor.told_stale.add if stale else sensor.told_stale.discard)(name)
            self.field_changed(name, stale)
        else:
            self.log.debug("{id}: {name} is {how}", id=self.config.id, name=name, how="stale" if stale else "fresh")
            self.status.news()

    def value_rejected(self, reason: str) -> None:
        """A value is one to reject; once, until it is another."""
        self.status.fault(reason)
