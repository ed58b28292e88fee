"""Requests and answers, byte for byte as in the examples of MODBUS Application Protocol V1.1b3."""

from __future__ import annotations

import pytest

from bridges.modbus import pdu
from bridges.modbus.pdu import BadAnswer, Refused, answer_data
from bridges.modbus.simslave import Memory

#: section -> request, the specification's bytes of it, and of the answer
EXAMPLES = {
    "6.1 read coils 20 to 38": (pdu.read("coil", 19, 19), "01 00 13 00 13", "01 03 CD 6B 05"),
    "6.2 read discrete inputs 197 to 218": (pdu.read("discrete", 196, 22), "02 00 C4 00 16", "02 03 AC DB 35"),
    "6.3 read holding registers 108 to 110": (
        pdu.read("holding", 107, 3), "03 00 6B 00 03", "03 06 02 2B 00 00 00 64",
    ),
    "6.4 read input register 9": (pdu.read("input", 8, 1), "04 00 08 00 01", "04 02 00 0A"),
    "6.5 write coil 173 ON": (pdu.write_coil(172, True), "05 00 AC FF 00", "05 00 AC FF 00"),
    "6.6 write register 2": (pdu.write_register(1, 3), "06 00 01 00 03", "06 00 01 00 03"),
    "6.11 write coils from 20": (
        pdu.write_coils(19, [True, False, True, True, False, False, True, True, True, False]),
        "0F 00 13 00 0A 02 CD 01",
        "0F 00 13 00 0A",
    ),
    "6.12 write registers from 2": (
        pdu.write_registers(1, [0x000A, 0x0102]), "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02",
    ),
}  # fmt: skip
SECTIONS = pytest.mark.parametrize("section", EXAMPLES)


def slave() -> Memory:
    """A slave that has what the examples read."""
    memory = Memory(300)
    memory.tables["coil"][19:38] = map(int, pdu.unpack_bits(bytes.fromhex("CD 6B 05"), 19))
    memory.tables["discrete"][196:218] = map(int, pdu.unpack_bits(bytes.fromhex("AC DB 35"), 22))
    memory.put("holding", 107, bytes.fromhex("02 2B 00 00 00 64"))
    memory.put("input", 8, bytes.fromhex("00 0A"))
    return memory


@SECTIONS
def test_requests_are_those_of_the_specification(section: str) -> None:
    made, request, _ = EXAMPLES[section]
    assert made == bytes.fromhex(request)


@SECTIONS
def test_the_simulated_slave_answers_as_the_specification_does(section: str) -> None:
    """So that what the master is tried with is the protocol, and not its own mirror."""
    request, answer = (bytes.fromhex(text) for text in EXAMPLES[section][1:])
    assert slave().answer(request) == answer


@SECTIONS
def test_answers_are_understood(section: str) -> None:
    request, answer = (bytes.fromhex(text) for text in EXAMPLES[section][1:])
    assert pdu.answer_size(request) == len(answer)
    assert answer_data(request, answer) == (answer[2:] if request[0] < 5 else b"")


def test_values_of_the_examples() -> None:
    """Coil 20 is the lowest bit of the first byte, coil 38 the last; register 108 is 555."""
    bits = pdu.unpack_bits(bytes.fromhex("CD 6B 05"), 19)
    assert "".join(str(int(bit)) for bit in bits) == "1011001111010110101"
    assert pdu.pack_bits(bits) == bytes.fromhex("CD 6B 05")
    assert pdu.unpack_registers(bytes.fromhex("02 2B 00 00 00 64")) == [555, 0, 100]


def test_the_example_of_an_exception() -> None:
    """Section 7: coil 1186 (04A1h) of a slave that does not have it."""
    request = bytes.fromhex("01 04 A1 00 01")
    answer = slave().answer(request)
    assert answer == bytes.fromhex("81 02")
    with pytest.raises(Refused, match="exception 2, illegal data address"):
        answer_data(request, answer)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("03 00 00 00 00", 3),
        ("03 00 00 00 7E", 3),
        ("01 00 00 07 D1", 3),
        ("04 01 2B 00 02", 2),
        ("05 00 00 12 34", 3),
        ("06 01 2C 00 01", 2),
        ("0F 00 00 00 08 02 FF FF", 3),
        ("10 00 00 00 02 04 00 01", 3),
        ("16 00 04 00 F2 00 25", 1),
        ("03 00 00", 3),
    ],
)
def test_the_simulated_slave_refuses(request_: str, code: int) -> None:
    """Quantities out of range, addresses it does not have, functions it does not know; nothing is changed."""
    memory = slave()
    before = {table: list(values) for table, values in memory.tables.items()}
    request = bytes.fromhex(request_)
    assert memory.answer(request) == bytes([request[0] | 0x80, code])
    assert memory.tables == before


@pytest.mark.parametrize(
    ("request_", "answer", "why"),
    [
        ("03 00 00 00 01", "04 02 00 00", "another function"),
        ("03 00 00 00 01", "", "another function"),
        ("03 00 00 00 02", "03 02 00 00", "2 bytes"),
        ("03 00 00 00 01", "03 04 00 00", "says 04h"),
        ("06 00 01 00 03", "06 00 01 00 04", "should repeat"),
        ("0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0B", "should repeat"),
    ],
)
def test_answers_that_do_not_fit_are_refused(request_: str, answer: str, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        answer_data(bytes.fromhex(request_), bytes.fromhex(answer))


def test_an_unknown_exception_is_told_by_its_number() -> None:
    with pytest.raises(Refused, match="exception 99"):
        answer_data(b"\x03\0\0\0\1", b"\x83\x63")
