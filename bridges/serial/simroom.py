"""A simulated sensor of many things, as `edge-router demo` shows it: a room with weather outside, a lamp, and a little
command language.

It says one JSON line a reading, such as `{"temperature": 21.37, "humidity": 48.2, "light": 512, "led": false}`, and
answers each command with `{"answer": "led on", "ok": true}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from bridges.serial.simkinds import Room
from bridges.serial.simport import Machine

LED_LUX: Final = 60.0
#: readings a second
SLOWEST, FASTEST = 0.1, 20.0
#: bytes; a longer line is dropped
LONGEST_LINE: Final = 1_024


class CommandError(Exception):
    """A command that the sensor does not understand; the text says what would be right."""


class Noise:
    """A value that wanders around 0, as clouds and draughts make it.

    random: its source. size: the usual distance from 0. pull: from 0 (wanders for ever) to 1 (white noise).
    """

    def __init__(self, random: Random, size: float, pull: float) -> None:
        self._random = random
        self._step = size * math.sqrt(1 - (1 - pull) ** 2)
        self._keep = 1 - pull
        self._value = 0.0

    def next(self) -> float:
        """The next value."""
        self._value = self._keep * self._value + self._random.gauss(0, self._step)
        return self._value


class Sensor(Machine):
    """The device behind the line. It begins at nine in the morning, whenever it gets power.

    period: seconds between two readings; `rate` changes it.
    """

    def __init__(self, options: Room, random: Random) -> None:
        self._random = random
        self._day = options.day
        self._clouds = Noise(random, 0.15, 0.01)
        self._draught = Noise(random, 0.25, 0.03)
        self._damp = Noise(random, 1.5, 0.03)
        self._led = False
        self._heard = b""
        self.period = options.period
        self._commands: dict[str, Callable[[str], None]] = {"led": self._set_led, "rate": self._set_rate}

    def messages(self) -> Iterator[tuple[float, bytes]]:
        seconds = 0.0
        while True:
            yield self.period, self.reading(seconds)
            seconds += self.period

    def hear(self, data: bytes) -> bytes:
        *lines, self._heard = (self._heard + data).split(b"\n")
        if len(self._heard) > LONGEST_LINE:
            self._heard = b""
        return b"".join(self.command(line) for line in lines if line.strip())

    def reading(self, seconds: float) -> bytes:
        """The line for this moment. seconds: since the start."""
        sun = math.sin(2 * math.pi * (seconds / self._day + 9 / 24 - 6 / 24))
        warmth = math.sin(2 * math.pi * (seconds / self._day + 9 / 24 - 9 / 24))  # the room lags behind the sun
        daylight = 900 * max(0.0, sun) ** 0.8 * max(0.2, 1 - abs(self._clouds.next()) * 2)
        temperature = 21.5 + 3.2 * warmth + self._draught.next() + self._random.gauss(0, 0.02)
        humidity = 50 - 9 * warmth + self._damp.next() + self._random.gauss(0, 0.1)
        light = 2 + daylight + LED_LUX * self._led + self._random.gauss(0, 0.8)
        values = {
            "temperature": round(temperature, 2),
            "humidity": round(min(100.0, max(0.0, humidity)), 1),
            "light": max(0, round(light)),
            "led": self._led,
        }
        return json.dumps(values).encode() + b"\n"

    def command(self, line: bytes) -> bytes:
        """Obey a line. Result: the answer, a line too."""
        text = line.decode("utf-8", "replace").strip()[:80]
        name, _, argument = text.partition(" ")
        answer: dict[str, object] = {"answer": text, "ok": True}
        try:
            if name not in self._commands:
                raise CommandError(f"no command {name!r}; there are: led on|off, rate HZ")
            self._commands[name](argument.strip())
        except CommandError as error:
            answer.update(ok=False, error=str(error))
        return json.dumps(answer).encode() + b"\n"

    def _set_led(self, argument: str) -> None:
        states = {"on": True, "off": False}
        if argument not in states:
            raise CommandError("led on, or led off")
        self._led = states[argument]

    def _set_rate(self, argument: str) -> None:
        self.period = 1 / self._number(argument, SLOWEST, FASTEST, "rate HZ")

    @staticmethod
    def _number(argument: str, low: float, high: float, usage: str) -> float:
        try:
            value = float(argument)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise CommandError(f"{usage}, from {low:g} to {high:g}")
        return value
