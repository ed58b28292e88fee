"""Requests and answers without addresses and checksums: function code and data.

Functions 1 to 6, 15 and 16 of the MODBUS Application Protocol Specification V1.1b3; the sections are named below.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Literal

Table = Literal["coil", "discrete", "input", "holding"]

#: bytes of the longest PDU (section 4.1)
MAX_PDU: Final = 253
#: an answer's function code has this bit if it is an exception (section 7)
EXCEPTION: Final = 0x80
#: the function that reads a table (sections 6.1 to 6.4)
READ: Final[dict[Table, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
#: tables of single bits; the others have registers of 16
BIT_TABLES: Final = frozenset({"coil", "discrete"})
#: the most that one request can read, and write (sections 6.1, 6.3, 6.11, 6.12)
MAX_BITS: Final = 2000
MAX_REGISTERS: Final = 125
MAX_WRITE_BITS: Final = 1968
MAX_WRITE_REGISTERS: Final = 123

WRITE_COIL: Final = 5
WRITE_REGISTER: Final = 6
WRITE_COILS: Final = 15
WRITE_REGISTERS: Final = 16

#: section 7, "MODBUS Exception Responses"
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge: it works on it",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
#: exceptions with which a gateway says that the slave does not answer
NOT_REACHED: Final = frozenset({10, 11})

_ON: Final = 0xFF00
_OFF: Final = 0x0000
_REQUEST: Final = struct.Struct(">BHH")


class BadAnswer(Exception):
    """An answer that does not fit its request. The text says what was found."""


class Refused(Exception):
    """A slave answered with an exception. code: its number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}, {EXCEPTIONS.get(code, 'which the specification does not have')}")
        self.code = code


def read(table: Table, address: int, count: int) -> bytes:
    """The request for `count` bits or registers of a table, beginning with `address` (0 to 65535)."""
    return _REQUEST.pack(READ[table], address, count)


def write_coil(address: int, on: bool) -> bytes:
    """Section 6.5: one coil."""
    return _REQUEST.pack(WRITE_COIL, address, _ON if on else _OFF)


def write_register(address: int, value: int) -> bytes:
    """Section 6.6: one register. value: 0 to 65535."""
    return _REQUEST.pack(WRITE_REGISTER, address, value)


def write_coils(address: int, on: Sequence[bool]) -> bytes:
    """Section 6.11: coils beside each other, at most MAX_WRITE_BITS."""
    packed = pack_bits(on)
    return _REQUEST.pack(WRITE_COILS, address, len(on)) + bytes([len(packed)]) + packed


def write_registers(address: int, values: Sequence[int]) -> bytes:
    """Section 6.12: registers beside each other, at most MAX_WRITE_REGISTERS."""
    head = _REQUEST.pack(WRITE_REGISTERS, address, len(values)) + bytes([len(values) * 2])
    return head + struct.pack(f">{len(values)}H", *values)


def answer_data(request: bytes, answer: bytes) -> bytes:
    """What an answer says, checked against its request.

    request, answer: PDUs. Result: the bits or registers as they came; nothing for a write. Raises Refused for an
    exception, BadAnswer for what does not fit.
    """
    if len(answer) == 2 and answer[0] == request[0] | EXCEPTION:
        raise Refused(answer[1])
    if not answer or answer[0] != request[0]:
        raise BadAnswer(f"it is for another function: {answer[:8].hex(' ')}")
    if request[0] in (WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS):
        if answer != request[:5]:
            raise BadAnswer(f"it should repeat {request[:5].hex(' ')}, but is {answer[:8].hex(' ')}")
        return b""
    size = _data_size(request)
    if len(answer) != size + 2 or answer[1] != size:
        raise BadAnswer(f"it has {len(answer) - 2} bytes and says {answer[1:2].hex()}h; asked was for {size}")
    return answer[2:]


def _data_size(request: bytes) -> int:
    """Bytes of data in the answer to a request to read."""
    function, count = request[0], int.from_bytes(request[3:5])
    return (count + 7) // 8 if function in (READ["coil"], READ["discrete"]) else count * 2


def answer_size(request: bytes) -> int:
    """Bytes of the PDU that answers, if it is no exception."""
    return 2 + _data_size(request) if request[0] in READ.values() else 5


def pack_bits(on: Sequence[bool]) -> bytes:
    """Bits as they travel: eight in a byte, the lowest first (section 6.1)."""
    value = sum(1 << place for place, bit in enumerate(on) if bit)
    return value.to_bytes((len(on) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[bool]:
    """The first `count` bits of what `pack_bits` made."""
    return [bool(data[place >> 3] >> (place & 7) & 1) for place in range(count)]


def unpack_registers(data: bytes) -> list[int]:
    """Registers, the high byte first (section 4.2)."""
    return list(struct.unpack(f">{len(data) // 2}H", data))
