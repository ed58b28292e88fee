"""The fields of a bridge's frames on their way to their topics: found in the frame, transformed, reported.

Shared by all bridges. All or nothing: a frame with one bad field is bad. A field whose reading is one to `reject` is
null in the frame, and the others are published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridges.clock import Clock
from bridges.config import Field
from bridges.fields import NoReading, Transform
from bridges.gathering import Reading
from bridges.reporting import Reporter
from bridges.stamps import Stamp
from bridges.values import BadValue, shown

#: topic, value, stamp, unit, stale
Publish = Callable[[str, Any, Stamp, "str | None", bool], object]


class FieldTopic:
    """One field.

    name: where it is in a frame; dots go into objects. transform, reporter: what is done with its values.

    seen: whether any frame had it. missing: whether its last reading was one to reject.
    """

    __slots__ = ("_path", "missing", "name", "reporter", "seen", "transform")

    def __init__(self, name: str, transform: Transform, reporter: Reporter) -> None:
        self.name = name
        self.transform = transform
        self.reporter = reporter
        self.seen = False
        self.missing = False
        self._path = name.split(".")

    def place(self, frame: dict[str, Any]) -> tuple[dict[str, Any], str] | None:
        """The object that has the field and its key there; None if the frame does not have it, or has null."""
        if self.name in frame:
            holder: Any = frame
            key = self.name
        else:
            holder, key = frame, self._path[-1]
            for step in self._path[:-1]:
                holder = holder.get(step) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or holder.get(key) is None:
            return None
        return holder, key


class Pipeline:
    """All fields of one bridge.

    topics: field -> its topic. fields: their options. clock: monotonic time. publish: called with topic, value, stamp,
    unit, stale. changed: called when a field became stale or fresh again, with its name. rejected: called with the
    reason why a field has no reading; once, until it has one again.

    no_reading: readings that were rejected.
    """

    def __init__(
        self,
        topics: Mapping[str, str],
        fields: Mapping[str, Field],
        clock: Clock,
        publish: Publish,
        changed: Callable[[str, bool], object],
        rejected: Callable[[str], object],
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._changed = changed
        self._rejected = rejected
        self._fields = [self._field(name, topics[name], field) for name, field in fields.items()]
        self.no_reading = 0

    def _field(self, name: str, topic: str, field: Field) -> FieldTopic:
        def send(reading: Reading) -> None:
            self._publish(topic, reading.value, reading.stamp, field.unit, reading.stale)

        def changed() -> None:
            self._changed(name, found.reporter.stale)

        found = FieldTopic(name, Transform(field), Reporter(field, self._clock, send, changed))
        return found

    def begin(self) -> None:
        """Frames are expected from now on."""
        for field in self._fields:
            field.reporter.begin()

    def pause(self) -> None:
        """The device is away; nothing is repeated."""
        for field in self._fields:
            field.reporter.pause()

    def stop(self) -> None:
        """Send what waits, and set no timer any more. Idempotent."""
        for field in self._fields:
            field.reporter.stop()

    def transform(self, frame: Any) -> list[tuple[FieldTopic, Any]]:
        """Put the fields' values as they are published into the frame. All or none: BadValue for the first bad one."""
        found: list[tuple[FieldTopic, Any]] = []
        if self._fields and not isinstance(frame, dict):
            raise BadValue(f"fields need a frame with names, but it is {shown(frame)}")
        for field in self._fields:
            place = field.place(frame)
            if place is None:
                continue
            holder, key = place
            field.seen = True
            try:
                holder[key] = field.transform(holder[key])
            except BadValue as error:
                raise BadValue(f"{field.name}: {error}") from None
            except NoReading as error:
                holder[key] = None
                self.no_reading += 1
                if not field.missing:
                    field.missing = True
                    self._rejected(f"{field.name}: {error}")
            else:
                field.missing = False
                found.append((field, holder[key]))
        return found

    def report(self, found: list[tuple[FieldTopic, Any]], stamp: Stamp) -> None:
        """What `transform` found, with the stamp of its frame."""
        for field, value in found:
            field.reporter.take(Reading(value, stamp))

    def unseen(self) -> list[str]:
        """Fields that no frame had."""
        return [field.name for field in self._fields if not field.seen]

    def counts(self) -> dict[str, Any]:
        """For the status. superseded: readings replaced by a later one before min_interval was over. bounced: those
        that did not last for debounce. no_reading: those that are rejected. stale: the fields without a reading.
        """
        reporters = [field.reporter for field in self._fields]
        return {
            "superseded": sum(reporter.superseded for reporter in reporters),
            "bounced": sum(reporter.bounced for reporter in reporters),
            "no_reading": self.no_reading,
            "stale": [field.name for field in self._fields if field.reporter.stale],
        }
