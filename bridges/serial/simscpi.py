"""A simulated instrument: a power supply that measures what it gives, in SCPI. (SCPI-99; IEEE 488.2)

Headers may be long or short, in capitals or not; several commands may stand in a line, between semicolons. Errors wait
in a queue until `SYSTem:ERRor?` asks for them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final

from bridges.serial.simkinds import Scpi
from bridges.serial.simport import Machine

IDENTITY: Final = "edge-router,Simulated supply,0,1.0"
#: volts, amperes
HIGHEST: Final = {"voltage": 30.0, "current": 3.0}
#: ohms that are connected to it
LOAD: Final = 20.0
#: bytes; what comes without the end of a line is dropped then
LONGEST_LINE: Final = 1_024
#: errors that wait (SCPI-99, 21.8: when it is full, the last is "Queue overflow")
MOST_ERRORS: Final = 10

UNDEFINED_HEADER: Final = (-113, "Undefined header")
BAD_PARAMETER: Final = (-104, "Data type error")
MISSING_PARAMETER: Final = (-109, "Missing parameter")
OUT_OF_RANGE: Final = (-222, "Data out of range")
QUEUE_OVERFLOW: Final = (-350, "Queue overflow")


class Refused(Exception):
    """A command that cannot be done."""

    def __init__(self, error: tuple[int, str]) -> None:
        super().__init__(error[1])
        self.error = error


class Instrument(Machine):
    """Off, and set to 5 V and 1 A, until it is told otherwise."""

    def __init__(self, options: Scpi, random: Random) -> None:
        self._noise = options.noise
        self._random = random
        self._heard = b""
        self._errors: deque[tuple[int, str]] = deque()
        self._set: dict[str, float] = {}
        self._on = False
        self._reset()
        self._commands = [(_pattern(header), command) for header, command in self._table().items()]

    def hear(self, data: bytes) -> bytes:
        *lines, self._heard = (self._heard + data).split(b"\n")
        if len(self._heard) > LONGEST_LINE:
            self._heard = b""
        return b"".join(map(self._line, lines))

    def _table(self) -> dict[str, Callable[[str], str | None]]:
        """Header -> what it does with its parameter; the answer of a question."""
        return {
            "*IDN?": lambda _: IDENTITY,
            "*RST": lambda _: self._reset(),
            "*CLS": lambda _: self._errors.clear(),
            "*OPC?": lambda _: "1",
            "SYSTem:ERRor[:NEXT]?": lambda _: self._next_error(),
            "[SOURce:]VOLTage": lambda parameter: self._change("voltage", parameter),
            "[SOURce:]VOLTage?": lambda _: f"{self._set['voltage']:.3f}",
            "[SOURce:]CURRent": lambda parameter: self._change("current", parameter),
            "[SOURce:]CURRent?": lambda _: f"{self._set['current']:.3f}",
            "OUTPut[:STATe]": self._switch,
            "OUTPut[:STATe]?": lambda _: str(int(self._on)),
            "MEASure:VOLTage[:DC]?": lambda _: f"{self._volts():.4f}",
            "MEASure:CURRent[:DC]?": lambda _: f"{self._volts() / LOAD:.4f}",
        }

    def _line(self, line: bytes) -> bytes:
        """IEEE 488.2: answers to one line are one line."""
        commands = [command.strip(" \r:") for command in line.decode("latin-1").split(";")]
        answers = [answer for answer in map(self._obey, filter(None, commands)) if answer is not None]
        return (";".join(answers) + "\n").encode() if answers else b""

    def _obey(self, command: str) -> str | None:
        header, _, parameter = command.partition(" ")
        try:
            for pattern, does in self._commands:
                if pattern.fullmatch(header):
                    return does(parameter.strip())
            raise Refused(UNDEFINED_HEADER)
        except Refused as refused:
            if len(self._errors) < MOST_ERRORS:
                self._errors.append(refused.error)
            else:
                self._errors[-1] = QUEUE_OVERFLOW
            return None

    def _reset(self) -> None:
        self._set = {"voltage": 5.0, "current": 1.0}
        self._on = False

    def _next_error(self) -> str:
        number, text = self._errors.popleft() if self._errors else (0, "No error")
        return f'{number},"{text}"'

    def _change(self, what: str, parameter: str) -> None:
        if not parameter:
            raise Refused(MISSING_PARAMETER)
        try:
            value = float(parameter)
        except ValueError:
            raise Refused(BAD_PARAMETER) from None
        if not 0 <= value <= HIGHEST[what]:
            raise Refused(OUT_OF_RANGE)
        self._set[what] = value

    def _switch(self, parameter: str) -> None:
        states = {"ON": True, "1": True, "OFF": False, "0": False}
        if parameter.upper() not in states:
            raise Refused(BAD_PARAMETER if parameter else MISSING_PARAMETER)
        self._on = states[parameter.upper()]

    def _volts(self) -> float:
        given = min(self._set["voltage"], self._set["current"] * LOAD) if self._on else 0.0
        return given + self._random.gauss(0, self._noise)


def _pattern(header: str) -> re.Pattern[str]:
    """`MEASure[:DC]?` -> what matches `meas?`, `MEASURE:DC?`: the small letters together may be left out (SCPI-99)."""
    pattern = re.sub(r"([a-z]+)", lambda found: f"(?:{found[1]})?", header.replace("?", r"\?").replace("*", r"\*"))
    return re.compile(pattern.replace("[", "(?:").replace("]", ")?"), re.IGNORECASE)
