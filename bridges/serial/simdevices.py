"""The devices that `sim:` knows on a serial line, in the table at the end; their options are in `simkinds`."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.logger import Logger

from bridges.serial import simkinds
from bridges.serial.checksums import checksum
from bridges.serial.recording import BadRecording, Recording
from bridges.serial.simgps import Receiver
from bridges.serial.simport import Machine
from bridges.serial.simroom import Sensor
from bridges.serial.simscpi import Instrument
from bridges.serial.stuffing import COBS_END, cobs
from bridges.simulated import SimOptions

#: number, hundredths of °C, hundredths of %, Pa: little-endian, without gaps
COBS_LAYOUT: Final = struct.Struct("<IhHI")

#: seconds between the end of a recording and its begin
BETWEEN_ROUNDS: Final = 1.0


class Thermometer(Machine):
    """A room: warmer in the afternoon and drier then."""

    def __init__(self, options: simkinds.Thermometer, random: Random) -> None:
        self._options = options
        self._random = random

    def messages(self) -> Iterator[tuple[float, bytes]]:
        options = self._options
        for number in count():
            warmth = math.sin(2 * math.pi * number * options.period / options.day)
            reading = {
                "temperature": round(options.mean + options.swing * warmth + self._random.gauss(0, 0.03), 2),
                "humidity": round(min(100.0, max(0.0, 50 - 9 * warmth + self._random.gauss(0, 0.2))), 1),
            }
            yield options.period, json.dumps(reading).encode() + b"\r\n"


class Counter(Machine):
    """Numbers without gaps, so that what is lost is seen."""

    def __init__(self, options: simkinds.Counter, _random: Random) -> None:
        self._period = options.period

    def messages(self) -> Iterator[tuple[float, bytes]]:
        for number in count(1):
            yield self._period, b"%d,%.3f\r\n" % (number, number * self._period)


class Echo(Machine):
    """Whatever it hears."""

    def __init__(self, _options: simkinds.Echo, _random: Random) -> None:
        """It needs nothing."""

    def hear(self, data: bytes) -> bytes:
        return data


class Cobs(Machine):
    """COBS_LAYOUT, a CRC-16/IBM-3740 of it with the higher byte first, both in COBS, and a zero."""

    def __init__(self, options: simkinds.Cobs, random: Random) -> None:
        self._period = options.period
        self._random = random
        self._width, self._sum = checksum("crc-16/ibm-3740")

    def messages(self) -> Iterator[tuple[float, bytes]]:
        for number in count():
            warmth = math.sin(number * self._period / 100)
            temperature = 2_100 + round(300 * warmth + self._random.gauss(0, 3))
            pressure = 101_325 + round(self._random.gauss(0, 10))
            body = COBS_LAYOUT.pack(number % 2**32, temperature, 5_000 - round(900 * warmth), pressure)
            sealed = body + self._sum(body).to_bytes(self._width, "big")
            yield self._period, cobs(sealed) + COBS_END


class Replay(Machine):
    """What a device has said to a recorder. What it was told then is passed over, and what it is told now too."""

    log = Logger()

    def __init__(self, options: simkinds.Replay, _random: Random) -> None:
        self._options = options

    def messages(self) -> Iterator[tuple[float, bytes]]:
        try:
            yield from self._records()
        except (OSError, BadRecording) as error:
            self.log.error("the simulated device has no more to say: {error}", error=error)

    def _records(self) -> Iterator[tuple[float, bytes]]:
        options = self._options
        pause, again = 0.0, True
        while again:
            again, before = False, 0.0
            for record in Recording(Path(options.file)).records():
                if record.direction == "<":
                    yield pause + (record.seconds - before) / options.speed, record.data
                    pause, again, before = 0.0, options.loop, record.seconds
            pause = BETWEEN_ROUNDS


MACHINES: Final[dict[type[SimOptions], Callable[[Any, Random], Machine]]] = {
    simkinds.Thermometer: Thermometer,
    simkinds.Room: Sensor,
    simkinds.Gps: Receiver,
    simkinds.Counter: Counter,
    simkinds.Echo: Echo,
    simkinds.Scpi: Instrument,
    simkinds.Cobs: Cobs,
    simkinds.Replay: Replay,
}
