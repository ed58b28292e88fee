"""The GPIO bridge: opens the chip whenever it is there, publishes what its inputs say, sets its outputs."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bridges.backoff import STABLE, Backoff
from bridges.bridge import Bridge
from bridges.clock import Delayed
from bridges.config import Field
from bridges.gpio.actuator import Actuator
from bridges.gpio.backends import Simulation, backend_of, pwm_of, simulation
from bridges.gpio.chips import find_chip
from bridges.gpio.commands import Commands, Dimming
from bridges.gpio.config import GpioConfig
from bridges.gpio.controllers import Controllers
from bridges.gpio.cookbook import Cookbook
from bridges.gpio.dimmers import Dimmer, Dimmers
from bridges.gpio.inputs import Inputs
from bridges.gpio.keeping import COUNT_DELAY, OUTPUT_DELAY, Keeper, Kept
from bridges.gpio.lines import Backend, ChipGone, LineError
from bridges.gpio.measures import SECOND
from bridges.gpio.outputs import Outputs
from bridges.gpio.pwmchips import Settling
from bridges.gpio.simcontrol import SimulationControl
from bridges.pipeline import Pipeline
from bridges.stamps import Stamps
from bridges.values import BadValue
from edge_router.client import CallError, Session

INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
#: seconds after which a value that was over max_rate gets another chance
LATER: Final = 1.0


class GpioBridge(Bridge):
    """A bridge to lines of one chip.

    config: its section. reactor: IReactorFDSet and IReactorTime. stamps: the wall clock. random: numbers of [0, 1), for
    the waits. backend: where chips come from; left out, what the configuration says.
    """

    log = Logger()

    def __init__(
        self,
        config: GpioConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self._settings = config
        self._given_backend = backend
        self._backend: Backend | None = backend
        self._simulation: Simulation | None = None
        self._topics = config.topics()
        self._inputs = Inputs(config, reactor, self)
        self._outputs = Outputs(config, reactor, self)
        self._commands = Commands(self._outputs.actuators, self._topics, self._obeyed)
        self._dimmers = Dimmers(config.pwm, reactor, self)
        self._dimming = Dimming(self._dimmers.all, self._topics, self._obeyed)
        self._cookbook = None if config.cookbook is None else Cookbook(config, self._commands, self)
        self._controllers = Controllers([*self._outputs.actuators.values(), *self._dimmers.all.values()])
        fields: dict[str, Field] = {
            name: structs.replace(input_, debounce=None) for name, input_ in config.inputs.items()
        }
        self._pipeline = Pipeline(
            self._topics, fields, reactor, self.publish, self.field_changed, self.status.fault
        )
        self._keeper: Keeper | None = None
        self._backoff = Backoff(random)
        self._timer: Delayed | None = None
        self._opened_at = 0.0
        self._label: str | None = None
        self._told: str | None = None
        #: the last values that were over max_rate
        self._late: dict[str, tuple[Any, int]] = {}
        self._later: Delayed | None = None
        self._readings = 0
        self._bad = 0

    # --- a bridge ----------------------------------------------------------------------------------------------------

    def start(self, session: Session) -> Deferred[None]:
        """Also fails if an output depends on who sets it, and the router would not tell when he leaves."""
        return self._controllers.begin(session).addCallback(lambda _: super(GpioBridge, self).start(session))

    def opening(self) -> None:
        before, self.predecessor = self.predecessor, None
        self._simulation = simulation(self._settings, self.clock, self.directory)
        if isinstance(before, GpioBridge):
            self._take_over(before)
        self._backend = self._given_backend or backend_of(self._settings, self._simulation)
        self._keeper = Keeper(self.directory / self._settings.state_file, self.clock, self._to_keep, self._trouble)
        self._restore(self._keeper)
        self._told = None
        self._pipeline.begin()
        self._retry()

    def closing(self) -> None:
        next_one = self.successor if isinstance(self.successor, GpioConfig) else None
        self._dimmers.close(True, self._staying(next_one))
        self._outputs.close(next_one)
        self._inputs.close()
        self._pipeline.stop()
        for timer in (self._timer, self._later):
            if timer is not None:
                timer.cancel()
        self._timer = self._later = None
        self._late.clear()
        if self._keeper is not None:
            self._keeper.stop()
        if self._simulation is not None and self._simulation.faults is not None:
            self._simulation.faults.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {}
        if self._inputs.counts:
            found["set_count"] = self._set_count
        if self._given_backend is None and self._settings.simulated:
            found["simulate"] = SimulationControl(self._settings, lambda: self._simulation).handle
        return found

    def commands(self) -> dict[str, Callable[..., Any]]:
        others = {} if self._cookbook is None else self._cookbook.procedures()
        return self._commands.procedures() | self._dimming.procedures() | others

    def details(self) -> dict[str, Any]:
        """chip: its label. readings: values given. bad: refused by the options of the input. dropped: over max_rate.
        lost: edges that the kernel had no room for. storms: how often a line had too many edges; stormy: the inputs
        that have now. outputs: the level of each, or its duty; null while the chip is away.
        """
        return {
            "chip": self._label,
            "readings": self._readings,
            "bad": self._bad,
            "dropped": self.over_rate,
            "lost": self._inputs.lost,
            "storms": self._inputs.storms,
            "stormy": self._inputs.stormy,
            "outputs": self._outputs.values() | self._dimmers.values(),
            **self._pipeline.counts(),
        }

    # --- at a reload -------------------------------------------------------------------------------------------------

    def _staying(self, successor: GpioConfig | None) -> list[str]:
        """The PWM outputs that a successor has too."""
        return [name for name in self._settings.pwm if successor and self._settings.shares_output(successor, name)]

    def _take_over(self, before: GpioBridge) -> None:
        """Outputs that are the same go on as they were."""
        if before._simulation is not None and before._settings.chips == self._settings.chips:
            self._simulation = before._simulation
        self._outputs.take_over(before._outputs)
        self._dimmers.take_over(before._dimmers, before._staying(self._settings))

    def _check_controllers(self) -> None:
        """Who has set an output may have left in between."""
        outputs: list[Actuator | Dimmer] = [*self._outputs.actuators.values(), *self._dimmers.all.values()]
        for each in outputs:
            if each.controller is not None and not self._controllers.is_present(each.controller):
                each.session_gone(each.controller)

    # --- the chip ----------------------------------------------------------------------------------------------------

    def _retry(self) -> None:
        self._timer = None
        if not self._open():
            self._wait()

    def _wait(self) -> None:
        self._timer = self.clock.callLater(self._backoff.wait(), self._retry)

    def _open(self) -> bool:
        """PWM first, then inputs: what may fail comes before what moves something."""
        try:
            self._dimmers.open(pwm_of(self._simulation))
            if self._settings.lines():
                self._open_lines()
        except Settling as settling:
            self.log.debug("{id}: {why}", id=self.config.id, why=str(settling))
            return False
        except LineError as error:
            self._close_all()
            if self._told is None or not isinstance(error, ChipGone):
                self._away(str(error))
            return False
        self._told = None
        self._opened_at = self.clock.seconds()
        self.log.info("{id}: {chip} is open", id=self.config.id, chip=self._label or "PWM")
        self.status.change("open")
        self._check_controllers()
        if self._cookbook is not None:
            self._cookbook.ready()
        return True

    def _open_lines(self) -> None:
        assert self._backend is not None
        chip = find_chip(self._backend, self._settings.labels, self._settings.named_lines)
        try:
            self._label = f"{chip.label} ({chip.path})"
            self._inputs.open(chip)
            self._outputs.open(chip)
        finally:
            chip.close()

    def _close_all(self) -> None:
        """As they are."""
        if self._cookbook is not None:
            self._cookbook.away()
        self._dimmers.close(stopping=False)
        self._outputs.abandon()
        self._inputs.close()

    def _away(self, reason: str) -> None:
        """The chip is not there. Told once, not with each try; that it is still missing is no news either."""
        if reason != self._told:
            self._told = reason
            self.log.warn("{id}: no lines: {reason}", id=self.config.id, reason=reason)
            self.status.change("away", reason)

    def chip_gone(self, reason: str) -> None:
        """From inputs and outputs."""
        self._close_all()
        if self.clock.seconds() - self._opened_at >= STABLE:
            self._backoff.reset()
        self._pipeline.pause()
        self._away(reason)
        self._wait()

    # --- inputs ------------------------------------------------------------------------------------------------------

    def input_read(self, name: str, value: Any, at: int) -> None:
        """From the inputs. What is over max_rate comes later, if nothing newer does: a level must not stay wrong."""
        if not self.allowed():
            self._late[name] = (value, at)
            if self._later is None:
                self._later = self.clock.callLater(LATER, self._read_late)
            return
        self._late.pop(name, None)
        if self._cookbook is not None:
            self._cookbook.input_read(name, value)
        try:
            found = self._pipeline.transform({name: value})
        except BadValue as error:
            self._bad += 1
            self.status.fault(str(error))
            return
        self._readings += 1
        self._pipeline.report(found, self.stamps.next(self.clock.seconds() - at / SECOND))
        if name in self._inputs.counts and self._keeper is not None:
            self._keeper.changed(COUNT_DELAY)

    def _read_late(self) -> None:
        self._later = None
        late, self._late = self._late, {}
        for name, (value, at) in late.items():
            self.input_read(name, value, at)

    def input_stormy(self, names: list[str], stormy: bool) -> None:
        """From the inputs."""
        inputs = ", ".join(names)
        if stormy:
            most = self._settings.inputs[names[0]].max_edges
            error = f"{inputs} has more than {most} edges a second (max_edges); it is only looked at once a second"
            self.log.warn("{id}: {error}", id=self.config.id, error=error)
            self.status.news(error)
        else:
            self.log.info("{id}: {inputs} has calmed down", id=self.config.id, inputs=inputs)
            self.status.news()

    def input_lost(self, names: list[str], edges: int) -> None:
        """From the inputs."""
        self.status.fault(f"{edges} edges of {', '.join(names)} were lost: they came faster than they were read")

    # --- outputs -----------------------------------------------------------------------------------------------------

    def output_changed(self, name: str, value: bool, cause: str) -> None:
        """From the outputs. What is not called for is logged."""
        if cause not in ("call", "pulse", "start"):
            now = "on" if value else "off"
            self.log.info("{id}: {name} is {now} now: {cause}", id=self.config.id, name=name, now=now, cause=cause)
        self.publish(self._topics[name], value, self.stamps.next(), more={"cause": cause})
        if self._cookbook is not None:
            self._cookbook.output_changed(name, value)

    def tell(self, topic: str, kwargs: Mapping[str, Any]) -> None:
        """From the cookbook's names. Not retained: a change is of one pin, and the last one says nothing of others."""
        self._send(topic, [], kwargs, retain=False)

    def output_conflict(self, name: str, others: str) -> None:
        """From the outputs."""
        error = f"{name} was on together with {others} of its interlock; it has been switched off"
        self.log.error("{id}: {error}", id=self.config.id, error=error)
        self.status.note(error)

    def duty_changed(self, name: str, duty: float, cause: str) -> None:
        """From the PWM outputs. What is not called for is logged."""
        if cause not in ("call", "start"):
            self.log.info("{id}: {name} is {duty:g} now: {cause}", id=self.config.id, name=name, duty=duty, cause=cause)
        self.publish(self._topics[name], duty, self.stamps.next(), more={"cause": cause})

    def _obeyed(self, name: str) -> None:
        options = self._settings.outputs.get(name) or self._settings.pwm[name]
        if options.on_start == "last" and self._keeper is not None:
            self._keeper.changed(OUTPUT_DELAY)

    # --- counters ----------------------------------------------------------------------------------------------------

    def _set_count(self, *args: Any, **kwargs: Any) -> int:
        """Set a counter, to what is seen on a meter, say.

        args: [input, total]. The total is in pulses, before scale. Result: the total that it had. Errors:
        wamp.error.invalid_argument.
        """
        counts = self._inputs.counts
        if kwargs or len(args) != 2 or args[0] not in counts:
            raise CallError(INVALID_ARGUMENT, f"[input, total] is expected, and input is one of {', '.join(counts)}")
        name, total = args
        if not isinstance(total, int) or isinstance(total, bool) or not 0 <= total < 2**63:
            raise CallError(INVALID_ARGUMENT, "the total has to be a whole number of pulses from 0 on")
        before = counts[name].total
        counts[name].set(total)
        return before

    def _to_keep(self) -> Kept:
        counts = {name: count.total for name, count in self._inputs.counts.items()}
        lasting = (each for each in self._outputs.actuators.values() if each.options.on_start == "last")
        dimmed = (each for each in self._dimmers.all.values() if each.options.on_start == "last")
        return Kept(
            counts,
            {each.name: each.last for each in lasting if each.last is not None},
            {each.name: each.last for each in dimmed if each.last is not None},
        )

    def _restore(self, keeper: Keeper) -> None:
        lasting = [each.on_start == "last" for each in self._settings.outputs.values()]
        lasting += [each.on_start == "last" for each in self._settings.pwm.values()]
        if not self._inputs.counts and not any(lasting):
            return
        kept = keeper.read()
        for name, count in self._inputs.counts.items():
            count.total = kept.counts.get(name, count.total)
        for name, actuator in self._outputs.actuators.items():
            actuator.last = kept.outputs.get(name, actuator.last)
        for name, dimmer in self._dimmers.all.items():
            dimmer.last = kept.duties.get(name, dimmer.last)

    def _trouble(self, error: str) -> None:
        self.log.error("{id}: {error}", id=self.config.id, error=error)
        self.status.note(error)
