"""Serial devices for commands: their settings as options, and opening them, without Twisted."""

from __future__ import annotations

import argparse
import errno
from typing import Any, Final, NamedTuple

import serial

from bridges.serial.reasons import OPEN_ERRORS, error_number, explain

PARITIES: Final = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
BAUDRATE: Final = 9_600

#: what `edge-router devices` would tell
_HINTS: Final[dict[int | None, str]] = {
    errno.ENOENT: "which are",
    errno.EAGAIN: "who",
    errno.EBUSY: "who",
}


class CannotOpen(Exception):
    """A device cannot be opened; says which, why, and what would help."""


class LineSettings(NamedTuple):
    """How a line is set up, in the words of the configuration."""

    baudrate: int = BAUDRATE
    bytesize: int = 8
    parity: str = "none"
    stopbits: int = 1
    flow_control: str = "none"


def add_line_options(parser: argparse.ArgumentParser) -> None:
    """--baudrate and its fellows; what is left out is None."""
    line = parser.add_argument_group("settings of the line")
    line.add_argument("--baudrate", type=int, metavar="N", help=f"bits per second (default: {BAUDRATE})")
    line.add_argument("--bytesize", type=int, choices=(5, 6, 7, 8), help="bits of a character (default: 8)")
    line.add_argument("--parity", choices=PARITIES, help="the check bit of a character (default: none)")
    line.add_argument("--stopbits", type=int, choices=(1, 2), help="bits after a character (default: 1)")
    line.add_argument("--flow-control", choices=("none", "rtscts", "xonxoff"), help="how it says wait (default: none)")


def settings_of(given: Any, default: LineSettings | None = None) -> LineSettings:
    """The settings that options or a section of the configuration give; what they leave out is as in `default`."""
    found = {name: getattr(given, name, None) for name in LineSettings._fields}
    return (default or LineSettings())._replace(**{name: value for name, value in found.items() if value is not None})


def open_line(path: str, settings: LineSettings) -> serial.Serial:
    """Open a device for us alone. Reading from its descriptor does not block. Raises CannotOpen."""
    try:
        return serial.Serial(
            path,
            settings.baudrate,
            bytesize=settings.bytesize,
            parity=PARITIES[settings.parity],
            stopbits=settings.stopbits,
            rtscts=settings.flow_control == "rtscts",
            xonxoff=settings.flow_control == "xonxoff",
            timeout=0,
            exclusive=True,
        )
    except OPEN_ERRORS as error:
        hint = _HINTS.get(error_number(error))
        more = f"; `edge-router devices` shows {hint}" if hint else ""
        raise CannotOpen(f"{path}: {explain(error, path)}{more}") from None
