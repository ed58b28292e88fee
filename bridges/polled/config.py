"""What the sections of all polled bridges have. No Twisted here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from bridges.config import RESERVED, BridgeConfig, Field, Uri, field_topics
from edge_router.config.schema import Section

Interval = Annotated[float, Meta(ge=0.1, le=86_400)]
#: A part of a topic.
Name = Annotated[
    str, Meta(pattern=r"^[^\s#.]+$", max_length=64, extra={"words": "a name without spaces, dots and #, as boiler"})
]

#: what a bridge of this kind has below its topic
TAKEN: Final = RESERVED | {"read"}
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


class DeviceConfig(Section, kw_only=True):
    """What a device with a driver has. A kind of device says with `units` what it measures.

    id: its name; its topic is the bridge's topic, a dot and this. interval: seconds from one reading to the next; left
    out, that of the bridge. fields: name of a value -> its options; its unit stays what it is, unless another is given.
    """

    #: where the simulator of a device of this kind is, `module:Class`; it is made with the section and a clock
    simulator: ClassVar[str | None] = None

    id: Name
    interval: Interval | None = None
    fields: Annotated[dict[str, Field], Meta(max_length=200)] = {}

    def units(self) -> dict[str, str | None]:
        """The values that a reading has, and their units."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        """Raises ValueError for fields that the device does not have."""
        known = self.units()
        for name in self.fields:
            if name not in known:
                raise ValueError(f"field {name!r} is none of what it measures: {', '.join(known)}")


def check_devices(base: str, devices: Sequence[Any]) -> None:
    """Raises ValueError for names and topics that are taken. base: the bridge's topic. devices: DeviceConfigs."""
    check_names([device.id for device in devices], "device")
    for device in devices:
        if not isinstance(device, DeviceConfig):
            raise ValueError(f"device {device.id!r}: its driver's section has to be made on DeviceConfig")
        field_topics(f"{base}.{device.id}", device.fields)


def check_simulators(devices: Sequence[Any]) -> None:
    """Raises ValueError for a device of which there is no simulator. devices: DeviceConfigs."""
    for device in devices:
        if device.simulator is None:
            raise ValueError(f"device {device.id!r}: its kind has no simulator")


def with_staleness(field: Field, interval: float) -> Field:
    """A field that becomes stale: what it says itself, or STALE_INTERVALS.

    interval: seconds.
    """
    if field.stale_after is not None:
        return field
    return msgspec.structs.replace(field, stale_after=min(max(STALE_INTERVALS * interval, STALE_MIN), LONGEST))


def check_names(names: list[str], whose: str) -> None:
    """Raises ValueError for a name that is there twice, or that the bridge needs itself."""
    for place, name in enumerate(names):
        if name in TAKEN:
            raise ValueError(f"{whose} {name!r} has the name of a topic or procedure of the bridge; give it another")
        if name in names[:place]:
            raise ValueError(f"{whose} {name!r} is there twice; each needs a name of its own")


def with_unit(field: Field, unit: str | None) -> Field:
    """A field with the unit that its values have by nature, unless it says another or makes words of them."""
    if field.unit is not None or unit is None or any(row.enum is not None for row in field.rows()):
        return field
    return msgspec.structs.replace(field, unit=unit)
