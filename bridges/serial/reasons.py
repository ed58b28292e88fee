"""Why a serial device cannot be opened, in words for the operator. No Twisted here: commands need them, too."""

from __future__ import annotations

import errno
import grp
import stat
import termios
from pathlib import Path
from typing import Final

import serial

from bridges.serial.place import GONE

#: What opening may raise. pyserial lets termios.error through, which is no OSError.
OPEN_ERRORS: Final = (OSError, ValueError, termios.error)


def error_number(error: Exception) -> int | None:
    """Of the kernel; None if it has none. error: one of OPEN_ERRORS."""
    number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
    return number if isinstance(number, int) else None


def explain(error: Exception, path: str) -> str:
    """Why a device could not be opened, and what would help.

    error: one of OPEN_ERRORS or a DeviceError. path: of the device.
    """
    number = error_number(error)
    if number in (errno.EACCES, errno.EPERM):
        return _not_permitted(path)
    if isinstance(error, serial.SerialException) and "Could not configure" in str(error):
        return "it is no serial device"
    return _REASONS.get(number, str(error))


def _not_permitted(path: str) -> str:
    try:
        status = Path(path).stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "permission denied"
    return (
        f"permission denied: it has mode {stat.S_IMODE(status.st_mode):04o} and belongs to group {group}; "
        f"the user of the router has to be in that group (usermod -aG {group} USER)"
    )


_REASONS: Final[dict[int | None, str]] = {
    errno.ENOENT: GONE,
    errno.ENODEV: GONE,
    errno.ENXIO: GONE,
    errno.EIO: GONE,
    errno.EAGAIN: "another program has locked it",
    errno.EBUSY: "another program has it open",
    errno.EISDIR: "it is a directory, no serial device",
    errno.EINVAL: "it does not take these settings (baudrate, bytesize, parity, stopbits)",
}
