"""Which devices `device: sim:KIND` of a serial bridge can be, and what each can be told. No Twisted here.

How they behave is in `bridges.serial.simdevices`; the options that all have are those of `SimOptions`.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bridges.simulated import SimOptions

#: seconds
Period = Annotated[float, Meta(ge=0.001, le=86_400)]
Degrees = Annotated[float, Meta(ge=-273, le=2_000)]


class Thermometer(SimOptions, frozen=True):
    """Lines of JSON, as {"temperature": 21.37, "humidity": 48.2}.

    period: seconds between two lines. mean: °C. swing: °C by which a day is warmer and colder. day: seconds of one.
    """

    period: Period = 1.0
    mean: Degrees = 21.0
    swing: Degrees = 3.0
    day: Annotated[float, Meta(ge=1, le=86_400)] = 600.0


class Room(SimOptions, frozen=True):
    """Lines of JSON with temperature, humidity, light and led. It obeys `led on|off` and `rate HZ`.

    period: seconds between two lines. day: seconds that a day lasts; two minutes show all of it.
    """

    period: Annotated[float, Meta(ge=0.05, le=10)] = 0.25
    day: Annotated[float, Meta(ge=1, le=86_400)] = 120.0


class Gps(SimOptions, frozen=True):
    """A receiver that speaks NMEA 0183, GGA and RMC, and is carried around in a circle.

    period: seconds between two positions. lat, lon: degrees of the circle's middle. radius: metres. speed: metres per
    second.
    """

    period: Period = 1.0
    lat: Annotated[float, Meta(ge=-89, le=89)] = 48.1372
    lon: Annotated[float, Meta(ge=-180, le=180)] = 11.5755
    radius: Annotated[float, Meta(ge=1, le=100_000)] = 200.0
    speed: Annotated[float, Meta(ge=0, le=1_000)] = 5.0


class Counter(SimOptions, frozen=True):
    """Lines of CSV: a number that goes up by one, and the seconds since the device has power.

    period: seconds between two lines.
    """

    period: Period = 1.0


class Echo(SimOptions, frozen=True):
    """Says nothing by itself, and sends back every byte it gets."""


class Scpi(SimOptions, frozen=True):
    """An instrument: a power supply with a multimeter, in the language of SCPI.

    noise: volts by which what is measured is off.
    """

    noise: Annotated[float, Meta(ge=0, le=10)] = 0.002


class Cobs(SimOptions, frozen=True):
    """Binary frames in COBS with a CRC-16/IBM-3740, of which docs/bridges/simulators.md has the layout.

    period: seconds between two frames.
    """

    period: Period = 1.0


class Replay(SimOptions, frozen=True):
    """What `edge-router record` has written, with its timing.

    file: its whole path. speed: 2 is twice as fast. loop: whether it begins anew at its end.
    """

    file: Annotated[str, Meta(pattern="^/", max_length=4_095)]
    speed: Annotated[float, Meta(ge=0.01, le=1_000)] = 1.0
    loop: bool = True


SIM_KINDS: Final[dict[str, type[SimOptions]]] = {
    "thermometer": Thermometer,
    "room": Room,
    "gps": Gps,
    "counter": Counter,
    "echo": Echo,
    "scpi": Scpi,
    "cobs": Cobs,
    "replay": Replay,
}
