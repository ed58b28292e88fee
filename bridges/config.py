"""What every bridge's section of the configuration has, and the declaration of a field that becomes a topic.

No Twisted here: the configuration is read before the reactor is imported. What needs no device to be checked is
checked by `__post_init__`, so that it is said when the file is loaded.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Final, Literal

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
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

#: What a bridge itself publishes below its topic; fields that are called so need another topic.
RESERVED: Final = frozenset({"status", "get_status", "write"})


class BridgeConfig(Section, kw_only=True):
    """What every bridge has.

    id: its name, in logs and events; also the default of its topic. realm: the realm it joins. role: the role whose
    permissions apply to it; `trusted` may do everything.
    """

    id: Uri
    realm: str
    role: str = "trusted"


class Field(Section, kw_only=True):
    """A field of a frame that becomes a topic of its own. What is given is applied in the order of this list.

    topic: its topic; left out, the bridge's topic, a dot and the field's name. type: what the value must be; text
    that says such a value is converted. scale: multiplies it. offset: is added then. round: decimal places. min:
    the smallest value. max: the largest value. out_of_range: what happens outside of them: `reject` makes the frame
    a bad one, `clamp` takes the limit. enum: value -> what is published for it; a value that is not listed makes
    the frame a bad one. unit: passed on with each event. deadband: a change is published only if it is more than
    this; for what is not a number, 0 means any change. min_interval: seconds between two events; of what comes in
    between, the last is published at the end. max_interval: seconds after which the last value is published again
    although it did not change; it keeps the time it was measured at.
    """

    topic: Uri | None = None
    type: Literal["number", "int", "float", "bool", "str"] | None = None
    scale: float | None = None
    offset: float | None = None
    round: Annotated[int, Meta(ge=0, le=15)] | None = None
    min: float | None = None
    max: float | None = None
    out_of_range: Literal["reject", "clamp"] = "reject"
    enum: dict[str | int, str | int | float | bool] | None = None
    unit: str | None = None
    deadband: Annotated[float, Meta(ge=0)] | None = None
    min_interval: Seconds | None = None
    max_interval: Seconds | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        for name in ("scale", "offset", "min", "max", "deadband"):
            if not math.isfinite(getattr(self, name) or 0.0):
                raise ValueError(f"{name} has to be a finite number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; one of the two has to change")
        if self.min_interval and self.max_interval and self.min_interval >= self.max_interval:
            raise ValueError(
                f"min_interval {self.min_interval:g} is not below max_interval {self.max_interval:g}; "
                "it has to be the shorter one"
            )
        numeric = [name for name in ("scale", "offset", "round", "min", "max") if getattr(self, name) is not None]
        if numeric and self.type in ("bool", "str"):
            raise ValueError(f"{', '.join(numeric)} needs a number; type {self.type} is none")


def field_topics(base: str, fields: dict[str, Field]) -> dict[str, str]:
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
