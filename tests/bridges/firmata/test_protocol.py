"""Messages byte for byte as protocol.md (2.5.1), i2c.md and servos.md of the Firmata protocol lay them out."""

from __future__ import annotations

import random

import pytest

from bridges.firmata import protocol
from bridges.firmata.protocol import FROM_BOARD, LONGEST, TO_BOARD, Message, Parser


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (protocol.version_query(), "f9"),
        (protocol.sysex(protocol.FIRMWARE), "f0 79 f7"),
        (protocol.sysex(protocol.CAPABILITY_QUERY), "f0 6b f7"),
        (protocol.sysex(protocol.ANALOG_MAPPING_QUERY), "f0 69 f7"),
        (protocol.pin_state_query(13), "f0 6d 0d f7"),
        (protocol.pin_mode(2, protocol.PULLUP), "f4 02 0b"),
        (protocol.pin_value(13, True), "f5 0d 01"),
        (protocol.port_value(2, 0b1000_0001), "92 01 01"),
        (protocol.report_digital(1), "d1 01"),
        (protocol.report_analog(3), "c3 01"),
        (protocol.sampling_interval(1000), "f0 7a 68 07 f7"),
        (protocol.analog_value(9, 255), "e9 7f 01"),
        (protocol.analog_value(44, 255), "f0 6f 2c 7f 01 f7"),
        (protocol.analog_value(3, 65535), "f0 6f 03 7f 7f 03 f7"),
        (protocol.analog_value(44, 0), "f0 6f 2c 00 00 f7"),
        (protocol.servo_config(10, 544, 2400), "f0 70 0a 20 04 60 12 f7"),
        (protocol.i2c_config(300), "f0 78 2c 02 f7"),
        (protocol.i2c_read(0x48, 0, 2), "f0 76 48 08 00 00 02 00 f7"),
        (protocol.i2c_read(0x76, 0xFA, 3), "f0 76 76 08 7a 01 03 00 f7"),
        (protocol.i2c_read(0x23, None, 2), "f0 76 23 08 02 00 f7"),
    ],
)
def test_what_is_sent(made: bytes, expected: str) -> None:
    assert made.hex(" ") == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("f9 02 05", Message(protocol.VERSION, 0, b"\2\5")),
        ("92 01 01", Message(protocol.DIGITAL, 2, b"\1\1")),
        ("e3 7f 07", Message(protocol.ANALOG, 3, b"\x7f\7")),
        ("f0 6e 0d 01 01 f7", Message(protocol.PIN_STATE, 0, b"\x0d\1\1")),
        ("f0 6a f7", Message(protocol.ANALOG_MAPPING, 0, b"")),
    ],
)
def test_what_comes(data: str, message: Message) -> None:
    """Whole, and byte by byte."""
    raw = bytes.fromhex(data)
    assert Parser(FROM_BOARD).feed(raw) == [message]
    parser = Parser(FROM_BOARD)
    assert [found for byte in raw for found in parser.feed(bytes([byte]))] == [message]
    assert parser.bad == 0


def test_numbers_and_text() -> None:
    assert protocol.number(b"\x7f\7") == 1023
    assert protocol.number(b"\x7f\x7f\3") == 65535
    assert protocol.septets(1023) == b"\x7f\7"
    assert protocol.text(bytes.fromhex("42 00 61 00 72 01 00")) == "Ba�", "0xf2 is no UTF-8; the odd byte is left out"
    assert protocol.text(protocol.pairs(b"\0Ba\nr\x1b")) == "Bar", "a text that begins with U+0000 is binary in JSON"
    assert protocol.octets(protocol.pairs(bytes(range(256)))) == bytes(range(256))


def test_capabilities() -> None:
    """Pins 0 and 1 can do nothing, 2 input, output and pull-up, 3 also PWM of 8 bits and servo."""
    data = bytes.fromhex("7f 7f 00 01 01 01 0b 01 7f 00 01 01 01 03 08 04 0e 7f")
    assert protocol.capabilities(data) == [{}, {}, {0: 1, 1: 1, 11: 1}, {0: 1, 1: 1, 3: 8, 4: 14}]
    assert protocol.capabilities(b"") == []


def test_analog_mapping() -> None:
    assert protocol.analog_mapping(bytes.fromhex("7f 7f 00 01")) == {0: 2, 1: 3}


@pytest.mark.parametrize(
    ("data", "bad"),
    [
        ("00 01 02", 0),  # data without a command
        ("e3 7f", 1),  # broken off
        ("f0 79 02 05", 1),
        ("f0", 1),
        ("f7", 0),
        ("f0 f7", 1),
        ("c3 01", 0),  # what a board does not send
    ],
)
def test_after_noise_the_next_message_is_found(data: str, bad: int) -> None:
    parser = Parser(FROM_BOARD)
    assert parser.feed(bytes.fromhex(data) + b"\xf9\2\5") == [Message(protocol.VERSION, 0, b"\2\5")]
    assert parser.bad == bad


def test_a_message_without_an_end_is_bounded() -> None:
    parser = Parser(FROM_BOARD)
    assert parser.feed(b"\xf0" + b"\1" * (LONGEST * 3)) == []
    assert parser.bad == 1
    assert len(parser._buffer) <= LONGEST + 1


@pytest.mark.parametrize("sizes", [FROM_BOARD, TO_BOARD])
def test_noise_gives_messages_or_nothing(sizes: dict[int, int]) -> None:
    """The same ones, however the bytes come."""
    data = random.Random(3).randbytes(300_000)
    whole, pieces = Parser(sizes), Parser(sizes)
    found = whole.feed(data)
    assert found == [message for place in range(0, len(data), 7) for message in pieces.feed(data[place : place + 7])]
    assert all(byte < 0x80 for message in found for byte in message.data)
