"""A module with the API of the Python package gpiod 2, as far as the bridge uses it, on the simulated chip.

Names, signatures and types are those of gpiod 2.5: enums in `line`, LineSettings with a timedelta, events with an enum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

from bridges.gpio.chardev import CharacterDevice, CharacterDevices, LineRequest
from bridges.gpio.lines import LineError, Settings
from bridges.gpio.simulator import SimulatedKernel


class Direction(Enum):
    AS_IS, INPUT, OUTPUT = 1, 2, 3


class Bias(Enum):
    AS_IS, UNKNOWN, DISABLED, PULL_UP, PULL_DOWN = 1, 2, 3, 4, 5


class Drive(Enum):
    PUSH_PULL, OPEN_DRAIN, OPEN_SOURCE = 1, 2, 3


class EdgeDetection(Enum):
    NONE, RISING, FALLING, BOTH = 1, 2, 3, 4


class Value(Enum):
    INACTIVE, ACTIVE = 0, 1


class EdgeEvent:
    class Type(Enum):
        RISING_EDGE, FALLING_EDGE = 1, 2

    def __init__(self, rising: bool, at: int, offset: int, seqno: int) -> None:
        self.event_type = self.Type.RISING_EDGE if rising else self.Type.FALLING_EDGE
        self.timestamp_ns = at
        self.line_offset = offset
        self.line_seqno = seqno


@dataclass
class LineSettings:
    direction: Direction = Direction.AS_IS
    edge_detection: EdgeDetection = EdgeDetection.NONE
    bias: Bias = Bias.AS_IS
    drive: Drive = Drive.PUSH_PULL
    active_low: bool = False
    debounce_period: timedelta = field(default_factory=timedelta)
    output_value: Value = Value.INACTIVE


BIASES = {"AS_IS": "as-is", "DISABLED": "none", "PULL_UP": "pull-up", "PULL_DOWN": "pull-down"}


def ours(settings: LineSettings) -> Settings:
    """The other way round than the bridge."""
    return Settings(
        direction=settings.direction.name.lower().replace("_", "-"),  # type: ignore[arg-type]
        active_low=settings.active_low,
        bias=BIASES[settings.bias.name],  # type: ignore[arg-type]
        drive=settings.drive.name.lower().replace("_", "-"),  # type: ignore[arg-type]
        edges=settings.edge_detection.name.lower(),  # type: ignore[arg-type]
        debounce=settings.debounce_period // timedelta(microseconds=1),
    )


class Request:
    def __init__(self, request: LineRequest, config: dict[int, LineSettings]) -> None:
        self._request = request
        self._config = config

    @property
    def fd(self) -> int:
        return self._request.fileno()

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        edges = guard(self._request.read)
        if not edges:
            raise BlockingIOError(11, "again")
        return [EdgeEvent(edge.active, edge.at, edge.offset, edge.seqno) for edge in edges]

    def get_values(self) -> list[Value]:
        return [Value(int(level)) for level in guard(self._request.get).values()]

    def set_values(self, values: dict[int, Value]) -> None:
        guard(self._request.set, {offset: value is Value.ACTIVE for offset, value in values.items()})

    def reconfigure_lines(self, config: dict[int, LineSettings]) -> None:
        assert set(config) == set(self._config), "lines that are left out would get default settings"
        kinds = [ours(settings) for settings in config.values()]
        quiet = frozenset(offset for offset, settings in config.items() if ours(settings).edges == "none")
        if kinds[0].direction == "output":
            values = {offset: settings.output_value is Value.ACTIVE for offset, settings in config.items()}
            guard(self._request.drive, kinds[0], values)
        else:
            guard(self._request.quiet, quiet)

    def release(self) -> None:
        self._request.close()


class Chip:
    def __init__(self, chip: CharacterDevice) -> None:
        self._chip = chip

    def get_info(self) -> Any:
        return SimpleNamespace(name=self._chip.name, label=self._chip.label, num_lines=self._chip.count)

    def get_line_info(self, offset: int) -> Any:
        if offset >= self._chip.count:
            raise ValueError("line offset of out range")
        line = self._chip.line(offset)
        direction = Direction.OUTPUT if line.output else Direction.INPUT
        return SimpleNamespace(name=line.name, consumer=line.consumer, used=line.used, direction=direction)

    def request_lines(
        self, config: dict[int, LineSettings], consumer: str | None = None, event_buffer_size: int | None = None
    ) -> Request:
        settings = {ours(each) for each in config.values()}
        assert len(settings) == 1
        values = {offset: each.output_value is Value.ACTIVE for offset, each in config.items()}
        request = guard(self._chip.request, list(config), settings.pop(), values, consumer or "", 0)
        return Request(request, config)

    def close(self) -> None:
        self._chip.close()


def guard(call: Any, *args: Any) -> Any:
    """The library lets the system's errors through."""
    try:
        return call(*args)
    except LineError as error:
        raise OSError(16 if "in use" in str(error) else 19, str(error)) from None


def module(kernel: SimulatedKernel) -> Any:
    """The module, with the simulated chip as the only one."""
    devices = CharacterDevices(kernel)
    return SimpleNamespace(
        Chip=lambda path: Chip(guard(devices.open, path)),
        LineSettings=LineSettings,
        EdgeEvent=EdgeEvent,
        line=SimpleNamespace(Direction=Direction, Bias=Bias, Drive=Drive, Edge=EdgeDetection, Value=Value),
    )
