"""Simulated slaves on a line or behind a socket: a climate controller at each address, and what can be wrong with it.

Besides the faults that every simulator has: a unit that is silent, one that answers with an exception, and answers in
the name of another unit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Any, Final

from bridges.modbus.framing import seal
from bridges.modbus.pdu import EXCEPTION, READ, WRITE_COILS, WRITE_REGISTERS
from bridges.modbus.simkinds import Slaves
from bridges.modbus.simslave import Memory
from bridges.serial.checksums import checksum
from bridges.serial.simport import Machine

_CRC: Final = checksum("crc-16/modbus").of
#: bytes of a request of RTU; those that write several say in the seventh how many more there are
REQUEST: Final = 8
_COUNTED_AT: Final = 6
_COUNTED: Final = 9
LONGEST: Final = 256

SETPOINT: Final = 0
NAME: Final = (10, b"edge-router\0")
_STARTS_AT: Final = 215


class SimulatedSlaves(Machine):
    """Slaves at several addresses.

    options: which. random: for what they measure.
    """

    def __init__(self, options: Slaves, random: Random) -> None:
        self._random = random
        self._slaves = {int(unit): _controller(options.size) for unit in options.units.split(",")}
        self._silent: set[int] = set()
        self._refuses: dict[int, int] = {}
        self._posing = False
        self._requests = 0
        self._buffer = b""

    def words(self) -> dict[str, Callable[..., Any]]:
        """For `simulate`. set: [unit, table, address, values]. silent: [unit, whether]. exception: [unit, code],
        0 for none. wrong_unit: [whether].
        """
        return {"set": self._set, "silent": self._be_silent, "exception": self._refuse, "wrong_unit": self._pose}

    def hear(self, data: bytes) -> bytes:
        """RTU: bytes of requests; the answers to those that are complete. What is none is passed over."""
        self._buffer = (self._buffer + data)[-LONGEST:]
        answers = b""
        start = 0
        while start + REQUEST <= len(self._buffer):
            size = self._size_at(start)
            frame = self._buffer[start : start + size]
            if len(frame) == size and _CRC(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
                answers += self._answer_rtu(frame[0], frame[1:-2])
                self._buffer = self._buffer[start + size :]
                start = 0
            else:
                start += 1
        return answers

    def answer(self, unit: int, request: bytes) -> tuple[int, bytes] | None:
        """Who answers a PDU, and with which; None if nobody does."""
        memory = self._slaves.get(unit)
        if memory is None or unit in self._silent:
            return None
        self._requests += 1
        self._measure(memory)
        code = self._refuses.get(unit)
        answer = bytes([request[0] | EXCEPTION, code]) if code else memory.answer(request)
        return (unit % 247 + 1 if self._posing else unit), answer

    def _answer_rtu(self, unit: int, request: bytes) -> bytes:
        answer = self.answer(unit, request)
        return b"" if answer is None else seal(*answer)

    def _size_at(self, start: int) -> int:
        if self._buffer[start + 1] in (WRITE_COILS, WRITE_REGISTERS):
            return _COUNTED + self._buffer[start + _COUNTED_AT]
        return REQUEST

    def _measure(self, memory: Memory) -> None:
        """It is never the same twice: tenths of °C, tenths of %, volts, how many requests there were, a contact."""
        temperature = memory.tables["input"][0] + self._random.choice((-1, 0, 1))
        humidity = 480 + self._random.randrange(-20, 21)
        memory.put("input", 0, struct.pack(">hH", min(max(temperature, 150), 300), humidity))
        memory.put("input", 2, struct.pack(">fI", self._random.gauss(230, 0.5), self._requests))
        memory.tables["discrete"][0] = self._requests // 10 % 2

    # --- what is wrong with them --------------------------------------------------------------------------------------

    def _set(self, *args: Any) -> None:
        if len(args) != 4 or args[1] not in READ or type(args[2]) is not int or not isinstance(args[3], list):
            raise ValueError("after set are expected: unit, table, address and a list of values")
        unit, table, address, values = args
        cells = self._slaves[self._known(unit)].tables[table]
        if not 0 <= address <= len(cells) - len(values):
            raise ValueError(f"address {address} is none; there are 0 to {len(cells) - 1}")
        if not all(type(value) in (bool, int) and 0 <= value <= 0xFFFF for value in values):
            raise ValueError("values are bools, or numbers from 0 to 65535")
        cells[address : address + len(values)] = map(int, values)

    def _be_silent(self, *args: Any) -> None:
        if len(args) != 2 or type(args[1]) is not bool:
            raise ValueError("after silent are expected: unit, and true or false")
        unit = self._known(args[0])
        if args[1]:
            self._silent.add(unit)
        else:
            self._silent.discard(unit)

    def _refuse(self, *args: Any) -> None:
        if len(args) != 2 or type(args[1]) is not int or not 0 <= args[1] <= 255:
            raise ValueError("after exception are expected: unit, and the number of an exception or 0")
        self._refuses[self._known(args[0])] = args[1]

    def _pose(self, *args: Any) -> None:
        if len(args) != 1 or type(args[0]) is not bool:
            raise ValueError("after wrong_unit true or false is expected")
        self._posing = args[0]

    def _known(self, unit: Any) -> int:
        if type(unit) is not int or unit not in self._slaves:
            raise ValueError(f"{unit!r} is no unit; there are {', '.join(map(str, self._slaves))}")
        return unit


def _controller(size: int) -> Memory:
    memory = Memory(size)
    memory.tables["input"][0] = _STARTS_AT
    memory.tables["holding"][SETPOINT] = _STARTS_AT
    memory.put("holding", *NAME)
    return memory


SIM_MACHINES: Final = {Slaves: SimulatedSlaves}
