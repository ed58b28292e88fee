"""What the GPIO bridge asks of a chip, whoever answers: the kernel's character device, libgpiod, a simulator.

A request holds some lines of one chip for as long as it is open. All its lines are set up alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

Bias = Literal["as-is", "none", "pull-up", "pull-down"]
Drive = Literal["push-pull", "open-drain", "open-source"]
Edges = Literal["none", "rising", "falling", "both"]
#: `as-is`: a line is held and can be read, and nothing about it is changed
Direction = Literal["as-is", "input", "output"]


class LineError(Exception):
    """A chip or a line that is not there or not to be had. The text is for the operator."""


class ChipGone(LineError):
    """The chip was unplugged, or its driver is gone."""


class Line(Struct, frozen=True):
    """One line of a chip.

    offset: its number there. name: the board's, or empty. consumer: who uses it, or empty. used: whether it can not
    be had. output: whether it is one now.
    """

    offset: int
    name: str
    consumer: str = ""
    used: bool = False
    output: bool = False


class Settings(Struct, frozen=True, kw_only=True):
    """How lines are set up. debounce: microseconds. edges: of the logical level, after active_low."""

    direction: Direction
    active_low: bool = False
    bias: Bias = "as-is"
    drive: Drive = "push-pull"
    edges: Edges = "none"
    debounce: int = 0


class Edge(NamedTuple):
    """A change that was seen. at: CLOCK_MONOTONIC in nanoseconds. active: the logical level after it. seqno: of this
    line, from 1, without gaps unless events were lost.
    """

    at: int
    active: bool
    offset: int
    seqno: int


class Request(Protocol):
    """Some lines that are ours. offsets: theirs."""

    @property
    def offsets(self) -> Sequence[int]: ...

    def fileno(self) -> int:
        """Becomes readable when there are edges."""

    def read(self) -> Sequence[Edge]:
        """The edges that wait; none if there are none, or the request is closed. Raises ChipGone."""

    def get(self) -> Mapping[int, bool]:
        """The logical levels of all its lines, by offset. Raises ChipGone."""

    def set(self, values: Mapping[int, bool]) -> None:
        """Logical levels for outputs. Raises ChipGone."""

    def drive(self, settings: Settings, values: Mapping[int, bool]) -> None:
        """Make outputs of all lines without letting go of them, at these levels from the first. Raises ChipGone."""

    def quiet(self, offsets: frozenset[int]) -> None:
        """Have no edges of these lines, and of all others again. Raises ChipGone."""

    def close(self) -> None:
        """Let go of the lines. Idempotent."""


class Chip(Protocol):
    """An open chip."""

    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def count(self) -> int:
        """How many lines there are."""

    def line(self, offset: int) -> Line:
        """Facts about a line as it is now. Raises LineError."""

    def request(
        self, offsets: Sequence[int], settings: Settings, values: Mapping[int, bool], consumer: str, buffer: int = 0
    ) -> Request:
        """Have lines. values: levels of outputs, from the first moment. buffer: edges to keep; 0: 16 a line.

        Raises LineError with what is wrong.
        """

    def close(self) -> None:
        """Requests stay open. Idempotent."""


class Backend(Protocol):
    """Where chips come from."""

    def chips(self) -> list[str]:
        """Paths of all chips there are."""

    def open(self, path: str) -> Chip:
        """Raises LineError."""
