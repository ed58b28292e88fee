"""The outputs of a board: set up when it is ready, left as on_stop says when the router stops.

A board that was not restarted may have outputs that are on; it is asked for their state, so that `keep` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from bridges.clock import Clock, Delayed
from bridges.firmata import protocol
from bridges.firmata.board import Board
from bridges.firmata.config import Dial, FirmataConfig, FirmataServo
from bridges.firmata.dial import DialOutput, DialUser
from bridges.gpio.actuator import Actuator
from bridges.gpio.interlock import Group
from bridges.gpio.outputconfig import level_of

#: seconds for the states of the outputs; a board that does not tell them has them all off
STATES: float = 1.0


class OutputsUser(DialUser, Protocol):
    """Who is told of all outputs."""

    def pin_of(self, name: str, mode: int) -> int | None:
        """The pin of an output, if the board has it and it can do that."""

    def outputs_known(self) -> None:
        """What the digital ones were is known: a whole port may be written."""


class Outputs:
    """All outputs of one board.

    config: its section. board: where. send: takes bytes for it. clock: monotonic time. user: who is told.

    actuators: the digital ones. dials: the others.
    """

    def __init__(
        self,
        config: FirmataConfig,
        board: Board,
        send: Callable[[bytes], object],
        clock: Clock,
        user: OutputsUser,
    ) -> None:
        self._config = config
        self._board = board
        self._send = send
        self._clock = clock
        self._user = user
        self._waiting: dict[str, int] = {}
        self._found: dict[str, tuple[int, bool]] = {}
        self._driven: set[int] = set()
        self._timer: Delayed | None = None
        groups: dict[str, Group] = {}
        self.actuators: dict[str, Actuator] = {}
        for name, options in config.outputs.items():
            group = None if options.interlock is None else groups.setdefault(options.interlock, Group(clock))
            self.actuators[name] = Actuator(name, options, clock, group, user)
        self.dials = {name: DialOutput(name, dial, clock, user) for name, dial in config.dials().items()}

    def all(self) -> Iterator[Actuator | DialOutput]:
        """Both kinds."""
        yield from self.actuators.values()
        yield from self.dials.values()

    def open(self) -> None:
        """The board is ready."""
        self._driven.clear()
        for name, dial in self.dials.items():
            pin = self._user.pin_of(name, mode_of(dial.options))
            if pin is not None:
                dial.opened(partial(self._turn, pin, dial.options))
        for name in self.actuators:
            pin = self._user.pin_of(name, protocol.OUTPUT)
            if pin is not None:
                self._waiting[name] = pin
        for name, pin in self._waiting.items():
            self._board.state_of(pin, partial(self._has_state, name))
        if self._waiting:
            self._timer = self._clock.callLater(STATES, self._no_states)
        else:
            self._user.outputs_known()

    def close(self) -> None:
        """The router stops: do what on_stop says. Idempotent."""
        for actuator in self.actuators.values():
            wanted = level_of(actuator.options.on_stop)
            if wanted is not None and actuator.value is not None and not self._is(actuator, wanted):
                self._switch(actuator, self._pin(actuator), wanted)
                self._user.output_changed(actuator.name, wanted, "stop")
        for dial in self.dials.values():
            dial.stopping()
        self.abandon()

    def abandon(self) -> None:
        """The board is gone. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._waiting.clear()
        self._found.clear()
        for output in self.all():
            output.closed()

    # --- digital ------------------------------------------------------------------------------------------------------

    def _has_state(self, name: str, mode: int, state: int) -> None:
        pin = self._waiting.pop(name, None)
        if pin is None:
            return
        driven = mode == protocol.OUTPUT
        if driven:
            self._driven.add(pin)
            self._board.has_level(pin, bool(state))
        self._found[name] = pin, driven and bool(state) != self.actuators[name].options.active_low
        if not self._waiting:
            self._begin_all()

    def _no_states(self) -> None:
        self._found.update((name, (pin, False)) for name, pin in self._waiting.items())
        self._waiting.clear()
        self._timer = None
        self._begin_all()

    def _begin_all(self) -> None:
        """When all are known: a port is written as a whole, and of an interlock what is on comes before what is not."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        found, self._found = self._found, {}
        self._user.outputs_known()
        first = {name: self.actuators[name].first(level) for name, (_, level) in found.items()}
        for name in sorted(found, key=lambda name: (first[name], not found[name][1])):
            self._begin(self.actuators[name], *found[name])

    def _begin(self, actuator: Actuator, pin: int, found: bool) -> None:
        """A pin that is no output yet becomes one when it is set, or here if on_start says what it is to be."""
        value = actuator.first(found)
        wish = actuator.last if actuator.options.on_start == "last" else level_of(actuator.options.on_start)
        if value != found or (wish is not None and pin not in self._driven):
            self._switch(actuator, pin, value)
        actuator.opened(partial(self._write, actuator, pin), value)

    def _write(self, actuator: Actuator, pin: int, value: bool) -> bool:
        if not self._board.ready:
            return False
        self._switch(actuator, pin, value)
        return True

    def _switch(self, actuator: Actuator, pin: int, value: bool) -> None:
        if pin not in self._driven:
            self._driven.add(pin)
            self._send(protocol.pin_mode(pin, protocol.OUTPUT))
        self._board.set_level(pin, value != actuator.options.active_low)

    def _pin(self, actuator: Actuator) -> int:
        pin = self._board.pin_of(self._config.outputs[actuator.name].pin)
        assert pin is not None
        return pin

    def _is(self, actuator: Actuator, wanted: bool) -> bool:
        """Whether it is driven so already."""
        return actuator.value == wanted and self._pin(actuator) in self._driven

    # --- PWM and servos -----------------------------------------------------------------------------------------------

    def _turn(self, pin: int, options: Dial, value: float) -> None:
        if pin not in self._driven:
            self._driven.add(pin)
            self._send(begin_dial(pin, options))
        self._send(dial_value(self._board, pin, options, value))


def mode_of(options: Dial) -> int:
    """Of the pin of a dial."""
    return protocol.SERVO if isinstance(options, FirmataServo) else protocol.PWM


def begin_dial(pin: int, options: Dial) -> bytes:
    """What makes a PWM output or a servo of a pin."""
    pulses = protocol.servo_config(pin, *options.pulses) if isinstance(options, FirmataServo) else b""
    return pulses + protocol.pin_mode(pin, mode_of(options))


def dial_value(board: Board, pin: int, options: Dial, value: float) -> bytes:
    """What sets it: degrees, or the share of all the steps that it has."""
    mode = mode_of(options)
    steps = (1 << board.pins[pin][mode]) - 1
    return protocol.analog_value(pin, round(value) if mode == protocol.SERVO else round(value * steps))


def dial_commands(dial: DialOutput, guard: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """`set` and `get` of one dial, for `Bridge.commands`. guard: checks the arguments and calls."""

    def set_value(invoked: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(dial.command, args, kwargs, 1, invoked.details.caller)

    def get(_invoked: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(dial.known, args, kwargs, 0)

    return {"set": set_value, "get": get}
