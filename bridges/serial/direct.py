"""A serial device opened without a reactor, for commands that ask it something and are done. No Twisted here."""

from __future__ import annotations

from contextlib import suppress

import serial

from bridges.serial.place import DeviceError, place_of
from bridges.serial.portconfig import PortConfig
from bridges.serial.reasons import OPEN_ERRORS

#: seconds that a read waits for bytes, and a write for room
READ_WAIT = 0.02
WRITE_WAIT = 2.0


class DirectLine:
    """An open device.

    config: which, and its settings. Raises DeviceError if it cannot be opened, with why.
    """

    def __init__(self, config: PortConfig) -> None:
        self._line = serial.Serial(
            baudrate=config.baudrate,
            bytesize=config.bytesize,
            parity=config.parity[0].upper(),
            stopbits=config.stopbits,
            xonxoff=config.flow_control == "xonxoff",
            rtscts=config.flow_control == "rtscts",
            exclusive=True,
            timeout=READ_WAIT,
            write_timeout=WRITE_WAIT,
        )
        self._line.dtr = config.dtr
        self._line.rts = config.rts
        self._line.port = place_of(config).find()
        try:
            self._line.open()
        except OPEN_ERRORS as error:
            raise DeviceError(str(error)) from None

    def read(self) -> bytes:
        """What has come; nothing after a moment. Raises DeviceError if the device is gone."""
        try:
            return bytes(self._line.read(max(self._line.in_waiting, 1)))
        except OSError as error:
            raise DeviceError(str(error)) from None

    def write(self, data: bytes) -> None:
        """Send bytes. Raises DeviceError if it is gone, or does not take them."""
        try:
            self._line.write(data)
        except OSError as error:
            raise DeviceError(str(error)) from None

    def close(self) -> None:
        """When everything is sent. Idempotent."""
        if self._line.is_open:
            with suppress(*OPEN_ERRORS):  # it is gone
                self._line.flush()
            self._line.close()
