"""RTU frames with their CRC, TCP frames with their header; noise, late answers, answers in pieces."""

from __future__ import annotations

import random

import pytest

from bridges.modbus.framing import RtuFraming, StreamBroken, TcpFraming, seal
from bridges.modbus.pdu import read, write_register
from bridges.serial.checksums import checksum

REQUEST = read("holding", 107, 3)
ANSWER = bytes.fromhex("03 06 02 2B 00 00 00 64")


def test_the_crc_of_the_specification() -> None:
    """MODBUS over Serial Line V1.02, section 6.2.2: the CRC of 02 07 is 1241h, and 41h is sent first."""
    assert checksum("crc-16/modbus").of(b"\x02\x07") == 0x1241
    assert seal(2, b"\x07") == bytes.fromhex("02 07 41 12")


def asked(unit: int = 17, pdu: bytes = REQUEST, echo: bool = False) -> RtuFraming:
    framing = RtuFraming(echo)
    framing.request(unit, pdu)
    return framing


def test_rtu_request() -> None:
    assert RtuFraming().request(17, REQUEST) == seal(17, REQUEST)


def test_rtu_answer_byte_by_byte() -> None:
    """It is complete with its last byte, without waiting for silence."""
    framing = asked()
    frame = seal(17, ANSWER)
    assert [framing.feed(frame[place : place + 1]) for place in range(len(frame))] == [*[None] * 10, ANSWER]


@pytest.mark.parametrize(
    "noise",
    [
        b"\0", b"\xff\xff\xff", b"\x11", b"\x11\x03", b"\x11\x03\x06\x02\x2b", seal(18, ANSWER), seal(17, b"\4\2\0\0"),
    ],
)  # fmt: skip
def test_rtu_answer_after_noise(noise: bytes) -> None:
    """Glitches, a beginning that breaks off, another unit's late answer, one to another function."""
    framing = asked()
    assert framing.feed(noise) is None
    assert framing.feed(seal(17, ANSWER)) == ANSWER


def test_rtu_exception() -> None:
    assert asked().feed(seal(17, b"\x83\x02")) == b"\x83\x02"


def test_rtu_wrong_crc() -> None:
    framing = asked()
    assert not framing.damaged()
    assert framing.feed(seal(17, ANSWER)[:-1] + b"\0") is None
    assert framing.damaged()


def test_rtu_half_an_answer_is_not_damaged() -> None:
    framing = asked()
    framing.feed(seal(17, ANSWER)[:-3])
    assert not framing.damaged()


@pytest.mark.parametrize("cut", [0, 3, 8])
def test_rtu_echo_is_taken_away(cut: int) -> None:
    """What answers a write is the same as its request: without `echo` nobody could tell one from the other."""
    pdu = write_register(1, 3)
    framing = asked(17, pdu, echo=True)
    frame = seal(17, pdu)
    assert framing.feed(frame[:cut]) is None
    assert framing.feed(frame[cut:]) is None
    assert framing.feed(frame) == pdu


def test_rtu_nobody_waits() -> None:
    framing = asked()
    framing.done()
    assert framing.feed(seal(17, ANSWER)) is None
    assert framing.late == 1


def test_rtu_noise_is_bounded_and_never_an_answer() -> None:
    """10,000,000 random bytes: 16 bits of checksum let one of 65536 candidates pass, and there are few candidates."""
    rng = random.Random(5)
    framing = asked()
    for _ in range(10_000):
        assert framing.feed(rng.randbytes(1000)) is None
        assert len(framing._buffer) <= 256
    assert framing.damaged(), "some bytes looked like an answer, but for the checksum"


def test_rtu_good_answers_are_found_in_noise() -> None:
    """Each of them, and nothing else, whatever stands before them."""
    rng = random.Random(6)
    framing = RtuFraming()
    for number in range(2000):
        framing.request(17, REQUEST)
        answer = b"\x03\x06" + number.to_bytes(6)
        line = rng.randbytes(rng.randrange(100)) + seal(17, answer)
        found = [framing.feed(line[place : place + 16]) for place in range(0, len(line), 16)]
        assert [pdu for pdu in found if pdu is not None] == [answer]


# --- TCP -------------------------------------------------------------------------------------------------------------


def tcp(transaction: int, unit: int = 1, pdu: bytes = ANSWER) -> bytes:
    return bytes([transaction >> 8, transaction & 255, 0, 0, 0, len(pdu) + 1, unit]) + pdu


def test_tcp_request() -> None:
    """Transaction, protocol 0, length of unit and PDU, unit."""
    framing = TcpFraming()
    assert framing.request(255, REQUEST).hex(" ") == "00 01 00 00 00 06 ff 03 00 6b 00 03"
    assert framing.request(1, REQUEST)[:2] == b"\0\2"


def test_tcp_transactions_begin_anew() -> None:
    framing = TcpFraming()
    framing._transaction = 0xFFFF
    assert framing.request(1, REQUEST)[:2] == b"\0\0"


@pytest.mark.parametrize("cut", range(15))
def test_tcp_answer_in_pieces(cut: int) -> None:
    framing = TcpFraming()
    framing.request(1, REQUEST)
    assert framing.feed(tcp(1)[:cut]) is None
    assert framing.feed(tcp(1)[cut:]) == ANSWER


def test_tcp_late_and_strange_answers_are_counted() -> None:
    """The answer to the request before, and one of another unit."""
    framing = TcpFraming()
    framing.request(1, REQUEST)
    framing.request(1, REQUEST)
    assert framing.feed(tcp(1) + tcp(2, unit=9) + tcp(2)) == ANSWER
    assert framing.late == 2
    assert framing.feed(tcp(2)) is None
    assert framing.late == 3


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad", b"\0\1\0\0\0\1\1\3", b"\0\1\0\0\1\0\1\3"])
def test_tcp_what_is_no_modbus_ends_the_connection(data: bytes) -> None:
    """Another protocol, a length too short, one too long: where the next frame begins cannot be known."""
    framing = TcpFraming()
    framing.request(1, REQUEST)
    with pytest.raises(StreamBroken, match="no Modbus"):
        framing.feed(data)


def test_tcp_a_new_connection_begins_anew() -> None:
    framing = TcpFraming()
    framing.request(1, REQUEST)
    framing.feed(tcp(1)[:9])
    framing.restart()
    framing.request(1, REQUEST)
    assert framing.feed(tcp(2)) == ANSWER
