"""A simulated GPS receiver: GGA and RMC of NMEA 0183, from a circle. (NMEA 0183)"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Final

from bridges.serial.checksums import checksum
from bridges.serial.simkinds import Gps
from bridges.serial.simport import Machine

#: a nautical mile is a minute of latitude
METRES_PER_DEGREE: Final = 1_852 * 60.0
METRES_PER_SECOND_OF_A_KNOT: Final = 1_852 / 3_600
#: 2026-01-01 00:00:00 UTC, when it is switched on: the same day each time, so that its lines can be foretold
SWITCHED_ON: Final = 1_767_225_600.0


class Receiver(Machine):
    """One sentence of each kind for each position."""

    def __init__(self, options: Gps, random: Random) -> None:
        self._options = options
        self._random = random
        _, self._sum = checksum("xor")

    def messages(self) -> Iterator[tuple[float, bytes]]:
        for number in count():
            yield self._options.period, self._sentences(number * self._options.period)

    def _sentences(self, seconds: float) -> bytes:
        options = self._options
        turned = seconds * options.speed / options.radius
        lat = options.lat + options.radius * math.cos(turned) / METRES_PER_DEGREE
        lon = options.lon + options.radius * math.sin(turned) / METRES_PER_DEGREE / math.cos(math.radians(lat))
        lon = (lon + 180) % 360 - 180
        where = f"{_angle(lat, 2)},{'NS'[lat < 0]},{_angle(lon, 3)},{'EW'[lon < 0]}"
        moment = time.gmtime(SWITCHED_ON + seconds)
        clock = time.strftime("%H%M%S", moment) + f".{int(seconds * 100) % 100:02d}"
        altitude = 519 + self._random.gauss(0, 0.5)
        course = (math.degrees(turned) + 90) % 360
        knots = options.speed / METRES_PER_SECOND_OF_A_KNOT
        fix = f"GPGGA,{clock},{where},1,09,0.9,{altitude:.1f},M,46.0,M,,"
        minimum = f"GPRMC,{clock},A,{where},{knots:.2f},{course:.1f},{time.strftime('%d%m%y', moment)},,,A"
        return self._line(fix) + self._line(minimum)

    def _line(self, sentence: str) -> bytes:
        body = sentence.encode()
        return b"$%b*%02X\r\n" % (body, self._sum(body))


def _angle(degrees: float, digits: int) -> str:
    """As in NMEA 0183: degrees and minutes in one number, without a sign. digits: of the degrees."""
    minutes = round(abs(degrees) * 60, 4)
    return f"{int(minutes // 60):0{digits}d}{minutes % 60:07.4f}"
