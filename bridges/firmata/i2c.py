"""Registers of devices on a board's I2C pins: asked for every so often, in turn, and told when none comes.

(Firmata, i2c.md)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.clock import Clock, Delayed
from bridges.firmata import protocol
from bridges.firmata.config import FirmataConfig, FirmataI2c
from bridges.modbus.formats import WORD, decode, registers_of
from bridges.values import BadValue, shown


def size_of(options: FirmataI2c) -> int:
    """Bytes of a value."""
    return 1 if options.format in ("int8", "uint8") else registers_of(options.format, 1) * WORD


def value_of(options: FirmataI2c, data: bytes) -> Any:
    """The value in the bytes of a register. Raises BadValue for fewer or more than asked for."""
    size = size_of(options)
    if len(data) != size:
        raise BadValue(f"{size} bytes were asked for, but {shown(data)} came")
    if size == 1:  # it has no order
        return decode(options.format, "ABCD", data.rjust(WORD, b"\0"))
    return decode(options.format, options.order, data)


class Registers:
    """Those of one board.

    config: its section. clock: monotonic time. send: takes bytes for it. read: takes a name and a value. failed: takes
    a name and why it could not be read; once, until it can again.
    """

    def __init__(
        self,
        config: FirmataConfig,
        clock: Clock,
        send: Callable[[bytes], object],
        read: Callable[[str, Any], object],
        failed: Callable[[str, str], object],
    ) -> None:
        self._config = config
        self._clock = clock
        self._send = send
        self._read = read
        self._failed = failed
        self._timers: dict[str, Delayed] = {}
        self._asked: set[str] = set()
        self._silent: set[str] = set()

    def start(self) -> None:
        """The board is ready."""
        if self._config.i2c:
            self._send(protocol.i2c_config(self._config.i2c_delay))
        for name in self._config.i2c:
            self._ask(name)

    def stop(self) -> None:
        """The board is gone. Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._asked.clear()
        self._silent.clear()

    def replied(self, address: int, register: int, data: bytes) -> None:
        """A register came."""
        for name, options in self._config.i2c.items():
            if name in self._asked and options.address == address and options.register in (None, register):
                self._asked.discard(name)
                self._take(name, options, data)

    def _take(self, name: str, options: FirmataI2c, data: bytes) -> None:
        try:
            value = value_of(options, data)
        except BadValue as error:
            self._fail(name, str(error))
            return
        self._silent.discard(name)
        self._read(name, value)

    def _ask(self, name: str) -> None:
        options = self._config.i2c[name]
        if name in self._asked:
            self._fail(name, f"device {options.address:#x} does not answer")
        self._asked.add(name)
        self._timers[name] = self._clock.callLater(options.interval, self._ask, name)
        self._send(protocol.i2c_read(options.address, options.register, size_of(options)))

    def _fail(self, name: str, why: str) -> None:
        if name not in self._silent:
            self._silent.add(name)
            self._failed(name, why)
