"""One board: who it is, what its pins can do, and what they are set up for.

After it is opened it is asked for version, firmware, capabilities and analog mapping, one after the other, each again
if no answer comes. Then its pins are set up. A board that restarts by itself tells its firmware unasked; it has
forgotten everything then, and all begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bridges.clock import Clock, Delayed
from bridges.firmata import protocol
from bridges.firmata.protocol import FROM_BOARD, Message, Parser

#: how often a question is asked before the board counts as silent; it is asked on
PATIENCE: Final = 5
#: seconds of silence after which a board is asked whether it is still there, and again as many for its answer
SILENCE: Final = 10.0
#: of the protocol
MAJOR: Final = 2
#: since when one pin can be set by itself
PIN_VALUES_SINCE: Final = (2, 5)


class BoardUser(Protocol):
    """Who is told of a board."""

    def board_ready(self) -> None:
        """It has told everything; its pins may be set up."""

    def board_silent(self, reason: str) -> None:
        """It does not speak Firmata, or another version. Told once a reason."""

    def board_lost(self, reason: str) -> None:
        """It has restarted or hangs; its pins are not there until `board_ready`."""

    def board_level(self, pin: int, on: bool) -> None:
        """A digital input, each time its port is reported."""

    def board_analog(self, channel: int, value: int) -> None:
        """An analog input."""

    def board_i2c(self, address: int, register: int, data: bytes) -> None:
        """A register that was asked for."""

    def board_says(self, text: str) -> None:
        """Text, mostly of errors."""


#: what is asked, in this order: a name, the question, the kind of its answer
_QUESTIONS: Final = (
    ("version", protocol.version_query(), protocol.VERSION),
    ("firmware", protocol.sysex(protocol.FIRMWARE), protocol.FIRMWARE),
    ("capabilities", protocol.sysex(protocol.CAPABILITY_QUERY), protocol.CAPABILITIES),
    ("analog mapping", protocol.sysex(protocol.ANALOG_MAPPING_QUERY), protocol.ANALOG_MAPPING),
)


class Board:
    """See above.

    send: takes bytes. clock: monotonic time. timeout: seconds for an answer. user: who is told.

    version: of the protocol. firmware: its name and version. pins: of each its modes and their resolutions. channels:
    analog channel -> pin. ready: whether all that is known.
    """

    def __init__(self, send: Callable[[bytes], object], clock: Clock, timeout: float, user: BoardUser) -> None:
        self._send = send
        self._clock = clock
        self._timeout = timeout
        self._user = user
        self._parser = Parser(FROM_BOARD)
        self._step = 0
        self._asked = 0
        self._timer: Delayed | None = None
        self._told: str | None = None
        self._heard = self._looking = False
        self._states: dict[int, Callable[[int, int], None]] = {}
        self._levels: dict[int, int] = {}
        self.version = (0, 0)
        self.firmware: str | None = None
        self.pins: list[dict[int, int]] = []
        self.channels: dict[int, int] = {}
        self.ready = False

    @property
    def bad(self) -> int:
        """Messages that broke off."""
        return self._parser.bad

    def begin(self) -> None:
        """It is open."""
        self._parser.restart()
        self._told = None
        self._restart()

    def end(self) -> None:
        """It is closed. Idempotent."""
        self.ready = self._looking = False
        self._states.clear()
        self._cancel()

    def received(self, data: bytes) -> None:
        """Bytes from the board."""
        self._heard = True
        for message in self._parser.feed(data):
            handler = _HANDLERS.get(message.kind)
            if handler is not None:
                handler(self, message)

    # --- what it is asked ---------------------------------------------------------------------------------------------

    def pin_of(self, name: int | str) -> int | None:
        """The number of a pin. name: that, or `A0`. Result: None if the board has no such channel."""
        return name if isinstance(name, int) else self.channels.get(int(name[1:]))

    def state_of(self, pin: int, answer: Callable[[int, int], None]) -> None:
        """Ask for the mode of a pin and its value; the answer may not come."""
        self._states[pin] = answer
        self._send(protocol.pin_state_query(pin))

    def set_level(self, pin: int, on: bool) -> None:
        """Set a digital output."""
        self.has_level(pin, on)
        if self.version >= PIN_VALUES_SINCE:
            self._send(protocol.pin_value(pin, on))
        else:
            port = pin // protocol.PORT
            self._send(protocol.port_value(port, self._levels[port]))

    def has_level(self, pin: int, on: bool) -> None:
        """What a digital output was found to be; it is kept when others of its port are set."""
        port, bit = divmod(pin, protocol.PORT)
        self._levels[port] = self._levels.get(port, 0) & ~(1 << bit) | on << bit

    # --- asking -------------------------------------------------------------------------------------------------------

    def _restart(self) -> None:
        self.end()
        self._levels.clear()
        self._step = 0
        self._asked = 0
        self._ask()

    def _ask(self) -> None:
        self._cancel()
        name, question, _ = _QUESTIONS[self._step]
        if self._asked == PATIENCE:
            self._tell(f"it does not say its {name}; is there Firmata on it, and is the baudrate right?")
        self._asked += 1
        self._send(question)
        self._timer = self._clock.callLater(self._timeout, self._unanswered)

    def _unanswered(self) -> None:
        self._timer = None
        self._ask()

    def _is_asked(self, kind: int) -> bool:
        """Whether this is what was asked for; noise may look like any message."""
        return not self.ready and kind == _QUESTIONS[self._step][2]

    def _answered(self) -> None:
        """The next question; after the last one it is ready."""
        self._step += 1
        self._asked = 0
        if self._step < len(_QUESTIONS):
            self._ask()
            return
        self._cancel()
        self.ready = True
        self._told = None
        self._look()
        self._user.board_ready()

    def _look(self) -> None:
        """A board that has nothing to say answers a question, unless it hangs."""
        self._timer = self._clock.callLater(SILENCE, self._looked, self._looking)
        self._heard = False

    def _looked(self, asked: bool) -> None:
        self._timer = None
        if self._heard:
            self._looking = False
        elif asked:
            self._begin_anew(f"the board has been silent for {2 * SILENCE:g} s")
            return
        else:
            self._looking = True
            self._send(protocol.version_query())
        self._look()

    def _begin_anew(self, reason: str) -> None:
        self._user.board_lost(reason)
        self._restart()

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self._user.board_silent(reason)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # --- messages -----------------------------------------------------------------------------------------------------

    def _on_version(self, message: Message) -> None:
        if not self._is_asked(message.kind):
            return
        self.version = (message.data[0], message.data[1])
        if self.version[0] == MAJOR:
            self._answered()
        else:
            self._tell(f"it speaks version {self.version[0]}.{self.version[1]} of Firmata; 2.x is needed")

    def _on_firmware(self, message: Message) -> None:
        """Unasked, it means that the board has just started."""
        if len(message.data) < 2:
            return
        if self.ready:
            self._begin_anew("the board has restarted")
        elif self._is_asked(message.kind):
            major, minor = message.data[:2]
            self.firmware = f"{protocol.text(message.data[2:])} {major}.{minor}".strip()
            self._answered()

    def _on_capabilities(self, message: Message) -> None:
        if self._is_asked(message.kind):
            self.pins = protocol.capabilities(message.data)
            self._answered()

    def _on_mapping(self, message: Message) -> None:
        if self._is_asked(message.kind):
            self.channels = protocol.analog_mapping(message.data)
            self._answered()

    def _on_state(self, message: Message) -> None:
        if len(message.data) >= 3:
            answer = self._states.pop(message.data[0], None)
            if answer is not None:
                answer(message.data[1], protocol.number(message.data[2:]))

    def _on_digital(self, message: Message) -> None:
        if self.ready:
            mask = protocol.number(message.data)
            for bit in range(protocol.PORT):
                self._user.board_level(message.pin * protocol.PORT + bit, bool(mask >> bit & 1))

    def _on_analog(self, message: Message) -> None:
        if self.ready:
            self._user.board_analog(message.pin, protocol.number(message.data))

    def _on_extended_analog(self, message: Message) -> None:
        if self.ready and len(message.data) > 1:
            self._user.board_analog(message.data[0], protocol.number(message.data[1:]))

    def _on_i2c(self, message: Message) -> None:
        data = protocol.octets(message.data[4:])
        if self.ready and len(message.data) >= 4:
            address, register = protocol.number(message.data[:2]), protocol.number(message.data[2:4])
            self._user.board_i2c(address, register, data)

    def _on_text(self, message: Message) -> None:
        self._user.board_says(protocol.text(message.data))


_HANDLERS: Final[dict[int, Callable[[Board, Message], None]]] = {
    protocol.VERSION: Board._on_version,
    protocol.FIRMWARE: Board._on_firmware,
    protocol.CAPABILITIES: Board._on_capabilities,
    protocol.ANALOG_MAPPING: Board._on_mapping,
    protocol.PIN_STATE: Board._on_state,
    protocol.DIGITAL: Board._on_digital,
    protocol.ANALOG: Board._on_analog,
    protocol.EXTENDED_ANALOG: Board._on_extended_analog,
    protocol.I2C_REPLY: Board._on_i2c,
    protocol.TEXT: Board._on_text,
}
