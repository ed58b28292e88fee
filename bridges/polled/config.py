"""What the sections of all polled bridges have. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from bridges.config import RESERVED, BridgeConfig, Field, Uri

Interval = Annotated[float, Meta(ge=0.1, le=86_400)]
#: A part of a topic.
Name = Annotated[
    str, Meta(pattern=r"^[^\s#.]+$", max_length=64, extra={"words": "a name without spaces, dots and #, as boiler"})
]

#: a value is stale after so many intervals without a reading, where the configuration says nothing; at least STALE_MIN
STALE_INTERVALS: Final = 3
#: seconds
STALE_MIN: Final = 10.0
LONGEST: Final = 86_400.0


class PolledConfig(BridgeConfig, kw_only=True):
    """What bridges have that read their devices every so often.

    interval: seconds from one reading to the next. patience: seconds a reading may take; what comes later is not
    believed. topic: below it are the topics of the values, `status` and `get_status`; left out, the bridge's id.
    """

    interval: Interval = 10.0
    patience: Annotated[float, Meta(ge=0.5, le=600)] = 10.0
    topic: Uri | None = None

    @property
    def base_topic(self) -> str:
        """Where the bridge's topics begin."""
        return self.topic or self.id


def with_staleness(field: Any, interval: float) -> Any:
    """A field that becomes stale: what it says itself, or STALE_INTERVALS.

    field: a Field. interval: seconds.
    """
    if field.stale_after is not None:
        return field
    return msgspec.structs.replace(field, stale_after=min(max(STALE_INTERVALS * interval, STALE_MIN), LONGEST))


def check_names(names: list[str], whose: str) -> None:
    """Raises ValueError for a name that is there twice, or that the bridge needs itself."""
    for place, name in enumerate(names):
        if name in RESERVED:
            raise ValueError(f"{whose} {name!r} has the name of a topic or procedure of the bridge; give it another")
        if name in names[:place]:
            raise ValueError(f"{whose} {name!r} is there twice; each needs a name of its own")


def plain_field(unit: str | None) -> Field:
    """The options of a value that the configuration does not name."""
    return Field(unit=unit)
