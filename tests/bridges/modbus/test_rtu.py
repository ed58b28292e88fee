"""Modbus RTU on a real pty: the serial port of every bridge, timing, damaged answers, unplugging."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from bridges.modbus import build
from bridges.modbus.bridge import ModbusBridge
from bridges.modbus.config import ModbusConfig
from bridges.modbus.framing import seal
from bridges.modbus.simslave import Memory
from bridges.stamps import Stamps
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

UNITS = {
    "meter": {"unit": 1, "values": {"v": {"register": "30001"}}},
    "pump": {"unit": 2, "values": {"speed": {"register": "40001", "write": {}}}},
}
ASK_METER = seal(1, bytes.fromhex("04 00 00 00 01"))
ASK_PUMP = seal(2, bytes.fromhex("03 00 00 00 01"))


class Line:
    """The bridge `plant` on a pty, and the slaves 1 and 2, whose answers a test may change."""

    def __init__(self, device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> None:
        self.device = device
        self.reactor = reactor
        self.session = session
        self.slaves = {1: Memory(100), 2: Memory(100)}
        self.slaves[1].put("input", 0, b"\x00\xe6")
        self.requests: list[bytes] = []
        self.meddle: Callable[[bytes], bytes] = lambda answer: answer
        self.bridge: Any = None

    def open(self, **options: Any) -> None:
        section = {"type": "modbus", "id": "plant", "realm": "realm1", "device": str(self.device.link), **options}
        config = msgspec.convert({"units": UNITS, "timeout": 3, **section}, ModbusConfig)
        stamps = Stamps(self.reactor, synchronized=lambda: True)
        self.bridge = ModbusBridge(config, self.reactor, stamps, random=lambda: 0.5)
        self.bridge.start(self.session)

    def until(self, condition: Callable[[], object]) -> None:
        def served() -> object:
            self.serve()
            return condition()

        self.reactor.until(served)

    def serve(self) -> None:
        """What the slaves do: a request is 8 bytes, its answer comes at once."""
        with contextlib.suppress(OSError, ValueError):
            data = self.device.heard()
            for place in range(0, len(data), 8):
                frame = data[place : place + 8]
                self.requests.append(frame)
                if frame[0] in self.slaves:
                    self.device.say(self.meddle(seal(frame[0], self.slaves[frame[0]].answer(frame[1:-2]))))


@pytest.fixture
def line(device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> Iterator[Line]:
    found = Line(device, reactor, session)
    yield found
    if found.bridge is not None:
        found.bridge.stop()
    assert not reactor.getReaders()
    assert not [call for call in reactor.getDelayedCalls() if call.func.__module__.startswith("bridges.")]


def test_values_over_a_serial_line(line: Line) -> None:
    line.open()
    line.until(lambda: line.session.values("plant.pump"))
    assert line.session.values("plant.meter") == [{"v": 230}]
    assert line.requests == [ASK_METER, ASK_PUMP]
    assert line.session.values("plant.status") == ["open"]


def test_a_write_over_a_serial_line(line: Line) -> None:
    line.open()
    line.until(lambda: line.session.values("plant.pump"))
    done: list[Any] = []
    line.session.procedures["plant.pump.speed.set"](1450).addBoth(done.append)
    line.until(lambda: done)
    assert done == [1450]
    assert line.slaves[2].tables["holding"][0] == 1450


@pytest.mark.parametrize(
    ("damage", "timeouts", "damaged"),
    [
        (lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]), 0, 1),
        (lambda answer: answer[:4], 1, 0),
        (lambda answer: seal(9, answer[1:-2]), 1, 0),
        (lambda answer: b"", 1, 0),
    ],
    ids=["wrong crc", "half an answer", "wrong unit", "no answer"],
)
def test_what_is_wrong_with_an_answer_is_asked_again(
    line: Line, damage: Callable[[bytes], bytes], timeouts: int, damaged: int
) -> None:
    """A wrong checksum is known after a short silence, without waiting for the timeout. No wrong value appears."""
    line.open(timeout=2)
    wrong = [1]
    line.meddle = lambda answer: damage(answer) if wrong and not wrong.clear() else answer  # type: ignore[func-returns-value]
    line.until(lambda: line.session.values("plant.pump"))
    assert line.session.values("plant.meter") == [{"v": 230}]
    assert line.requests == [ASK_METER, ASK_METER, ASK_PUMP]
    counts = line.bridge.details()
    assert (counts["timeouts"], counts["damaged"]) == (timeouts, damaged)


def test_an_answer_in_pieces_and_after_noise(line: Line) -> None:
    line.open()
    line.meddle = lambda answer: b"\0\xff" + answer
    line.until(lambda: line.session.values("plant.pump"))
    assert line.bridge.details()["timeouts"] == 0


def test_echo(line: Line) -> None:
    """An adapter that gives back what is sent."""
    line.open(echo=True)
    line.meddle = lambda answer: line.requests[-1] + answer
    line.until(lambda: line.session.values("plant.pump"))
    done: list[Any] = []
    line.session.procedures["plant.pump.speed.set"](7).addBoth(done.append)
    line.until(lambda: done)
    assert done == [7]


def test_a_late_answer_on_a_line_without_numbers(line: Line) -> None:
    """The answer to a repeated request comes twice; the second is not taken for the next value's."""
    values = {"a": {"register": "40001"}, "b": {"register": "40051"}}
    line.slaves[2].put("holding", 0, b"\0\x0b")
    line.slaves[2].put("holding", 50, b"\0\x16")
    line.open(timeout=1, units={"pump": {"unit": 2, "values": values}})
    held: list[bytes] = []

    def late(answer: bytes) -> bytes:
        held.append(answer)
        return b"" if len(held) == 1 else answer

    line.meddle = late
    line.until(lambda: len(line.requests) == 2)
    line.reactor.pump(0.01)
    line.device.say(held[0])
    line.until(lambda: line.session.values("plant.pump"))
    assert line.session.values("plant.pump") == [{"a": 11, "b": 22}]
    assert line.bridge.details()["late"] >= 1


def test_unplugged_and_plugged_in_again(line: Line, logged: list[str]) -> None:
    line.open(interval=1)
    line.until(lambda: line.session.values("plant.pump"))
    line.device.unplug()
    line.until(lambda: line.session.values("plant.status")[-1] == "away")
    before = len(line.session.values("plant.pump"))
    line.device.plug()
    line.until(lambda: len(line.session.values("plant.pump")) > before)
    assert line.session.values("plant.status") == ["open", "away", "open"]
    assert len([text for text in logged if "away" in text]) == 1
    assert not [text for text in logged if "does not answer" in text], "the line was away, not the slaves"


@pytest.mark.parametrize(
    ("options", "character", "pause"),
    [
        ({"baudrate": 9600}, 10 / 9600, 0.02),
        ({"baudrate": 9600, "pause": 0}, 10 / 9600, 3.5 * 10 / 9600),
        ({"baudrate": 19200, "parity": "even", "pause": 0}, 11 / 19200, 3.5 * 11 / 19200),
        ({"baudrate": 115200, "pause": 0}, 10 / 115200, 0.00175),
        ({"baudrate": 1200, "stopbits": 2}, 11 / 1200, 3.5 * 11 / 1200),
        ({"device": None, "host": "x"}, 0, 0),
        ({"device": None, "host": "x", "framing": "rtu"}, 0, 0.02),
    ],
)
def test_times_of_the_line(options: dict[str, Any], character: float, pause: float) -> None:
    """MODBUS over Serial Line, section 2.5.1.1: 3.5 characters, and 1.75 ms above 19200 bits a second."""
    section = {"type": "modbus", "id": "plant", "realm": "realm1", "device": "/dev/ttyUSB0", **options}
    timing = build.timing(msgspec.convert(section, ModbusConfig))
    assert timing.character == pytest.approx(character)
    assert timing.pause == pytest.approx(pause)


def test_a_port_that_is_opened_again_because_it_was_silent(line: Line) -> None:
    """The rounds begin once, however often it is opened."""
    line.open(interval=0.5, timeout=0.1, retries=0, reopen_after=2)
    line.meddle = lambda answer: b""
    line.reactor.until(lambda: line.serve() or line.bridge._link._port.reopened >= 3)  # type: ignore[func-returns-value]
    line.meddle = lambda answer: answer
    line.until(lambda: line.session.values("plant.pump") and line.session.values("plant.meter"))
    before, since = len(line.session.values("plant.pump")), line.reactor.seconds()
    line.until(lambda: line.reactor.seconds() > since + 5)
    assert 9 <= len(line.session.values("plant.pump")) - before <= 11
