"""Requests and answers on their way: unit and PDU with a checksum on a serial line, with a header on a socket.

RTU is in the MODBUS over Serial Line Specification V1.02 (section 2.5.1), the header ("MBAP") in the MODBUS Messaging
on TCP/IP Implementation Guide V1.0b (section 3.1.3). Both keep at most one answer's worth of bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Protocol

from bridges.modbus.pdu import EXCEPTION, MAX_PDU, answer_size
from bridges.serial.checksums import checksum

_CRC: Final = checksum("crc-16/modbus").of
#: unit before, CRC after the PDU
RTU_EXTRA: Final = 3
#: bytes of the PDU of an exception
_REFUSAL: Final = 2
#: transaction, protocol, length of what follows, unit
MBAP: Final = struct.Struct(">HHHB")


class StreamBroken(Exception):
    """What comes in is no Modbus; where the next answer begins cannot be known. The text is for the operator."""


class Framing(Protocol):
    """How a bus says requests and understands answers.

    late: what came when nobody waited for it any more: answers after their time, or noise. numbered: whether an answer
    says which request it is for.
    """

    late: int
    numbered: bool

    def request(self, unit: int, pdu: bytes) -> bytes:
        """The bytes of a request; from now on its answer is waited for."""

    def feed(self, data: bytes) -> bytes | None:
        """Bytes that came in. Result: the PDU of the answer when it is complete. Raises StreamBroken."""

    def damaged(self) -> bool:
        """Whether what came in cannot become the answer any more, if nothing else comes."""

    def done(self) -> None:
        """Nobody waits for an answer any more."""

    def restart(self) -> None:
        """The line or connection is a new one: what is left of the last one means nothing."""


def seal(unit: int, pdu: bytes) -> bytes:
    """A frame of RTU: unit, PDU, CRC with its low byte first."""
    body = bytes([unit]) + pdu
    return body + _CRC(body).to_bytes(2, "little")


class RtuFraming:
    """A serial line. An answer is known by its unit, its function, the length that follows from it, and its CRC.

    What stands before it is passed over: noise of drivers that are switched on, or the late answer of another unit.
    The silence of 3.5 characters that ends a frame is not relied on, since neither a USB adapter nor this process
    sees it exactly. echo: whether the line gives back what is sent.
    """

    numbered = False

    def __init__(self, echo: bool = False) -> None:
        self.late = 0
        self._echo = echo
        self._buffer = b""
        self._skip = 0
        self._start = b""
        self._refusal = b""
        self._size = 0
        self._damaged = False

    def request(self, unit: int, pdu: bytes) -> bytes:
        frame = seal(unit, pdu)
        self._buffer = b""
        self._damaged = False
        self._skip = len(frame) if self._echo else 0
        self._start = bytes([unit, pdu[0]])
        self._refusal = bytes([unit, pdu[0] | EXCEPTION])
        self._size = answer_size(pdu) + RTU_EXTRA
        return frame

    def feed(self, data: bytes) -> bytes | None:
        if not self._start:
            self.late += 1
            return None
        skipped, self._skip = self._skip, max(self._skip - len(data), 0)
        self._buffer += data[skipped:]
        for start, size in self._candidates():
            frame = self._buffer[start : start + size]
            if len(frame) < size:
                continue
            if _CRC(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
                self.done()
                return frame[1:-2]
            self._damaged = True
        self._buffer = self._buffer[-(MAX_PDU + RTU_EXTRA) :]
        return None

    def damaged(self) -> bool:
        return self._damaged

    def done(self) -> None:
        self._start = self._buffer = b""

    def restart(self) -> None:
        self.done()

    def _candidates(self) -> Iterator[tuple[int, int]]:
        """Where the answer may begin, and how long it is then."""
        for head, size in ((self._start, self._size), (self._refusal, _REFUSAL + RTU_EXTRA)):
            start = self._buffer.find(head)
            while start >= 0:
                yield start, size
                start = self._buffer.find(head, start + 1)


class TcpFraming:
    """A socket. An answer is known by its transaction."""

    numbered = True

    def __init__(self) -> None:
        self.late = 0
        self._buffer = b""
        self._transaction = 0
        self._unit = 0
        self._waits = False

    def request(self, unit: int, pdu: bytes) -> bytes:
        self._transaction = (self._transaction + 1) & 0xFFFF
        self._unit = unit
        self._waits = True
        return MBAP.pack(self._transaction, 0, len(pdu) + 1, unit) + pdu

    def feed(self, data: bytes) -> bytes | None:
        self._buffer += data
        answer = None
        while len(self._buffer) >= MBAP.size:
            transaction, protocol, length, unit = MBAP.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= MAX_PDU + 1:
                raise StreamBroken(f"it sent what is no Modbus: {self._buffer[:8].hex(' ')}")
            end = MBAP.size - 1 + length
            if len(self._buffer) < end:
                break
            pdu, self._buffer = self._buffer[MBAP.size : end], self._buffer[end:]
            if self._waits and (transaction, unit) == (self._transaction, self._unit):
                answer = pdu
                self._waits = False
            else:
                self.late += 1
        return answer

    def damaged(self) -> bool:
        return False

    def done(self) -> None:
        self._waits = False

    def restart(self) -> None:
        self._buffer = b""
        self._waits = False
