"""One sensor of a polled bridge: its readings become frames and fields, with topics made as values are first seen.

What a sensor measures is known by its readings: a value that the configuration does not name gets the topic of its
place in the frame, and the unit that the driver gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from bridges.clock import Clock
from bridges.config import Field
from bridges.pipeline import FieldTopic, Pipeline
from bridges.polled.config import with_staleness, with_unit
from bridges.polled.turns import Turn
from bridges.stamps import Stamp

#: values of one sensor that get topics; more have no place but its frames
MOST_FIELDS: Final = 256


class Owner(Protocol):
    """The bridge of a sensor."""

    clock: Clock
    topic: str

    def publish(self, topic: str, value: Any, stamp: Stamp, unit: str | None, stale: bool) -> None: ...

    def value_changed(self, sensor: Sensor, name: str, stale: bool) -> None: ...

    def value_rejected(self, reason: str) -> None: ...


class Sensor:
    """What is read in one turn.

    name: unique on its bridge. topic: of its frames; None, if it has one value and needs no frames. value_topic: gives
    the topic of a value by its place in the frame. fields: what the configuration says of values, by their place.
    unit: gives the unit of a value by its place, or None; what a field says comes first. interval: seconds between
    readings.

    left_out: values that could not be measured the last time, and why. reading: whether it is there, None as long as
    that is not known. told_stale: values of which the operator was told that they are. readings, failures, bad: how
    many so far.
    """

    def __init__(
        self,
        owner: Owner,
        name: str,
        topic: str | None,
        value_topic: Callable[[str], str],
        fields: Mapping[str, Field],
        unit: Callable[[str], str | None],
        interval: float,
    ) -> None:
        self.name = name
        self.topic = topic
        self.turn: Turn | None = None
        self.reading: bool | None = None
        self.error: str | None = None
        self.left_out: dict[str, str] = {}
        self.told_stale: set[str] = set()
        self.readings = 0
        self.failures = 0
        self.bad = 0
        self.last_ts: int | None = None
        self._owner = owner
        self._value_topic = value_topic
        self._fields = fields
        self._unit = unit
        self._interval = interval
        self._known: set[str] = set()
        self._pipelines: list[Pipeline] = []

    def transform(self, frame: dict[str, Any]) -> list[list[tuple[FieldTopic, Any]]]:
        """As `Pipeline.transform`; values that are seen for the first time get their topics."""
        new = [place for place in _places(frame) if place not in self._known]
        if new and len(self._known) < MOST_FIELDS:
            self._meet(new[: MOST_FIELDS - len(self._known)])
            if len(self._known) == MOST_FIELDS:
                self._owner.value_rejected(f"{self.name}: values over {MOST_FIELDS} are in its frames alone")
        return [pipeline.transform(frame) for pipeline in self._pipelines]

    def said(self, frame: dict[str, Any]) -> Any:
        """What is published of a frame that was transformed: itself, or its one value."""
        return frame if self.topic is not None else next(iter(frame.values()))

    def report(self, found: list[list[tuple[FieldTopic, Any]]], stamp: Stamp) -> None:
        """What `transform` found, with the stamp of its frame."""
        for pipeline, values in zip(self._pipelines, found, strict=True):
            pipeline.report(values, stamp)

    def pause(self) -> None:
        """The sensor is away; nothing is repeated."""
        for pipeline in self._pipelines:
            pipeline.pause()

    def stop(self) -> None:
        """Send what waits, and set no timer any more. Idempotent."""
        for pipeline in self._pipelines:
            pipeline.stop()

    def label(self, place: str) -> str:
        """What a value is called in status and log: with the sensor's name, unless the bridge has just this one."""
        return place if self.topic in (None, self._owner.topic) else f"{self.name}.{place}"

    def unseen(self) -> list[str]:
        """Fields of the configuration that no reading had yet."""
        return [place for place in self._fields if place not in self._known]

    def places(self) -> list[str]:
        """The values that readings had."""
        return sorted(self._known)

    def counts(self) -> list[dict[str, Any]]:
        """Those of its pipelines; what is stale has its label."""
        found = [pipeline.counts() for pipeline in self._pipelines]
        return [{**counts, "stale": [self.label(place) for place in counts["stale"]]} for counts in found]

    def facts(self) -> dict[str, Any]:
        """For the status."""
        return {
            "state": {True: "open", False: "away", None: "opening"}[self.reading],
            "readings": self.readings,
            "failures": self.failures,
            "bad": self.bad,
            "last_ts": self.last_ts,
            "error": self.error,
            **({"left_out": self.left_out} if self.left_out else {}),
        }

    def _meet(self, places: list[str]) -> None:
        self._known.update(places)
        fields = {place: with_staleness(self._field(place), self._interval) for place in places}
        topics = {place: fields[place].topic or self._value_topic(place) for place in places}

        def changed(place: str, stale: bool) -> None:
            self._owner.value_changed(self, self.label(place), stale)

        def rejected(reason: str) -> None:
            self._owner.value_rejected(f"{self.name}: {reason}")

        pipeline = Pipeline(topics, fields, self._owner.clock, self._owner.publish, changed, rejected)
        pipeline.begin()
        self._pipelines.append(pipeline)

    def _field(self, place: str) -> Field:
        return with_unit(self._fields.get(place, Field()), self._unit(place))


def _places(frame: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Where a frame has values; those in objects have names with dots."""
    for key, value in frame.items():
        if isinstance(value, dict):
            yield from _places(value, f"{above}{key}.")
        elif value is not None:
            yield f"{above}{key}"
