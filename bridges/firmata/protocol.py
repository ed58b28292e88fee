"""The messages of the Firmata protocol, version 2: bytes out of a stream, and into one.

(firmata/protocol on GitHub: protocol.md of version 2.5.1, i2c.md, servos.md. MIDI's rule: a byte of 128 or more begins
a message, its data are bytes of 7 bits.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

# --- commands of three bytes; the first carries a port or a pin -------------------------------------------------------
DIGITAL: Final = 0x90
ANALOG: Final = 0xE0
REPORT_ANALOG: Final = 0xC0
REPORT_DIGITAL: Final = 0xD0
SET_PIN_MODE: Final = 0xF4
SET_PIN_VALUE: Final = 0xF5
VERSION: Final = 0xF9
RESET: Final = 0xFF

# --- messages of any length, between START and END --------------------------------------------------------------------
START: Final = 0xF0
END: Final = 0xF7
ANALOG_MAPPING_QUERY: Final = 0x69
ANALOG_MAPPING: Final = 0x6A
CAPABILITY_QUERY: Final = 0x6B
CAPABILITIES: Final = 0x6C
PIN_STATE_QUERY: Final = 0x6D
PIN_STATE: Final = 0x6E
EXTENDED_ANALOG: Final = 0x6F
SERVO_CONFIG: Final = 0x70
TEXT: Final = 0x71
I2C_REQUEST: Final = 0x76
I2C_REPLY: Final = 0x77
I2C_CONFIG: Final = 0x78
FIRMWARE: Final = 0x79
SAMPLING_INTERVAL: Final = 0x7A

#: ends the modes of a pin, and means a pin that is no analog input
NONE: Final = 0x7F

# --- modes of pins ----------------------------------------------------------------------------------------------------
INPUT: Final = 0x00
OUTPUT: Final = 0x01
ANALOG_INPUT: Final = 0x02
PWM: Final = 0x03
SERVO: Final = 0x04
I2C: Final = 0x06
PULLUP: Final = 0x0B
MODES: Final = {
    INPUT: "input", OUTPUT: "output", ANALOG_INPUT: "analog", PWM: "pwm", SERVO: "servo", 0x05: "shift", I2C: "i2c",
    0x07: "onewire", 0x08: "stepper", 0x09: "encoder", 0x0A: "serial", PULLUP: "pullup", 0x0C: "spi", 0x0D: "sonar",
    0x0E: "tone", 0x0F: "dht",
}  # fmt: skip

#: bytes of a message from START to END; a board with 128 pins of 16 modes needs 4224
LONGEST: Final = 8_192
#: pins of a port
PORT: Final = 8


class Message(NamedTuple):
    """A message of the board.

    kind: the command without its pin or port, or what follows START. pin: the pin or port. data: its bytes of 7 bits.
    """

    kind: int
    pin: int
    data: bytes


#: bytes of what a board sends, and of what it gets, but for what has START
FROM_BOARD: Final = {DIGITAL: 3, ANALOG: 3, VERSION: 3}
TO_BOARD: Final = {
    DIGITAL: 3, ANALOG: 3, REPORT_ANALOG: 2, REPORT_DIGITAL: 2, SET_PIN_MODE: 3, SET_PIN_VALUE: 3, VERSION: 1, RESET: 1,
}  # fmt: skip


class Parser:
    """Messages out of a stream. What is none is passed over.

    sizes: bytes of the short messages, by kind.

    bad: messages that broke off or were too long.
    """

    def __init__(self, sizes: Mapping[int, int]) -> None:
        self._sizes = sizes
        self._buffer = bytearray()
        self.bad = 0

    def feed(self, data: bytes) -> list[Message]:
        """Bytes that came in. Result: the messages that are complete."""
        found = []
        for byte in data:
            message = self._data(byte) if byte < 0x80 else self._command(byte)
            if message is not None:
                found.append(message)
        return found

    def restart(self) -> None:
        """Another stream begins."""
        self._buffer.clear()

    def _command(self, byte: int) -> Message | None:
        buffer = self._buffer
        if byte == END and len(buffer) > 1 and buffer[0] == START:
            found = Message(buffer[1], 0, bytes(buffer[2:]))
            buffer.clear()
            return found
        if buffer:
            self.bad += 1
        buffer.clear()
        if byte == START or _kind(byte) in self._sizes:
            buffer.append(byte)
        return self._short()

    def _data(self, byte: int) -> Message | None:
        buffer = self._buffer
        if not buffer:
            return None
        buffer.append(byte)
        if buffer[0] == START:
            if len(buffer) > LONGEST:
                self.bad += 1
                buffer.clear()
            return None
        return self._short()

    def _short(self) -> Message | None:
        """What is in the buffer, if it is a short message and complete."""
        buffer = self._buffer
        if not buffer or len(buffer) != self._sizes.get(_kind(buffer[0])):
            return None
        found = Message(_kind(buffer[0]), buffer[0] & 0x0F if buffer[0] < START else 0, bytes(buffer[1:]))
        buffer.clear()
        return found


def _kind(byte: int) -> int:
    """The command without its pin or port."""
    return byte & 0xF0 if byte < START else byte


# --- numbers and text in bytes of 7 bits ------------------------------------------------------------------------------


def number(data: bytes) -> int:
    """The lowest 7 bits first, as many bytes as there are."""
    return sum(byte << (7 * place) for place, byte in enumerate(data))


def septets(value: int, size: int = 2) -> bytes:
    """A number in `size` bytes of 7 bits, the lowest first."""
    return bytes(value >> (7 * place) & 0x7F for place in range(size))


def octets(data: bytes) -> bytes:
    """Bytes that came as pairs of 7 bits; an odd last one is left out."""
    return bytes((data[place] | data[place + 1] << 7) & 0xFF for place in range(0, len(data) - 1, 2))


def pairs(data: bytes) -> bytes:
    """Bytes as pairs of 7 bits; the opposite of `octets`."""
    return b"".join(septets(byte) for byte in data)


def text(data: bytes) -> str:
    """Text that came as pairs of 7 bits, without what cannot be shown."""
    return "".join(filter(str.isprintable, octets(data).decode("utf-8", "replace")))


def sysex(kind: int, data: bytes = b"") -> bytes:
    """A message between START and END. data: of 7 bits."""
    return bytes([START, kind]) + data + bytes([END])


# --- what is sent to a board ------------------------------------------------------------------------------------------


def version_query() -> bytes:
    """Asks for the version of the protocol."""
    return bytes([VERSION])


def pin_mode(pin: int, mode: int) -> bytes:
    """Sets the mode of a pin."""
    return bytes([SET_PIN_MODE, pin, mode])


def pin_value(pin: int, on: bool) -> bytes:
    """Sets one pin, since version 2.5."""
    return bytes([SET_PIN_VALUE, pin, on])


def port_value(port: int, mask: int) -> bytes:
    """Sets the eight pins of a port, for boards before version 2.5. mask: of those that are on."""
    return bytes([DIGITAL | port]) + septets(mask)


def report_digital(port: int) -> bytes:
    """Has the board tell of each change of a port's inputs."""
    return bytes([REPORT_DIGITAL | port, 1])


def report_analog(channel: int) -> bytes:
    """Has the board tell of an analog input, each sampling interval."""
    return bytes([REPORT_ANALOG | channel, 1])


def sampling_interval(millis: int) -> bytes:
    """Milliseconds between two values of analog inputs."""
    return sysex(SAMPLING_INTERVAL, septets(millis))


def analog_value(pin: int, value: int) -> bytes:
    """Sets a PWM output or a servo; short for the pins and values that fit."""
    if pin <= 15 and value < 1 << 14:
        return bytes([ANALOG | pin]) + septets(value)
    size = max(2, (value.bit_length() + 6) // 7)
    return sysex(EXTENDED_ANALOG, bytes([pin]) + septets(value, size))


def servo_config(pin: int, shortest: int, longest: int) -> bytes:
    """The pulses of a servo at its ends, in microseconds."""
    return sysex(SERVO_CONFIG, bytes([pin]) + septets(shortest) + septets(longest))


def pin_state_query(pin: int) -> bytes:
    """Asks for the mode of a pin and what was set last."""
    return sysex(PIN_STATE_QUERY, bytes([pin]))


def i2c_config(delay: int) -> bytes:
    """Begins with I2C. delay: microseconds between writing a register's number and reading it."""
    return sysex(I2C_CONFIG, septets(delay))


def i2c_read(address: int, register: int | None, count: int) -> bytes:
    """Reads once. address: of 7 bits. register: its number, if the device has such."""
    head = bytes([address, 0b01 << 3])
    asked = b"" if register is None else septets(register)
    return sysex(I2C_REQUEST, head + asked + septets(count))


# --- what a board answers ---------------------------------------------------------------------------------------------


def capabilities(data: bytes) -> list[dict[int, int]]:
    """For each pin its modes and their bits of resolution."""
    pins: list[dict[int, int]] = []
    for pin in data.removesuffix(bytes([NONE])).split(bytes([NONE])) if data else ():
        pins.append(dict(zip(pin[::2], pin[1::2], strict=False)))
    return pins


def analog_mapping(data: bytes) -> dict[int, int]:
    """Analog channel -> pin."""
    return {channel: pin for pin, channel in enumerate(data) if channel != NONE}
