"""The outputs of a bridge: lines are taken without a change, then set as on_start says, and left as on_stop says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from bridges.gpio.actuator import Actuator, ActuatorUser, Handover
from bridges.gpio.chips import find_line
from bridges.gpio.config import GpioConfig
from bridges.gpio.interlock import Group
from bridges.gpio.lines import Chip, LineError, Request, Settings
from bridges.gpio.outputconfig import Output, level_of


class OutputsUser(ActuatorUser, Protocol):
    """Who is told of all outputs."""

    def chip_gone(self, reason: str) -> None:
        """The chip is gone."""

    def output_conflict(self, name: str, others: str) -> None:
        """An output was on when another of its interlock was; it has been switched off."""


class Hold:
    """The request of one output, as an IReadDescriptor: it is readable only when the chip is gone."""

    def __init__(self, request: Request, gone: Callable[[str], None]) -> None:
        self.request = request
        self._gone = gone

    def fileno(self) -> int:
        return self.request.fileno()

    def logPrefix(self) -> str:
        return "gpio"

    def doRead(self) -> None:
        """An output has no edges."""
        try:
            self.request.read()
        except LineError as error:
            self._gone(str(error))

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002 - it has one reason only
        """The reactor found an error on the descriptor."""
        self._gone("the chip is gone")


class Outputs:
    """All outputs of one bridge.

    config: its section. reactor: IReactorFDSet and IReactorTime. user: who is told.
    """

    def __init__(self, config: GpioConfig, reactor: Any, user: OutputsUser) -> None:
        self._config = config
        self._reactor = reactor
        self._user = user
        self._holds: dict[str, Hold] = {}
        self.handovers: dict[str, Handover] = {}
        groups: dict[str, Group] = {}
        self.actuators: dict[str, Actuator] = {}
        for name, options in config.outputs.items():
            group = None
            if options.interlock is not None:
                group = groups.setdefault(options.interlock, Group(reactor))
            self.actuators[name] = Actuator(name, options, reactor, group, user)

    def values(self) -> dict[str, bool | None]:
        """The levels as they are known."""
        return {name: actuator.value for name, actuator in self.actuators.items()}

    def open(self, chip: Chip) -> None:
        """Have the lines. Raises LineError; no line is held then, and nothing was changed but what on_start says.

        What goes off comes first, then what is on already: else `last` could switch on the other one of an interlock.
        """
        try:
            found = {name: self._take(chip, name, options) for name, options in self._config.outputs.items()}
            for name in sorted(found, key=lambda name: (self.actuators[name].first(found[name]), not found[name])):
                self._begin(name, found[name])
        except LineError:
            self.abandon()
            raise
        for hold in list(self._holds.values())[:1]:  # one is enough to learn that the chip is gone
            self._reactor.addReader(hold)

    def take_over(self, before: Outputs) -> None:
        """Go on with what outputs of another bridge have left."""
        for name, handover in before.handovers.items():
            if name in self.actuators:
                self.actuators[name].take_over(handover)

    def close(self, successor: GpioConfig | None = None) -> None:
        """Do what on_stop says, and let go of the lines. Idempotent.

        successor: of the bridge; outputs that it has too are left as they are, for `take_over`.
        """
        for name, hold in self._holds.items():
            actuator = self.actuators[name]
            handover = actuator.hand_over()
            if handover is not None and successor is not None and self._config.shares_output(successor, name):
                self.handovers[name] = handover
                continue
            wanted = level_of(self._config.outputs[name].on_stop)
            if wanted is None:
                continue
            try:
                hold.request.set({self._offset(hold): wanted})
            except LineError:
                continue
            if actuator.value != wanted:
                self._user.output_changed(name, wanted, "stop")
        self.abandon()

    def abandon(self) -> None:
        """Let go of the lines as they are. Idempotent."""
        holds, self._holds = self._holds, {}
        for actuator in self.actuators.values():
            actuator.closed()
        for hold in holds.values():
            self._reactor.removeReader(hold)
            hold.request.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take(self, chip: Chip, name: str, options: Output) -> bool:
        """Hold the line as it is. Result: its level."""
        offset = find_line(chip, options.line)
        as_is = Settings(direction="as-is", active_low=options.active_low)
        request = chip.request([offset], as_is, {}, f"edge-router {self._config.id}")
        self._holds[name] = Hold(request, self._gone)
        return request.get()[offset]

    def _begin(self, name: str, found: bool) -> None:
        """Make an output of it, with the level that it is to have from the first moment on."""
        actuator, hold = self.actuators[name], self._holds[name]
        value = actuator.first(found)
        others = self._others(name) if value else ""
        hold.request.drive(driving(self._config.outputs[name]), {self._offset(hold): value and not others})
        actuator.opened(partial(self._write, name), value and not others)
        if others:
            self._user.output_conflict(name, others)

    def _others(self, name: str) -> str:
        """Those of the same interlock that are on."""
        group = self._config.outputs[name].interlock
        return ", ".join(
            other
            for other, actuator in self.actuators.items()
            if group is not None and other != name and actuator.options.interlock == group and actuator.value
        )

    def _write(self, name: str, value: bool) -> bool:
        hold = self._holds[name]
        try:
            hold.request.set({self._offset(hold): value})
        except LineError as error:
            self._gone(str(error))
            return False
        return True

    @staticmethod
    def _offset(hold: Hold) -> int:
        return hold.request.offsets[0]

    def _gone(self, reason: str) -> None:
        if self._holds:
            self.abandon()
            self._user.chip_gone(reason)


def driving(options: Output) -> Settings:
    """How the line of an output is set up."""
    return Settings(direction="output", active_low=options.active_low, bias=options.bias, drive=options.drive)
