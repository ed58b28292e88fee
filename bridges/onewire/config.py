"""What a 1-wire bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bridges.config import Field, Step, field_topics
from bridges.polled.config import Name, PolledConfig, check_names
from bridges.simulated import SimOptions, is_simulated, parse

#: The family of a thermometer (DS18S20, DS1822, DS18B20, DS1825, DS28EA00) and its number, as the kernel writes them.
ID_PATTERN: Final = "^(10|22|28|3b|42)-[0-9a-f]{12}$"
SensorId = Annotated[
    str, Meta(pattern=ID_PATTERN, extra={"words": "the id of a thermometer as in /sys/bus/w1/devices, 28-0316a2795c1e"})
]
Bus = Annotated[
    str,
    Meta(
        pattern="^(/|sim:)",
        max_length=4_095,
        extra={"words": "a directory, as /sys/bus/w1/devices, or sim:thermometers"},
    ),
]

#: °C that mean "no reading": what a DS18B20 says before it has measured (datasheet 19-7487, "Temperature Register",
#: note on the power-on reset value), and what programs say for one that is not there
NO_READING: Final = [85.0, -127.0]


class ThermometerOptions(SimOptions, kw_only=True, frozen=True):
    """count: thermometers on the bus besides those that the configuration lists."""

    count: Annotated[int, Meta(ge=0, le=100)] = 2


SIMULATORS: Final[dict[str, type[SimOptions]]] = {"thermometers": ThermometerOptions, "": ThermometerOptions}


class Thermometer(Field, kw_only=True):
    """A thermometer that is known by its id. `reject` is [85, -127] unless something else is given.

    name: what it measures; its topic is the bridge's topic, a dot and this. Left out, its id.
    """

    name: Name | None = None
    unit: str | None = "°C"

    def with_rejects(self) -> Thermometer:
        """The same with what is rejected if nothing is said of it; it comes before the steps where there are some."""
        if self.steps is not None:
            if any(step.reject is not None for step in self.steps):
                return self
            return msgspec.structs.replace(self, steps=[Step(reject=[*NO_READING]), *self.steps])
        return self if self.reject is not None else msgspec.structs.replace(self, reject=[*NO_READING])


class OneWireConfig(PolledConfig, tag="onewire", kw_only=True):
    """Thermometers on a 1-wire bus, such as DS18B20: one topic each, °C.

    bus: where the kernel shows its devices; `sim:thermometers` simulates some. scan: seconds between looks at which
    thermometers are there. sensors: id -> its name and the options of its values. others: whether thermometers that are
    not listed are published, too, by their ids. max_sensors: thermometers; more are not read, which is told.
    """

    bus: Bus = "/sys/bus/w1/devices"
    scan: Annotated[float, Meta(ge=1, le=86_400)] = 10.0
    sensors: Annotated[dict[SensorId, Thermometer], Meta(max_length=200)] = {}
    others: bool = True
    max_sensors: Annotated[int, Meta(ge=1, le=200)] = 64

    def __post_init__(self) -> None:
        """Raises ValueError for names that are there twice, and a bridge that reads nothing."""
        check_names([self.name_of(sensor) for sensor in self.sensors], "sensor")
        field_topics(self.base_topic, {self.name_of(sensor): field for sensor, field in self.sensors.items()})
        if not self.sensors and not self.others:
            raise ValueError("nothing is read: list thermometers as sensors, or leave others at true")
        if len(self.sensors) > self.max_sensors:
            raise ValueError(f"{len(self.sensors)} sensors are listed, but max_sensors is {self.max_sensors}")
        if is_simulated(self.bus):
            parse(self.bus, SIMULATORS)

    def name_of(self, sensor: str) -> str:
        """The name of a thermometer. sensor: its id."""
        field = self.sensors.get(sensor)
        return sensor if field is None or field.name is None else field.name
