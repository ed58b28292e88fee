"""The outputs of a board whose router does not run: what they are, and setting them as on_stop says.

For `edge-router outputs`, which the service's unit runs after each stop: a router that was killed has set nothing. No
Twisted, no session. A board without an output that on_stop is about is not opened, for that restarts an Arduino.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bridges.firmata import protocol
from bridges.firmata.board import PIN_VALUES_SINCE, Board
from bridges.firmata.config import Dial, FirmataConfig, FirmataOutput
from bridges.firmata.outputs import begin_dial, dial_value, mode_of
from bridges.gpio.outputconfig import level_of
from bridges.serial.direct import DirectLine
from bridges.serial.place import DeviceError
from bridges.simulated import is_simulated

#: name, what was done or found, whether it is as it should be
Outcome = tuple[str, str, bool]
#: answers that a board may take longer for than `timeout`
PATIENCE = 3


class StoppedOutputs:
    """config: the bridge's section. directory: the node directory, which is not needed."""

    def __init__(self, config: FirmataConfig, directory: Path) -> None:  # noqa: ARG002 - as of all bridges
        self._config = config

    def describe(self) -> Iterator[Outcome]:
        """What each output is. Nothing is opened."""
        every: dict[str, Any] = {**self._config.outputs, **self._config.dials()}
        for name, options in every.items():
            rules = (f"{rule} {_word(getattr(options, rule))}" for rule in ("on_start", "on_stop", "on_loss"))
            yield name, f"pin {options.pin} of {self._config.device_name}; {', '.join(rules)}", True

    def stop(self) -> Iterator[Outcome]:
        """Set each output that on_stop is about."""
        wanted: dict[str, Any] = {
            name: (options, level_of(options.on_stop))
            for name, options in self._config.outputs.items()
            if level_of(options.on_stop) is not None
        }
        wanted |= {name: (dial, dial.on_stop) for name, dial in self._config.dials().items() if dial.on_stop != "keep"}
        if not wanted:
            return
        if is_simulated(self._config.device_name):
            for name in wanted:
                yield name, "the board is simulated, and gone", True
            return
        try:
            visit = Visit(self._config)
        except DeviceError as error:
            for name, (_, value) in wanted.items():
                yield name, f"cannot be set to {_word(value)}: {error}", False
            return
        try:
            for name, (options, value) in wanted.items():
                yield self._set(visit, name, options, value)
        finally:
            visit.close()

    def _set(self, visit: Visit, name: str, options: Any, value: bool | float) -> Outcome:
        try:
            visit.set(options, value)
        except DeviceError as error:
            return name, f"cannot be set to {_word(value)}: {error}", False
        return name, _word(value), True


class Visit:
    """A board that is opened for a moment. config: which. Raises DeviceError if it does not speak Firmata.

    It is the clock and the user of its `Board`.
    """

    def __init__(self, config: FirmataConfig) -> None:
        self._line = DirectLine(config)
        self._timers: list[Timer] = []
        self._state: tuple[int, int] | None = None
        self._silent: str | None = None
        self._timeout = config.timeout
        self._board = Board(self._line.write, self, config.timeout, self)
        try:
            self._until(lambda: False, config.settle / 1000)
            self._board.begin()
            if not self._until(lambda: self._board.ready, PATIENCE * config.timeout):
                raise DeviceError(self._silent or "it does not speak Firmata")
            self._learn(config)
        except DeviceError:
            self.close()
            raise

    def set(self, options: FirmataOutput | Dial, value: bool | float) -> None:
        """Set an output, and see that the board has done it. Raises DeviceError."""
        dial = isinstance(options, Dial)
        mode = mode_of(options) if isinstance(options, Dial) else protocol.OUTPUT
        pin = self._board.pin_of(options.pin)
        if pin is None or pin >= len(self._board.pins) or mode not in self._board.pins[pin]:
            raise DeviceError(f"pin {options.pin} of this board cannot do {protocol.MODES[mode]}")
        if isinstance(options, Dial):
            self._line.write(begin_dial(pin, options) + dial_value(self._board, pin, options, value))
        else:
            self._line.write(protocol.pin_mode(pin, protocol.OUTPUT))
            self._board.set_level(pin, bool(value) != options.active_low)
        self._ask_state(pin)
        level = None if dial else int(bool(value) != options.active_low)  # type: ignore[union-attr]
        if self._state is None or self._state[0] != mode or (level is not None and self._state[1] != level):
            raise DeviceError("the board does not say that it did it")

    def _learn(self, config: FirmataConfig) -> None:
        """What outputs are on: a board that has whole ports set is not to switch off what is to be kept."""
        if self._board.version >= PIN_VALUES_SINCE:
            return
        for options in config.outputs.values():
            pin = self._board.pin_of(options.pin)
            if pin is not None and pin < len(self._board.pins):
                self._ask_state(pin)
                if self._state is not None and self._state[0] == protocol.OUTPUT:
                    self._board.has_level(pin, bool(self._state[1]))

    def _ask_state(self, pin: int) -> None:
        self._state = None
        self._board.state_of(pin, self._has_state)
        self._until(lambda: self._state is not None, self._timeout)

    def close(self) -> None:
        """Done."""
        self._board.end()
        self._line.close()

    def _has_state(self, mode: int, value: int) -> None:
        self._state = (mode, value)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read what comes until a condition holds. Result: whether it does."""
        end = self.seconds() + seconds
        while not condition():
            if self.seconds() >= end:
                return False
            self._board.received(self._line.read())
            for timer in [timer for timer in self._timers if timer.due <= self.seconds()]:
                timer.cancel()
                timer.call()
        return True

    # --- the clock of the board ---------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Monotonic time."""
        return time.monotonic()

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> Timer:
        """While something is waited for."""
        timer = Timer(self._timers, self.seconds() + delay, lambda: call(*args))
        self._timers.append(timer)
        return timer

    # --- the user of the board ----------------------------------------------------------------------------------------

    def board_ready(self) -> None: ...

    def board_silent(self, reason: str) -> None:
        self._silent = reason

    def board_lost(self, reason: str) -> None: ...

    def board_level(self, pin: int, on: bool) -> None: ...

    def board_analog(self, channel: int, value: int) -> None: ...

    def board_i2c(self, address: int, register: int, data: bytes) -> None: ...

    def board_says(self, text: str) -> None: ...


class Timer:
    """A call that is due later. timers: of all, from which it takes itself."""

    def __init__(self, timers: list[Timer], due: float, call: Callable[[], object]) -> None:
        self._timers = timers
        self.due = due
        self.call = call

    def cancel(self) -> None:
        """Not any more."""
        self._timers.remove(self)


def _word(wish: str | bool | float) -> str:
    if isinstance(wish, bool):
        return "on" if wish else "off"
    return wish if isinstance(wish, str) else f"{wish:g}"
