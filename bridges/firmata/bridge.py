"""The Firmata bridge: inputs of a board become events, its outputs are switched by procedures."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from bridges.bridge import Bridge
from bridges.firmata import protocol
from bridges.firmata.board import PIN_VALUES_SINCE, Board
from bridges.firmata.config import FirmataConfig, FirmataInput
from bridges.firmata.i2c import Registers
from bridges.firmata.outputs import Outputs, dial_commands
from bridges.gpio.actuator import Refused
from bridges.gpio.commands import Commands
from bridges.gpio.controllers import Controllers
from bridges.gpio.keeping import OUTPUT_DELAY, Keeper, Kept
from bridges.pipeline import Pipeline
from bridges.serial.place import DeviceError
from bridges.serial.port import Port
from bridges.stamps import Stamps
from bridges.values import BadValue
from edge_router.client import CallError, Session

INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"


class FirmataBridge(Bridge):
    """A bridge to one board.

    config: its section. reactor: IReactorFDSet and IReactorTime. stamps: the wall clock.
    random: numbers of [0, 1), for the waits.
    """

    log = Logger()

    def __init__(
        self,
        config: FirmataConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self._settings = config
        self._topics = config.topics()
        self._port = Port(config, reactor, self, random)
        self._board = Board(self._send_bytes, reactor, config.timeout, self)
        self._outputs = Outputs(config, self._board, self._send_bytes, reactor, self)
        self._controllers = Controllers(self._outputs.all())
        self._commands = Commands(self._outputs.actuators, self._topics, self._obeyed)
        self._pipelines = {
            name: Pipeline(
                {name: self._topics[name]}, {name: field}, reactor, self.publish, self.field_changed, self.status.fault
            )
            for name, field in config.fields().items()
        }
        self._registers = Registers(config, reactor, self._send_bytes, self._read, self._not_read)
        self._keeper: Keeper | None = None
        self._levels: dict[int, tuple[str, FirmataInput]] = {}
        self._known: dict[str, bool] = {}
        self._pulled: list[int] = []
        self._analog: dict[int, str] = {}
        self._refused_pins: set[str] = set()
        self._readings = 0
        self._bad = 0
        self._restarts = 0

    # --- a bridge ---------------------------------------------------------------------------------------------------

    def start(self, session: Session) -> Deferred[None]:
        """Also fails if an output depends on who sets it, and the router would not tell when he leaves."""
        return self._controllers.begin(session).addCallback(lambda _: super(FirmataBridge, self).start(session))

    def opening(self) -> None:
        self._keeper = Keeper(
            self.directory / f"firmata-{self.config.id}.json", self.clock, self._to_keep, self._trouble
        )
        self._restore(self._keeper)
        for pipeline in self._pipelines.values():
            pipeline.begin()
        self._port.start()

    def closing(self) -> None:
        if self._board.ready:
            self._outputs.close()
        self._leave_board()
        self._port.stop()
        for pipeline in self._pipelines.values():
            pipeline.stop()
        if self._keeper is not None:
            self._keeper.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        return self._port.procedures()

    def commands(self) -> dict[str, Callable[..., Any]]:
        found = self._commands.procedures()
        for name, dial in self._outputs.dials.items():
            for word, handler in dial_commands(dial, self._guard).items():
                found[f"{self._topics[name]}.{word}"] = handler
        return found

    def details(self) -> dict[str, Any]:
        """firmware: its name and version; protocol: the version of that. readings: values given. bad: those that were
        refused. dropped: over max_rate. broken: messages that broke off. restarts: how often it restarted by
        itself, or fell silent. outputs:
        what was set. And those of `bridges.pipeline`.
        """
        counts = [pipeline.counts() for pipeline in self._pipelines.values()]
        return {
            "device": self._settings.device_name,
            "firmware": self._board.firmware,
            "protocol": ".".join(map(str, self._board.version)),
            "readings": self._readings,
            "bad": self._bad,
            "dropped": self.over_rate,
            "broken": self._board.bad,
            "restarts": self._restarts,
            "outputs": {output.name: output.value for output in self._outputs.all()},
            **{name: sum(count[name] for count in counts) for name in ("superseded", "bounced", "no_reading")},
            "stale": [name for count in counts for name in count["stale"]],
        }

    # --- from the port ----------------------------------------------------------------------------------------------

    def port_ready(self, _dropped: bytes) -> None:
        """Also when it was opened again because it was silent."""
        self._leave_board()
        self._board.begin()

    def port_away(self, reason: str) -> None:
        self._leave_board()
        self._tell_away(reason)

    def port_received(self, data: bytes) -> None:
        self._board.received(data)

    def _send_bytes(self, data: bytes) -> None:
        """What cannot be sent is lost with the port, which tells of that itself."""
        try:
            self._port.write(data).addErrback(_not_sent)
        except DeviceError as error:
            self.status.note(str(error))

    def _tell_away(self, reason: str) -> None:
        device = self._settings.device_name
        self.log.warn("{id}: {device} is away: {reason}", id=self.config.id, device=device, reason=reason)
        for pipeline in self._pipelines.values():
            pipeline.pause()
        self.status.change("away", reason)

    def _leave_board(self) -> None:
        self._board.end()
        self._outputs.abandon()
        self._registers.stop()
        self._known.clear()

    # --- from the board ---------------------------------------------------------------------------------------------

    def board_ready(self) -> None:
        """Inputs first, then outputs."""
        self._refused_pins.clear()
        firmware, device = self._board.firmware, self._settings.device_name
        self.log.info("{id}: {device} is open: {firmware}", id=self.config.id, device=device, firmware=firmware)
        self._set_up_inputs()
        self._set_up_analog()
        self._outputs.open()
        self._registers.start()
        self.status.change("open")

    def board_silent(self, reason: str) -> None:
        self._tell_away(reason)

    def board_lost(self, reason: str) -> None:
        self._restarts += 1
        self._leave_board()
        self._tell_away(reason)

    def board_says(self, text: str) -> None:
        self.status.fault(f"the board says: {text}")

    def board_level(self, pin: int, on: bool) -> None:
        """All pins of a port come at once; what has not changed is no news."""
        name, options = self._levels.get(pin, ("", None))
        if options is None:
            return
        level = on != options.active_low
        if self._known.get(name) != level:
            self._known[name] = level
            self._read(name, level)

    def board_analog(self, channel: int, value: int) -> None:
        name = self._analog.get(channel)
        if name is not None:
            self._read(name, value)

    def board_i2c(self, address: int, register: int, data: bytes) -> None:
        self._registers.replied(address, register, data)

    # --- setting up -------------------------------------------------------------------------------------------------

    def _set_up_inputs(self) -> None:
        self._levels = {}
        self._pulled.clear()
        for name, options in self._settings.inputs.items():
            pin = self._board.pin_of(options.pin)
            pulled = options.pullup and pin is not None and self._can(pin, protocol.PULLUP)
            pin = self.pin_of(name, protocol.PULLUP if pulled else protocol.INPUT)
            if pin is None:
                continue
            self._levels[pin] = (name, options)
            self._send_bytes(protocol.pin_mode(pin, protocol.PULLUP if pulled else protocol.INPUT))
            if options.pullup and not pulled:
                self._pulled.append(pin)
        if not self._pulled or self._board.version >= PIN_VALUES_SINCE:
            self._begin_levels()

    def _begin_levels(self) -> None:
        """A board without pull-up mode pulls an input up that is switched on."""
        pulled, self._pulled = self._pulled, []
        for pin in pulled:
            self._board.set_level(pin, True)
        for port in sorted({pin // protocol.PORT for pin in self._levels}):
            self._send_bytes(protocol.report_digital(port))

    def _set_up_analog(self) -> None:
        self._analog = {}
        channels = {pin: channel for channel, pin in self._board.channels.items()}
        self._send_bytes(protocol.sampling_interval(self._settings.sampling_interval))
        for name in self._settings.analog:
            pin = self.pin_of(name, protocol.ANALOG_INPUT)
            if pin is not None and pin in channels:
                self._analog[channels[pin]] = name
                self._send_bytes(protocol.pin_mode(pin, protocol.ANALOG_INPUT))
                self._send_bytes(protocol.report_analog(channels[pin]))

    def pin_of(self, name: str, mode: int) -> int | None:
        """The pin of an input or output, if the board has it and it can do that; told once else."""
        wanted = self._settings.with_pins()[name].pin
        pin = self._board.pin_of(wanted)
        if pin is not None and self._can(pin, mode):
            return pin
        if name not in self._refused_pins:
            self._refused_pins.add(name)
            modes = self._board.pins[pin] if pin is not None and pin < len(self._board.pins) else {}
            can = ", ".join(protocol.MODES.get(each, str(each)) for each in modes)
            there = f"can do {can}" if can else "has nothing to use"
            error = f"{name}: pin {wanted} of this board {there}, not {protocol.MODES[mode]}"
            self.log.error("{id}: {error}", id=self.config.id, error=error)
            self.status.fault(error)
        return None

    def _can(self, pin: int, mode: int) -> bool:
        return pin < len(self._board.pins) and mode in self._board.pins[pin]

    # --- readings ---------------------------------------------------------------------------------------------------

    def _read(self, name: str, value: Any) -> None:
        if not self.allowed():
            return
        pipeline = self._pipelines[name]
        try:
            found = pipeline.transform({name: value})
        except BadValue as error:
            self._bad += 1
            self.status.fault(str(error))
            return
        self._readings += 1
        pipeline.report(found, self.stamps.next())

    def _not_read(self, name: str, why: str) -> None:
        error = f"{name}: {why}"
        self.log.warn("{id}: {error}", id=self.config.id, error=error)
        self.status.fault(error)

    # --- outputs ----------------------------------------------------------------------------------------------------

    def outputs_known(self) -> None:
        """From the outputs. Before version 2.5 a pull-up is written with the outputs of its port."""
        if self._pulled:
            self._begin_levels()

    def output_changed(self, name: str, value: Any, cause: str) -> None:
        """From the outputs. What is not called for is logged."""
        if cause not in ("call", "pulse", "start"):
            self.log.info("{id}: {name} is {now} now: {cause}", id=self.config.id, name=name, now=value, cause=cause)
        self.publish(self._topics[name], value, self.stamps.next(), more={"cause": cause})

    def _guard(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, count: int, *more: Any) -> Any:
        if len(args) != count or kwargs:
            raise CallError(INVALID_ARGUMENT, f"{'one number' if count else 'nothing'} is expected")
        try:
            result = call(*args, *more)
        except Refused as refused:
            raise CallError(refused.uri, str(refused)) from None
        if count:
            self._obeyed("")
        return result

    def _lasting(self) -> list[Any]:
        return [output for output in self._outputs.all() if output.options.on_start == "last"]

    def _obeyed(self, _name: str) -> None:
        if self._keeper is not None and self._lasting():
            self._keeper.changed(OUTPUT_DELAY)

    def _to_keep(self) -> Kept:
        last = {output.name: output.last for output in self._lasting() if output.last is not None}
        levels = {name: value for name, value in last.items() if name in self._outputs.actuators}
        return Kept(outputs=levels, duties={name: value for name, value in last.items() if name not in levels})

    def _restore(self, keeper: Keeper) -> None:
        lasting = self._lasting()
        if lasting:
            kept = keeper.read()
            for output in lasting:
                found: dict[str, Any] = {**kept.outputs, **kept.duties}
                output.last = found.get(output.name, output.last)

    def _trouble(self, error: str) -> None:
        self.log.error("{id}: {error}", id=self.config.id, error=error)
        self.status.note(error)


def _not_sent(failure: Failure) -> None:
    failure.trap(DeviceError, CancelledError)
