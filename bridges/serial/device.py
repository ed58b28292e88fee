"""An open serial device: claimed for us alone, set up as configured, and its output bounded.

Twisted's SerialPort does the reading and writing, pyserial the settings. (termios(3), tty_ioctl(4), flock(2))
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections import deque
from functools import partial
from typing import Any, Final, Protocol

import serial
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.serialport import SerialPort
from twisted.python.failure import Failure

from bridges.serial.modem import set_modem_lines
from bridges.serial.place import DeviceError
from bridges.serial.portconfig import PortConfig
from bridges.serial.reasons import OPEN_ERRORS

#: seconds that closing may take
PATIENCE: Final = 0.5
#: with start, parity and two stop bits
BITS_PER_CHARACTER: Final = 12

_PARITIES: Final = {
    "none": serial.PARITY_NONE,
    "even": serial.PARITY_EVEN,
    "odd": serial.PARITY_ODD,
    "mark": serial.PARITY_MARK,
    "space": serial.PARITY_SPACE,
}
#: linux/major.h: the slave ends of Unix98 pseudo-terminals, which have no line to set up
_PTY_MAJORS: Final = range(136, 144)
#: what a driver that cannot do it silently takes back, as the Raspberry Pi's mini-UART does (8250, UART_CAP_MINI)
_FORM: Final = termios.PARENB | termios.PARODD | termios.CSTOPB | termios.CSIZE


class QueueFull(DeviceError):
    """The device takes bytes more slowly than they come."""


class DeviceAway(DeviceError):
    """There is no open device."""


class Abandoned(Exception):
    """We closed it. The text is why."""


class Owner(Protocol):
    """Who uses a device."""

    def received(self, data: bytes) -> None: ...

    def lost(self, reason: str) -> None: ...


class Device(SerialPort):
    """An open device. Opening happens in the constructor.

    path: of it. config: its settings. reactor: IReactorFDSet. owner: gets the bytes, and the news of the loss.

    unsent: bytes that were taken but not handed to the kernel. Raises OPEN_ERRORS and DeviceError.
    """

    def __init__(self, path: str, config: PortConfig, reactor: Any, owner: Owner) -> None:
        self._serialFactory = partial(_opened, config)  # type: ignore[assignment]
        self.unsent = 0
        self._config = config
        self._taken = 0
        self._handed = 0
        self._waiting: deque[tuple[int, Deferred[None]]] = deque()
        super().__init__(
            _Reader(owner),
            path,
            reactor,
            baudrate=config.baudrate,
            bytesize=config.bytesize,
            parity=_PARITIES[config.parity],
            stopbits=config.stopbits,
            xonxoff=config.flow_control == "xonxoff",
            rtscts=config.flow_control == "rtscts",
        )
        try:
            claim(self.fileno(), config)
        except (*OPEN_ERRORS, DeviceError):
            self.stopReading()
            self._serial.close()
            raise

    def submit(self, data: bytes) -> Deferred[None]:
        """Write. The result fires when the kernel has taken the bytes, and fails with DeviceAway if that is too late.

        data: what to send. Raises QueueFull.
        """
        limit = self._config.write_queue
        if self.unsent + len(data) > limit:
            raise QueueFull(f"{self.unsent} bytes wait for the device; the limit is {limit} (write_queue)")
        self.unsent += len(data)
        self._taken += len(data)
        done: Deferred[None] = Deferred()
        self._waiting.append((self._taken, done))
        self.write(data)
        return done

    def writeSomeData(self, data: bytes) -> int | BaseException:
        written: int | BaseException = super().writeSomeData(data)
        if isinstance(written, int):
            self.unsent -= written
            self._handed += written
            while self._waiting and self._waiting[0][0] <= self._handed:
                self._waiting.popleft()[1].callback(None)
        return written

    def close(self) -> None:
        """Close at once: what can be sent within PATIENCE is sent, the rest is given up. Idempotent."""
        if not self.connected:
            return
        if self.unsent:
            self.doWrite()
        try:
            self._give_up_what_blocks()
        except OPEN_ERRORS:
            pass  # a device that is just being unplugged holds nobody up
        self.connectionLost(Failure(Abandoned("closed")))

    def abandon(self) -> None:
        """What was written and has not left is not to be sent any more: a command must not be done minutes later.

        That is only so if the device says wait. What the kernel has not taken yet cannot be taken back but by closing.
        """
        if self._config.flow_control == "none":
            return
        try:
            termios.tcflush(self.fileno(), termios.TCOFLUSH)
        except OPEN_ERRORS:
            return  # it is just being unplugged, and what it held is gone with it
        if self.unsent:
            self.connectionLost(Failure(Abandoned("it takes no bytes (flow_control)")))

    def _give_up_what_blocks(self) -> None:
        """close(2) waits until the line has taken what the kernel holds, up to 30 s, and the whole node with it."""
        held: int = struct.unpack("i", fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        slow = held * BITS_PER_CHARACTER / self._config.baudrate > PATIENCE
        if slow or (held and self._config.flow_control != "none"):
            termios.tcflush(self.fileno(), termios.TCOFLUSH)
            self.unsent += held

    def connectionLost(self, reason: Failure) -> None:
        waiting, self._waiting = self._waiting, deque()
        super().connectionLost(reason)
        for _, done in waiting:
            done.errback(DeviceAway("the device went away before the line was sent"))


def _opened(config: PortConfig, path: str, **settings: Any) -> serial.Serial:
    """What Twisted makes its transport of; the levels of the modem lines have to be known before it is opened."""
    line = serial.Serial(exclusive=True, **settings)
    line.dtr = config.dtr
    line.rts = config.rts if config.rs485 is None else config.rs485.rts_after_send  # silent until the kernel switches
    line.port = path
    line.open()
    return line


class _Reader(StreamProtocol):
    """Between Twisted's transport and the owner."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def dataReceived(self, data: bytes) -> None:
        self._owner.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        ours = reason.check(Abandoned) is not None
        self._owner.lost(reason.getErrorMessage() if ours else "it was unplugged or hung up")


def claim(fd: int, config: PortConfig) -> None:
    """Keep others out, and see that the driver took the settings. A pseudo-terminal has neither need.

    fd: the open device. Raises DeviceError for a setting that the hardware does not have.
    """
    if os.major(os.fstat(fd).st_rdev) in _PTY_MAJORS:
        return
    fcntl.ioctl(fd, termios.TIOCEXCL)
    check_form(termios.tcgetattr(fd)[2], config)
    set_modem_lines(fd, config)


def check_form(cflag: int, config: PortConfig) -> None:
    """Compare what the driver made of a character's form with what was asked for.

    cflag: `c_cflag` as read back. Raises DeviceError.
    """
    asked = getattr(termios, f"CS{config.bytesize}")
    asked |= termios.PARENB if config.parity != "none" else 0
    asked |= termios.PARODD if config.parity in ("odd", "mark") else 0
    asked |= termios.CSTOPB if config.stopbits == 2 else 0
    if cflag & _FORM != asked:
        raise DeviceError(
            f"it cannot do bytesize {config.bytesize}, parity {config.parity}, stopbits {config.stopbits}; "
            "the mini-UART of a Raspberry Pi has no parity, its PL011 (/dev/ttyAMA0) has"
        )
