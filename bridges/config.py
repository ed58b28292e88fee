"""What every bridge's section of the configuration has, and the declaration of a field that becomes a topic.

No Twisted here: the configuration is read before the reactor is imported. What needs no device to be checked is
checked by `__post_init__`, so that it is said when the file is loaded.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Protocol

from msgspec import Meta

from edge_router.config.schema import Section

#: A URI as loose as WAMP allows: components without white space, `#` and dots, none of them empty (spec, "URIs").
URI_PATTERN: Final = r"^[^\s#.]+(\.[^\s#.]+)*$"
Uri = Annotated[
    str,
    Meta(
        pattern=URI_PATTERN,
        max_length=255,
        extra={"words": "names joined by dots, without spaces and #, as com.example.kitchen"},
    ),
]
Point = Annotated[tuple[float, float], Meta(extra={"words": "two numbers [raw, true]"})]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

#: Stands before the kind of a simulator where a device could stand; the rest is in `bridges.simulated`.
SIM_PREFIX: Final = "sim:"

#: What a bridge itself publishes below its topic; fields that are called so need another topic.
RESERVED: Final = frozenset({"status", "get_status", "write", "request", "simulate"})


class BridgeConfig(Section, kw_only=True):
    """What every bridge has.

    id: its name, in logs and events; also the default of its topic. realm: the realm it joins. role: the role whose
    permissions apply to it; `trusted` may do everything. max_rate: frames or readings of its device a second; more are
    dropped and counted.
    """

    id: Uri
    realm: str
    role: str = "trusted"
    max_rate: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class ValueOptions(Section, kw_only=True):
    """What can be done to a value.

    reject: readings that mean that there is none, as 85 or "ERR" of some thermometers: the frame has null for the
    field then, the field itself is not published, and it is counted. type: what the value must be; text that says
    such a value is converted. mask: the bits of a whole number that are kept. shift: bits by which a whole number is
    moved to the right, or below 0 to the left. scale: multiplies. offset: is added. calibrate: points [raw, true], two
    or more; straight lines lead from point to point, and the first and the last line go on beyond them. polynomial:
    [c0, c1, c2, ...] makes c0 + c1*x + c2*x^2 + ... of x. round: decimal places. min: the smallest value. max: the
    largest value. out_of_range: what happens outside of them: `reject` makes the frame a bad one, `clamp` takes the
    limit. enum: value -> what is published for it; a value that is not listed makes the frame a bad one.
    """

    reject: Annotated[list[float | str], Meta(min_length=1, max_length=100)] | None = None
    type: Literal["number", "int", "float", "bool", "str"] | None = None
    mask: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    shift: Annotated[int, Meta(ge=-63, le=63)] | None = None
    scale: float | None = None
    offset: float | None = None
    calibrate: Annotated[list[Point], Meta(min_length=2, max_length=1_000)] | None = None
    polynomial: Annotated[list[float], Meta(min_length=1, max_length=20)] | None = None
    round: Annotated[int, Meta(ge=0, le=15)] | None = None
    min: float | None = None
    max: float | None = None
    out_of_range: Literal["reject", "clamp"] = "reject"
    enum: dict[str | int, str | int | float | bool] | None = None

    def given(self) -> list[str]:
        """The names of the options that are there, but for out_of_range, which belongs to min and max."""
        return [name for name in VALUE_OPTIONS if getattr(self, name) is not None]

    def check_values(self) -> None:
        """Raises ValueError for numbers that cannot be calculated with and limits that exclude each other."""
        for name in ("scale", "offset", "min", "max"):
            _finite(name, getattr(self, name) or 0.0)
        for coefficient in self.polynomial or ():
            _finite("polynomial", coefficient)
        for raw, true in self.calibrate or ():
            _finite("calibrate", raw)
            _finite("calibrate", true)
        raws = sorted(raw for raw, _ in self.calibrate or ())
        twice = [raw for raw, after in itertools.pairwise(raws) if raw == after]
        if twice:
            raise ValueError(f"calibrate has the raw value {twice[0]:g} twice; each may be there once")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; one of the two has to change")


#: in the order in which they are applied where no `steps` say another
VALUE_OPTIONS: Final = tuple(name for name in ValueOptions.__struct_fields__ if name != "out_of_range")
#: those that calculate
NUMERIC: Final = ("mask", "shift", "scale", "offset", "calibrate", "polynomial", "round", "min", "max")
#: what a window says of its readings that takes numbers
NUMERIC_WINDOWS: Final = frozenset({"min", "max", "mean"})


class Step(ValueOptions, kw_only=True):
    """One step of a field's `steps`: one option; `min`, `max` and `out_of_range` are one together."""

    def __post_init__(self) -> None:
        """Raises ValueError for less or more than one option."""
        self.check_values()
        given = self.given()
        if not given:
            raise ValueError(f"a step needs one of {', '.join(VALUE_OPTIONS)}")
        if len(given) > 1 and given != ["min", "max"]:
            raise ValueError(f"a step has one option, not {' and '.join(given)}; make each of them a step of its own")


class Window(Section, kw_only=True):
    """Readings that are taken together and published as one. It begins with the first reading after the last window.

    seconds: after which it ends. count: readings after which it ends; with both, what comes first. of: what is
    published: the last reading, the smallest, the largest, their mean, or how many there were. round: decimal places
    of the mean.
    """

    seconds: Seconds | None = None
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    of: Literal["last", "min", "max", "mean", "count"] = "last"
    round: Annotated[int, Meta(ge=0, le=15)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a window without an end."""
        if self.seconds is None and self.count is None:
            raise ValueError("a window needs its length: seconds, count, or both")


class Field(ValueOptions, kw_only=True):
    """A field of a frame that becomes a topic of its own.

    What is done to its value is applied in the order of this list, wherever it stands in the file, or as `steps` in
    the order that they have there. After it comes what is done with time: debounce, window, deadband, intervals.

    steps: what is done to the value, one option a step, in their order; an option may be there more than once.
    topic: its topic; left out, the bridge's topic, a dot and the field's name. unit: passed on with each event.
    debounce: seconds that a new value has to last before it counts. window: readings that are published as one.
    deadband: a change is published only if it is more than this; for what is not a number, 0 means any change.
    min_interval: seconds between two events; of what comes in between, the last is published at the end.
    max_interval: seconds after which the last value is published again although it did not change; it keeps the time
    it was measured at. stale_after: seconds without a reading after which the last value is published once more with
    `stale: true`, and the status names the field, until the next reading.
    """

    steps: Annotated[list[Step], Meta(min_length=1, max_length=100)] | None = None
    topic: Uri | None = None
    unit: str | None = None
    debounce: Seconds | None = None
    window: Window | None = None
    deadband: Annotated[float, Meta(ge=0)] | None = None
    min_interval: Seconds | None = None
    max_interval: Seconds | None = None
    stale_after: Seconds | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        self.check_values()
        _finite("deadband", self.deadband or 0.0)
        given = self.given()
        if self.steps is not None and given:
            raise ValueError(f"{', '.join(given)} has no place in the order of steps; make it one of the steps")
        if self.min_interval and self.max_interval and self.min_interval >= self.max_interval:
            raise ValueError(
                f"min_interval {self.min_interval:g} is not below max_interval {self.max_interval:g}; "
                "it has to be the shorter one"
            )
        self._check_types()

    def rows(self) -> list[ValueOptions]:
        """What is done to the value, row after row; within one, in the order of VALUE_OPTIONS."""
        return list(self.steps) if self.steps is not None else [self]

    def _check_types(self) -> None:
        """Follow the value through its steps: what calculates needs a number."""
        kind: str | None = None
        names: list[Any] = []
        for row in self.rows():
            kind = row.type or kind
            numeric = [name for name in NUMERIC if getattr(row, name) is not None]
            if numeric and kind in ("bool", "str"):
                raise ValueError(f"{', '.join(numeric)} needs a number; type {kind} is none")
            if row.enum is not None:
                kind, names = None, list(row.enum.values())
            elif numeric:
                kind, names = "number", []
        of = self.window.of if self.window else "last"
        if of in NUMERIC_WINDOWS and (kind in ("bool", "str") or any(type(x) in (bool, str) for x in names)):
            raise ValueError(f"a window of {of} needs numbers, and the field has none; take last or count")


def _finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{name} has to be a finite number")


class WithTopic(Protocol):
    """What is published. topic: its own, if it does not have the one that its name makes."""

    @property
    def topic(self) -> str | None: ...


def field_topics(base: str, fields: Mapping[str, WithTopic]) -> dict[str, str]:
    """The topic of each field, by its name.

    base: the bridge's topic. Raises ValueError for a topic that is no URI, is taken, or is used twice.
    """
    topics: dict[str, str] = {}
    taken = {base: "the bridge itself"} | {f"{base}.{name}": "the bridge itself" for name in RESERVED}
    for name, field in fields.items():
        topic = field.topic or f"{base}.{name}"
        if not re.match(URI_PATTERN, topic):
            raise ValueError(f"field {name!r} cannot be a part of a topic; give it a `topic` without spaces and #")
        if topic in taken:
            raise ValueError(f"field {name!r} has the topic {topic} of {taken[topic]}; give it a `topic` of its own")
        taken[topic] = f"field {name!r}"
        topics[name] = topic
    return topics
