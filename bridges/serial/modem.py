"""What Linux does with a device's DTR and RTS: when it is closed, and for an RS-485 transceiver.

(termios(3), linux/serial.h, Documentation/driver-api/serial/serial-rs485.rst)
"""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import Final

from bridges.serial.lines import Rs485
from bridges.serial.place import DeviceError
from bridges.serial.portconfig import PortConfig

#: asm-generic/ioctls.h
TIOCGRS485: Final = 0x542E
TIOCSRS485: Final = 0x542F
#: linux/serial.h: struct serial_rs485 begins with flags and the two delays
ENABLED: Final = 1 << 0
RTS_ON_SEND: Final = 1 << 1
RTS_AFTER_SEND: Final = 1 << 2
RX_DURING_TX: Final = 1 << 4
_RS485: Final = struct.Struct("=III20x")
_CFLAG: Final = 2


def set_modem_lines(fd: int, line: PortConfig) -> None:
    """Set what is configured of an open device. Raises OSError, termios.error, and DeviceError with the reason."""
    if line.hupcl != "keep":
        _set_hupcl(fd, bool(line.hupcl))
    if line.rs485 is not None:
        _set_rs485(fd, line.rs485)


def _set_hupcl(fd: int, hang_up: bool) -> None:
    """The device keeps it until it is unplugged, whoever opens it."""
    attributes = termios.tcgetattr(fd)
    attributes[_CFLAG] = attributes[_CFLAG] & ~termios.HUPCL | (termios.HUPCL if hang_up else 0)
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _set_rs485(fd: int, mode: Rs485) -> None:
    """Read back what came of it: drivers take away silently what their hardware does not have."""
    wanted = ENABLED
    wanted |= RTS_ON_SEND if mode.rts_on_send else 0
    wanted |= RTS_AFTER_SEND if mode.rts_after_send else 0
    wanted |= RX_DURING_TX if mode.rx_during_tx else 0
    asked = _RS485.pack(wanted, mode.delay_before_send, mode.delay_after_send)
    try:
        fcntl.ioctl(fd, TIOCSRS485, asked)
        got: tuple[int, int, int] = _RS485.unpack(fcntl.ioctl(fd, TIOCGRS485, bytes(_RS485.size)))
    except OSError as error:
        raise DeviceError(
            f"its driver has no RS-485 mode ({error.strerror}); USB adapters for RS-485 switch by themselves and need "
            "no rs485"
        ) from None
    mask = ENABLED | RTS_ON_SEND | RTS_AFTER_SEND | RX_DURING_TX
    if got[0] & mask != wanted or got[1:] != (mode.delay_before_send, mode.delay_after_send):
        raise DeviceError(
            f"its driver does not do this RS-485 mode: of flags {wanted:#x} and delays of {mode.delay_before_send} and "
            f"{mode.delay_after_send} ms it made {got[0] & mask:#x}, {got[1]} and {got[2]} ms"
        )
