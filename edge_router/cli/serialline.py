"""Serial devices for commands: their settings as options, and opening them, without Twisted."""

from __future__ import annotations

import argparse
import errno
import termios
from typing import Any, Final, NamedTuple

import serial

from edge_router.cli.words import in_words

PARITIES: Final = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
BAUDRATE: Final = 9_600

_REASONS: Final[dict[int | None, str]] = {
    errno.ENOENT: "it is not there; `edge-router devices` shows which are",
    errno.ENODEV: "it is not there",
    errno.ENXIO: "it is not there",
    errno.EIO: "it is not there",
    errno.EAGAIN: "another program has locked it; a running node, perhaps: `edge-router devices` shows who",
    errno.EBUSY: "another program has it open: `edge-router devices` shows who",
    errno.EISDIR: "it is a directory, no serial device",
    errno.EACCES: "permission denied; `edge-router devices` says how to get it",
    errno.EPERM: "permission denied; `edge-router devices` says how to get it",
    errno.EINVAL: "it does not take these settings (baudrate, bytesize, parity, stopbits)",
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
    except (OSError, ValueError, termios.error) as error:
        raise CannotOpen(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
    if isinstance(error, serial.SerialException) and "Could not configure" in str(error):
        return "it is no serial device"
    return _REASONS.get(number) or in_words(error)
