"""The inputs of a bridge: lines are asked for, edges are read on the reactor, and given to what measures them.

Lines that are set up alike share a request, and so a descriptor. A line whose edges come faster than its `max_edges` is
put aside for a while: the kernel is told to have no edges of it, its level is looked at, and it gets another chance. So
a wire that picks up a radio costs no more than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from msgspec import Struct

from bridges.clock import Clock, Delayed
from bridges.gpio.chips import find_line
from bridges.gpio.config import GpioConfig, Input, debounce_of
from bridges.gpio.lines import Chip, Edge, Edges, LineError, Request, Settings
from bridges.gpio.measures import MEASURES, SECOND, Count, Measure
from bridges.gpio.uapi import MOST_LINES

#: seconds that a line is put aside for
ASIDE: Final = 1.0
#: edges that the kernel keeps for each line, and the most that it keeps for a request (16 for each of 64 lines)
ROOM: Final = 64
MOST_ROOM: Final = 1_024


class InputUser(Protocol):
    """Who is told of inputs."""

    def input_read(self, name: str, value: Any, at: int) -> None:
        """A value. at: CLOCK_MONOTONIC, ns."""

    def input_stormy(self, names: list[str], stormy: bool) -> None:
        """A line was put aside, or is quiet again. Told once for each."""

    def input_lost(self, names: list[str], edges: int) -> None:
        """The kernel had no room for so many edges."""

    def chip_gone(self, reason: str) -> None:
        """The chip is gone."""


class WatchedLine(Struct):
    """A line that edges are read from.

    second: the one that `edges` counts in, of the monotonic clock. aside: runs while it is put aside. calm: runs while
    it is given another chance.
    """

    offset: int
    names: list[str]
    measures: list[Measure]
    most: int
    second: int = 0
    edges: int = 0
    seqno: int | None = None
    aside: Delayed | None = None
    calm: Delayed | None = None
    stormy: bool = False


class Watch:
    """One request, as an IReadDescriptor (twisted.internet.interfaces)."""

    def __init__(self, request: Request, lines: list[WatchedLine], inputs: Inputs) -> None:
        self.request = request
        self.lines = {line.offset: line for line in lines}
        self._inputs = inputs

    def fileno(self) -> int:
        return self.request.fileno()

    def logPrefix(self) -> str:
        return "gpio"

    def doRead(self) -> None:
        """Edges wait. One read is enough, for the descriptor stays readable while there are more."""
        self._inputs.readable(self)

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002 - it has one reason only
        """The reactor found an error on the descriptor."""
        self._inputs.gone("the chip is gone")


class Inputs:
    """All inputs of one bridge.

    config: its section. reactor: IReactorFDSet and IReactorTime. user: who is told.

    lost: edges that the kernel had no room for. storms: how often a line was put aside.
    """

    def __init__(self, config: GpioConfig, reactor: Any, user: InputUser) -> None:
        self._config = config
        self._reactor = reactor
        self._clock: Clock = reactor
        self._user = user
        self._measures = {
            name: MEASURES[input_.measure](input_, reactor, self._giver(name))
            for name, input_ in config.inputs.items()
        }
        self._watches: list[Watch] = []
        self.lost = 0
        self.storms = 0

    @property
    def stormy(self) -> list[str]:
        """The inputs that are put aside."""
        return [name for watch in self._watches for line in watch.lines.values() if line.stormy for name in line.names]

    @property
    def counts(self) -> dict[str, Count]:
        """The inputs that count."""
        return {name: measure for name, measure in self._measures.items() if isinstance(measure, Count)}

    def open(self, chip: Chip) -> None:
        """Have the lines of a chip, and begin. Raises LineError; no line is held then."""
        try:
            for settings, lines in self._groups(chip).items():
                for start in range(0, len(lines), MOST_LINES):
                    part = lines[start : start + MOST_LINES]
                    offsets = [line.offset for line in part]
                    room = min(ROOM * len(part), MOST_ROOM)
                    request = chip.request(offsets, settings, {}, f"edge-router {self._config.id}", room)
                    self._watches.append(Watch(request, part, self))
            levels = [watch.request.get() for watch in self._watches]
        except LineError:
            self.close()
            raise
        for watch, values in zip(self._watches, levels, strict=True):
            for line in watch.lines.values():
                for measure in line.measures:
                    measure.begin(values[line.offset])
            self._reactor.addReader(watch)

    def close(self) -> None:
        """Let go of the lines. Idempotent."""
        watches, self._watches = self._watches, []
        for measure in self._measures.values():
            measure.stop()
        for watch in watches:
            self._reactor.removeReader(watch)
            watch.request.close()
            for line in watch.lines.values():
                for timer in (line.aside, line.calm):
                    if timer is not None:
                        timer.cancel()

    def gone(self, reason: str) -> None:
        """The chip is gone: nothing is held any more, and the user is told."""
        if self._watches:
            self.close()
            self._user.chip_gone(reason)

    def readable(self, watch: Watch) -> None:
        """Take the edges that wait."""
        try:
            edges = watch.request.read()
        except LineError as error:
            self.gone(str(error))
            return
        lines = watch.lines
        for edge in edges:
            line = lines.get(edge.offset)
            if line is not None and line.aside is None:
                self._take(watch, line, edge)

    # --- edges -------------------------------------------------------------------------------------------------------

    def _take(self, watch: Watch, line: WatchedLine, edge: Edge) -> None:
        lost = 0 if line.seqno is None else (edge.seqno - line.seqno - 1) & 0xFFFFFFFF
        line.seqno = edge.seqno
        if lost:
            self.lost += lost
            self._user.input_lost(line.names, lost)
        for measure in line.measures:
            measure.take(edge, lost)
        second = edge.at // SECOND
        if second != line.second:
            line.second, line.edges = second, 0
        line.edges += 1 + lost
        if line.edges > line.most:
            self._put_aside(watch, line)

    def _put_aside(self, watch: Watch, line: WatchedLine) -> None:
        self.storms += 1
        if line.calm is not None:
            line.calm.cancel()
            line.calm = None
        line.aside = self._clock.callLater(ASIDE, self._look_again, watch, line)
        if self._quiet(watch) and not line.stormy:
            line.stormy = True
            self._user.input_stormy(line.names, True)

    def _look_again(self, watch: Watch, line: WatchedLine) -> None:
        line.aside = None
        line.seqno = None
        line.edges = 0
        line.calm = self._clock.callLater(ASIDE, self._has_calmed, line)
        if self._quiet(watch):
            self._look(watch, line)

    def _has_calmed(self, line: WatchedLine) -> None:
        line.calm = None
        line.stormy = False
        self._user.input_stormy(line.names, False)

    def _quiet(self, watch: Watch) -> bool:
        """Tell the kernel which lines are put aside. Result: whether there is a chip still."""
        quiet = frozenset(line.offset for line in watch.lines.values() if line.aside is not None)
        try:
            watch.request.quiet(quiet)
        except LineError as error:
            self.gone(str(error))
            return False
        return True

    def _look(self, watch: Watch, line: WatchedLine) -> None:
        try:
            active = watch.request.get()[line.offset]
        except LineError as error:
            self.gone(str(error))
            return
        for measure in line.measures:
            measure.look(active)

    # --- setting up --------------------------------------------------------------------------------------------------

    def _giver(self, name: str) -> Callable[[Any, int], object]:
        return lambda value, at: self._user.input_read(name, value, at)

    def _groups(self, chip: Chip) -> dict[Settings, list[WatchedLine]]:
        """The lines by what they have in common."""
        by_offset: dict[int, list[str]] = {}
        for name, input_ in self._config.inputs.items():
            by_offset.setdefault(find_line(chip, input_.line), []).append(name)
        groups: dict[Settings, list[WatchedLine]] = {}
        for offset, names in by_offset.items():
            inputs = [self._config.inputs[name] for name in names]
            measures: list[Measure] = [self._measures[name] for name in names]
            line = WatchedLine(offset, names, measures, inputs[0].max_edges)
            groups.setdefault(_settings(inputs, measures), []).append(line)
        return groups


def _settings(inputs: list[Input], measures: list[Measure]) -> Settings:
    edges: Edges = "both" if any(MEASURES[input_.measure].edges == "both" for input_ in inputs) else "rising"
    for measure in measures:
        measure.edges = edges
    return Settings(
        direction="input",
        active_low=inputs[0].active_low,
        bias=inputs[0].bias,
        edges=edges,
        debounce=debounce_of(inputs),
    )
