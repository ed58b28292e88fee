"""A simulated Arduino Uno with StandardFirmata: it answers what it is asked, and its analog inputs move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from bridges.firmata import protocol
from bridges.firmata.protocol import TO_BOARD, Message, Parser
from bridges.firmata.simkinds import Uno
from bridges.serial.simport import Machine

FIRMWARE: Final = (2, 5, "StandardFirmata.ino")
PINS: Final = 20
#: the pin of A0
FIRST_ANALOG: Final = 14
FIRST_DIGITAL: Final = 2
PWM_PINS: Final = frozenset({3, 5, 6, 9, 10, 11})
I2C_PINS: Final = frozenset({18, 19})
#: of the converter
HIGHEST: Final = 1023
#: a thermometer on the I2C bus, a TMP102: its register 0 says 0.0625 °C in its upper 12 bits
TMP102: Final = 0x48
#: milliseconds between two reports of analog inputs, until it is told others
SAMPLING: Final = 19


class SimulatedUno(Machine):
    """See above. random: for what its inputs measure.

    modes, values: of its pins.
    """

    def __init__(self, _options: Uno, random: Random) -> None:
        self._random = random
        self._parser = Parser(TO_BOARD)
        self._said = b""
        self._boot()

    def _boot(self) -> None:
        """As after the reset: digital pins are outputs and low, analog ones inputs."""
        self.modes = {pin: _first_mode(pin) for pin in range(PINS)}
        self.values: dict[int, int] = dict.fromkeys(range(PINS), 0)
        self._analog = dict.fromkeys(range(PINS - FIRST_ANALOG), 512)
        self._analog_set: set[int] = set()
        self._reported: set[int] = set()
        self._ports: set[int] = set()
        self._interval = SAMPLING / 1000

    def words(self) -> dict[str, Callable[..., Any]]:
        """For `simulate`. set: [pin, true or false], or [A0, 0 to 1023]. restart: as if somebody pressed its button."""
        return {"set": self._set, "restart": self._restart}

    def messages(self) -> Iterator[tuple[float, bytes]]:
        """Who it is, then what its inputs say."""
        self._boot()
        self._said = b""
        yield 0.0, self._hello()
        while True:
            said, self._said = self._said, b""
            yield self._interval, said + b"".join(map(self._analog_report, sorted(self._reported)))

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(message) for message in self._parser.feed(data))

    # --- what it says -------------------------------------------------------------------------------------------------

    def _hello(self) -> bytes:
        return self._version() + self._firmware()

    def _version(self) -> bytes:
        return bytes([protocol.VERSION, *FIRMWARE[:2]])

    def _firmware(self) -> bytes:
        return protocol.sysex(protocol.FIRMWARE, bytes(FIRMWARE[:2]) + protocol.pairs(FIRMWARE[2].encode()))

    def _analog_report(self, channel: int) -> bytes:
        if channel not in self._analog_set:
            value = self._analog[channel] + self._random.choice((-1, 0, 1))
            self._analog[channel] = min(max(value, 0), HIGHEST)
        return bytes([protocol.ANALOG | channel]) + protocol.septets(self._analog[channel])

    def _digital_report(self, port: int) -> bytes:
        pins = range(port * protocol.PORT, min((port + 1) * protocol.PORT, PINS))
        levels = [bool(self.values[pin]) and self.modes[pin] in (protocol.INPUT, protocol.PULLUP) for pin in pins]
        return protocol.port_value(port, sum(level << bit for bit, level in enumerate(levels)))

    # --- what it is told ----------------------------------------------------------------------------------------------

    def _answer(self, message: Message) -> bytes:
        """What noise has made too short is passed over."""
        handler = _HANDLERS.get(message.kind)
        return (
            handler(self, message) if handler is not None and len(message.data) >= _NEEDED.get(message.kind, 0) else b""
        )

    def _on_version(self, _message: Message) -> bytes:
        return self._version()

    def _on_firmware(self, _message: Message) -> bytes:
        return self._firmware()

    def _on_capabilities(self, _message: Message) -> bytes:
        pins = (b"".join(bytes(pair) for pair in _modes(pin).items()) + bytes([protocol.NONE]) for pin in range(PINS))
        return protocol.sysex(protocol.CAPABILITIES, b"".join(pins))

    def _on_mapping(self, _message: Message) -> bytes:
        pins = (pin - FIRST_ANALOG if pin >= FIRST_ANALOG else protocol.NONE for pin in range(PINS))
        return protocol.sysex(protocol.ANALOG_MAPPING, bytes(pins))

    def _on_state_query(self, message: Message) -> bytes:
        pin = message.data[0]
        state = protocol.septets(self.values.get(pin, 0))
        return protocol.sysex(protocol.PIN_STATE, bytes([pin, self.modes.get(pin, 0)]) + state)

    def _on_mode(self, message: Message) -> bytes:
        pin, mode = message.data
        if mode in _modes(pin):
            self.modes[pin] = mode
            self.values[pin] = int(mode == protocol.PULLUP)
        return b""

    def _on_value(self, message: Message) -> bytes:
        pin, value = message.data
        if self.modes.get(pin) in (protocol.OUTPUT, protocol.INPUT):
            self.values[pin] = value
        return b""

    def _on_port(self, message: Message) -> bytes:
        mask = protocol.number(message.data)
        for bit in range(protocol.PORT):
            pin = message.pin * protocol.PORT + bit
            if self.modes.get(pin) == protocol.OUTPUT:
                self.values[pin] = mask >> bit & 1
        return b""

    def _on_analog(self, message: Message) -> bytes:
        self._turn(message.pin, protocol.number(message.data))
        return b""

    def _on_extended(self, message: Message) -> bytes:
        self._turn(message.data[0], protocol.number(message.data[1:]))
        return b""

    def _turn(self, pin: int, value: int) -> None:
        if self.modes.get(pin) in (protocol.PWM, protocol.SERVO):
            self.values[pin] = value

    def _on_report_analog(self, message: Message) -> bytes:
        if not message.data[0]:
            self._reported.discard(message.pin)
        elif message.pin in self._analog:
            self._reported.add(message.pin)
        return b""

    def _on_report_digital(self, message: Message) -> bytes:
        if not message.data[0] or message.pin * protocol.PORT >= PINS:
            self._ports.discard(message.pin)
            return b""
        self._ports.add(message.pin)
        return self._digital_report(message.pin)

    def _on_sampling(self, message: Message) -> bytes:
        self._interval = max(protocol.number(message.data), 1) / 1000
        return b""

    def _on_i2c(self, message: Message) -> bytes:
        """A thermometer at TMP102; nobody else answers, which StandardFirmata says in a text."""
        address, register = message.data[0], message.data[2:4]
        if address != TMP102:
            return protocol.sysex(protocol.TEXT, protocol.pairs(b"I2C: Too few bytes received"))
        value = (round(21.5 / 0.0625) + self._random.choice((-1, 0, 1))) << 4
        return protocol.sysex(
            protocol.I2C_REPLY, protocol.septets(address) + register + protocol.pairs(value.to_bytes(2))
        )

    # --- what is done to it -------------------------------------------------------------------------------------------

    def _set(self, *args: Any) -> None:
        if len(args) != 2:
            raise ValueError("after set are expected: pin and level, or A0 and a number")
        pin, value = args
        if isinstance(pin, str) and pin[:1] == "A" and pin[1:].isdigit() and int(pin[1:]) in self._analog:
            if type(value) is not int or not 0 <= value <= HIGHEST:
                raise ValueError(f"an analog input has 0 to {HIGHEST}, not {value!r}")
            self._analog[int(pin[1:])] = value
            self._analog_set.add(int(pin[1:]))
            return
        if type(pin) is not int or pin not in self.values or type(value) is not bool:
            raise ValueError(f"pins are 0 to {PINS - 1} with true or false, not {pin!r} with {value!r}")
        self.values[pin] = int(value)
        if pin // protocol.PORT in self._ports:
            self._said += self._digital_report(pin // protocol.PORT)

    def _restart(self, *_args: Any) -> None:
        self._boot()
        self._said = self._hello()


def _first_mode(pin: int) -> int:
    return protocol.ANALOG_INPUT if pin >= FIRST_ANALOG else protocol.OUTPUT


def _modes(pin: int) -> dict[int, int]:
    """What a pin can do, and with how many bits."""
    if not FIRST_DIGITAL <= pin < PINS:
        return {}
    modes = {protocol.INPUT: 1, protocol.PULLUP: 1, protocol.OUTPUT: 1}
    if pin >= FIRST_ANALOG:
        modes[protocol.ANALOG_INPUT] = 10
    else:
        modes[protocol.SERVO] = 14
    if pin in PWM_PINS:
        modes[protocol.PWM] = 8
    if pin in I2C_PINS:
        modes[protocol.I2C] = 1
    return modes


_HANDLERS: Final[dict[int, Callable[[SimulatedUno, Message], bytes]]] = {
    protocol.VERSION: SimulatedUno._on_version,
    protocol.FIRMWARE: SimulatedUno._on_firmware,
    protocol.CAPABILITY_QUERY: SimulatedUno._on_capabilities,
    protocol.ANALOG_MAPPING_QUERY: SimulatedUno._on_mapping,
    protocol.PIN_STATE_QUERY: SimulatedUno._on_state_query,
    protocol.SET_PIN_MODE: SimulatedUno._on_mode,
    protocol.SET_PIN_VALUE: SimulatedUno._on_value,
    protocol.DIGITAL: SimulatedUno._on_port,
    protocol.ANALOG: SimulatedUno._on_analog,
    protocol.EXTENDED_ANALOG: SimulatedUno._on_extended,
    protocol.REPORT_ANALOG: SimulatedUno._on_report_analog,
    protocol.REPORT_DIGITAL: SimulatedUno._on_report_digital,
    protocol.SAMPLING_INTERVAL: SimulatedUno._on_sampling,
    protocol.I2C_REQUEST: SimulatedUno._on_i2c,
}

#: bytes of data without which a message means nothing
_NEEDED: Final = {
    protocol.PIN_STATE_QUERY: 1, protocol.EXTENDED_ANALOG: 2, protocol.SAMPLING_INTERVAL: 1, protocol.I2C_REQUEST: 4,
}  # fmt: skip

SIM_MACHINES: Final = {Uno: SimulatedUno}
