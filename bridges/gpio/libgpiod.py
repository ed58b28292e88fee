"""Chips and requests by the library libgpiod, version 2, where its Python package `gpiod` is installed.

(libgpiod, "Python bindings API"; imported only for a bridge that may use it)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import Any, Final, Protocol

from bridges.gpio.chardev import BATCH, chip_error, gone, refused
from bridges.gpio.lines import Edge, Line, LineError, Settings


class Events(Protocol):
    """gpiod.LineRequest, as far as it is used."""

    fd: int

    def get_values(self) -> list[Any]: ...
    def set_values(self, values: dict[Any, Any]) -> None: ...
    def reconfigure_lines(self, config: dict[Any, Any]) -> None: ...
    def read_edge_events(self, max_events: int | None = None) -> list[Any]: ...
    def release(self) -> None: ...


class Library(Protocol):
    """The module gpiod, as far as it is used. line: enums Direction, Bias, Drive, Edge, Value."""

    Chip: Callable[..., Any]
    LineSettings: Callable[..., Any]
    EdgeEvent: Any
    line: Any


#: our words -> names in gpiod.line
_DIRECTIONS: Final = {"as-is": "AS_IS", "input": "INPUT", "output": "OUTPUT"}
_BIASES: Final = {"as-is": "AS_IS", "none": "DISABLED", "pull-up": "PULL_UP", "pull-down": "PULL_DOWN"}
_DRIVES: Final = {"push-pull": "PUSH_PULL", "open-drain": "OPEN_DRAIN", "open-source": "OPEN_SOURCE"}
_EDGES: Final = {"none": "NONE", "rising": "RISING", "falling": "FALLING", "both": "BOTH"}


def library() -> Library | None:
    """The module, if it is there in version 2; version 1 has the same name and another API."""
    try:
        module: Any = import_module("gpiod")
    except ImportError:
        return None
    return module if hasattr(module, "LineSettings") else None


class Libgpiod:
    """The chips of this machine. module: gpiod. paths: gives the nodes of all chips. See `lines.Backend`."""

    def __init__(self, module: Library, paths: Callable[[], list[str]]) -> None:
        self._module = module
        self._paths = paths

    def chips(self) -> list[str]:
        try:
            return self._paths()
        except OSError:
            return []

    def open(self, path: str) -> LibraryChip:
        try:
            chip = self._module.Chip(path)
            info = chip.get_info()
        except OSError as error:
            raise chip_error(error, path) from None
        return LibraryChip(self._module, chip, path, info)


class LibraryChip:
    """One open chip. See `lines.Chip`."""

    def __init__(self, module: Library, chip: Any, path: str, info: Any) -> None:
        self._module = module
        self._chip = chip
        self.path = path
        self.name: str = info.name
        self.label: str = info.label
        self.count: int = info.num_lines

    def line(self, offset: int) -> Line:
        try:
            info = self._chip.get_line_info(offset)
        except (OSError, ValueError) as error:
            raise chip_error(error, self.path) from None
        output = info.direction == self._module.line.Direction.OUTPUT
        return Line(offset, info.name or "", info.consumer or "", info.used, output)

    def request(
        self, offsets: Sequence[int], settings: Settings, values: Mapping[int, bool], consumer: str, buffer: int = 0
    ) -> LibraryRequest:
        made = LibraryRequest(self._module, offsets, settings)
        try:
            request = self._chip.request_lines(made.config(settings, values), consumer, buffer or None)
        except (OSError, ValueError) as error:
            raise refused(self, error, offsets, settings) from None
        os.set_blocking(request.fd, False)
        made.request = request
        return made

    def close(self) -> None:
        self._chip.close()


class LibraryRequest:
    """Lines that are ours. See `lines.Request`. request: of the library."""

    request: Events

    def __init__(self, module: Library, offsets: Sequence[int], settings: Settings) -> None:
        self._module = module
        self._settings = settings
        self._open = True
        self._rising = module.EdgeEvent.Type.RISING_EDGE
        self._values = {True: module.line.Value.ACTIVE, False: module.line.Value.INACTIVE}
        self.offsets = tuple(offsets)

    def config(self, settings: Settings, values: Mapping[int, bool], quiet: Iterable[int] = ()) -> dict[Any, Any]:
        """What the library is told: settings of each line. quiet: lines without edges."""
        line = self._module.line
        made: dict[Any, Any] = {}
        for offset in self.offsets:
            options: dict[str, Any] = {
                "direction": getattr(line.Direction, _DIRECTIONS[settings.direction]),
                "active_low": settings.active_low,
            }
            if settings.direction != "as-is":
                options["bias"] = getattr(line.Bias, _BIASES[settings.bias])
            if settings.direction == "output":
                options["drive"] = getattr(line.Drive, _DRIVES[settings.drive])
                options["output_value"] = self._values[values.get(offset, False)]
            if settings.direction == "input":
                edges = "none" if offset in quiet else settings.edges
                options["edge_detection"] = getattr(line.Edge, _EDGES[edges])
                options["debounce_period"] = timedelta(microseconds=settings.debounce)
            made[offset] = self._module.LineSettings(**options)
        return made

    def fileno(self) -> int:
        return self.request.fd if self._open else -1

    def read(self) -> list[Edge]:
        if not self._open:
            return []
        try:
            events = self.request.read_edge_events(BATCH)
        except BlockingIOError:
            return []
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return []
            raise gone(error) from None
        rising = self._rising
        return [
            Edge(event.timestamp_ns, event.event_type == rising, event.line_offset, event.line_seqno)
            for event in events
        ]

    def get(self) -> dict[int, bool]:
        active = self._values[True]
        values = self._guard(self.request.get_values)
        return {offset: value == active for offset, value in zip(self.offsets, values, strict=True)}

    def set(self, values: Mapping[int, bool]) -> None:
        self._guard(self.request.set_values, {offset: self._values[value] for offset, value in values.items()})

    def drive(self, settings: Settings, values: Mapping[int, bool]) -> None:
        self._guard(self.request.reconfigure_lines, self.config(settings, values))
        self._settings = settings

    def quiet(self, offsets: frozenset[int]) -> None:
        self._guard(self.request.reconfigure_lines, self.config(self._settings, {}, offsets))

    def close(self) -> None:
        if self._open:
            self._open = False
            with suppress(OSError):
                self.request.release()

    def _guard(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except OSError as error:
            raise gone(error) from None
        except ValueError as error:
            raise LineError(str(error)) from None
