"""A sensor whose readings have ever more values: the topics are bounded, which is told once."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from bridges.polled.sensor import MOST_FIELDS, Sensor
from bridges.stamps import Stamp


class Owner:
    """Keeps what was published and told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.topic = "x"
        self.topics: list[str] = []
        self.told: list[str] = []

    def publish(self, topic: str, value: Any, stamp: Stamp, unit: str | None, stale: bool) -> None:
        self.topics.append(topic)

    def value_changed(self, sensor: Sensor, name: str, stale: bool) -> None: ...

    def value_rejected(self, reason: str) -> None:
        self.told.append(reason)


def test_no_more_topics_than_the_bound() -> None:
    owner = Owner()
    sensor = Sensor(owner, "s", "x.s", "x.s.{}".format, {}, lambda _: None, 10)
    for count in (200, 300, 400):
        frame = {str(number): number for number in range(count)}
        sensor.report(sensor.transform(frame), Stamp(1, 2, "synced"))
    assert len(set(owner.topics)) == MOST_FIELDS
    assert len(owner.topics) == 200 + 2 * MOST_FIELDS
    assert owner.told == ["s: values over 256 are in its frames alone"]
    sensor.stop()
