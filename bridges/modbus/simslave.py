"""A simulated slave: tables of coils and registers, and what it answers, by the specification's flow charts.

(MODBUS Application Protocol V1.1b3, sections 6.1 to 6.6, 6.11, 6.12 and 7)
"""

from __future__ import annotations

import struct
from typing import Final

from bridges.modbus.pdu import (
    BIT_TABLES,
    EXCEPTION,
    MAX_BITS,
    MAX_REGISTERS,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
    READ,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Table,
    pack_bits,
    unpack_bits,
    unpack_registers,
)

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3

_TABLE_OF: Final = {function: table for table, function in READ.items()}
#: of a request; a broken one is not answered
_HEAD: Final = 5


class _Exception(Exception):
    """What the slave refuses. code: with which exception."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Memory:
    """The tables of one slave.

    size: bits of coil and discrete, registers of input and holding; all are 0 at first.
    """

    def __init__(self, size: int) -> None:
        self.tables: dict[Table, list[int]] = {table: [0] * size for table in READ}

    def put(self, table: Table, address: int, registers: bytes) -> None:
        """Set registers, as they travel."""
        values = unpack_registers(registers)
        self.tables[table][address : address + len(values)] = values

    def answer(self, request: bytes) -> bytes:
        """The PDU that answers a PDU."""
        try:
            return self._answer(request)
        except _Exception as refused:
            return bytes([request[0] | EXCEPTION, refused.code])

    def _answer(self, request: bytes) -> bytes:
        function = request[0]
        if len(request) < _HEAD:
            raise _Exception(ILLEGAL_VALUE)
        address, value = struct.unpack_from(">HH", request, 1)
        if function in _TABLE_OF:
            return self._read(function, address, value)
        if function == WRITE_COIL:
            if value not in (0x0000, 0xFF00):
                raise _Exception(ILLEGAL_VALUE)
            self._write("coil", address, [int(value != 0)])
        elif function == WRITE_REGISTER:
            self._write("holding", address, [value])
        elif function in (WRITE_COILS, WRITE_REGISTERS):
            self._write_several(function, address, value, request[_HEAD:])
        else:
            raise _Exception(ILLEGAL_FUNCTION)
        return request[:_HEAD]

    def _read(self, function: int, address: int, count: int) -> bytes:
        table = _TABLE_OF[function]
        if not 1 <= count <= (MAX_BITS if table in BIT_TABLES else MAX_REGISTERS):
            raise _Exception(ILLEGAL_VALUE)
        values = self._at(table, address, count)
        data = pack_bits(values) if table in BIT_TABLES else struct.pack(f">{count}H", *values)  # type: ignore[arg-type]
        return bytes([function, len(data)]) + data

    def _write_several(self, function: int, address: int, count: int, rest: bytes) -> None:
        table: Table = "coil" if function == WRITE_COILS else "holding"
        most = MAX_WRITE_BITS if table == "coil" else MAX_WRITE_REGISTERS
        size = (count + 7) // 8 if table == "coil" else count * 2
        if not 1 <= count <= most or len(rest) != size + 1 or rest[0] != size:
            raise _Exception(ILLEGAL_VALUE)
        data = rest[1:]
        self._write(
            table, address, list(map(int, unpack_bits(data, count))) if table == "coil" else unpack_registers(data)
        )

    def _write(self, table: Table, address: int, values: list[int]) -> None:
        self._at(table, address, len(values))
        self.tables[table][address : address + len(values)] = values

    def _at(self, table: Table, address: int, count: int) -> list[int]:
        values = self.tables[table]
        if address + count > len(values):
            raise _Exception(ILLEGAL_ADDRESS)
        return values[address : address + count]
