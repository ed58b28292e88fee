"""Simulated slaves in place of devices: on a pty and on a real socket, with what can be wrong with them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from twisted.internet.error import ConnectionAborted, ConnectionRefusedError
from twisted.python.failure import Failure

from bridges.modbus.bridge import ModbusBridge
from bridges.modbus.config import ModbusConfig
from bridges.modbus.framing import seal
from bridges.modbus.simkinds import Slaves
from bridges.modbus.simtcp import SimulatedServer
from bridges.modbus.simulator import SimulatedSlaves
from bridges.stamps import Stamps
from edge_router.client import CallError
from tests.bridges.harness import FakeSession, PtyReactor

UNITS = {
    "one": {
        "unit": 1,
        "interval": 0.5,
        "values": {
            "temperature": {"register": "30001", "format": "int16", "scale": 0.1, "round": 1},
            "voltage": {"register": "30003", "format": "float32", "round": 1},
            "setpoint": {"register": "40001", "scale": 0.1, "round": 1, "write": {"read_back": True}},
            "name": {"register": "40011", "format": "string", "length": 6},
        },
    },
    "two": {"unit": 2, "interval": 0.5, "values": {"setpoint": {"register": "40001"}}},
}
SIM = "sim:slaves?units=1,2&seed=1"


class Simulated:
    """The bridge `plant` with simulated slaves."""

    def __init__(self, reactor: PtyReactor, session: FakeSession) -> None:
        self.reactor = reactor
        self.session = session
        self.bridge: Any = None

    def open(self, **options: Any) -> None:
        section = {"type": "modbus", "id": "plant", "realm": "realm1", "units": UNITS, "timeout": 0.5, **options}
        config = msgspec.convert(section, ModbusConfig)
        self.bridge = ModbusBridge(config, self.reactor, Stamps(self.reactor), random=lambda: 0.5)
        self.bridge.start(self.session)
        self.until(lambda: self.session.values("plant.one") and self.session.values("plant.two"))

    def until(self, condition: Callable[[], object]) -> None:
        self.reactor.until(condition)

    def simulate(self, *args: Any) -> Any:
        return self.session.procedures["plant.simulate"](*args)

    def next_of(self, topic: str) -> Any:
        """The next event of a topic."""
        before = len(self.session.values(topic))
        self.until(lambda: len(self.session.values(topic)) > before)
        return self.session.last(topic)[0]

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.bridge.details()
        return found


@pytest.fixture
def line(reactor: PtyReactor, session: FakeSession) -> Iterator[Simulated]:
    """On a pty."""
    found = Simulated(reactor, session)
    found.open(device=SIM)
    yield found
    found.bridge.stop()
    assert not reactor.getReaders()


def test_a_simulated_line(line: Simulated) -> None:
    frame = line.next_of("plant.one")
    assert 15 <= frame["temperature"] <= 30
    assert frame["voltage"] == pytest.approx(230, abs=5)
    assert (frame["setpoint"], frame["name"]) == (21.5, "edge-router")
    assert line.facts()["device"] == SIM


def test_a_write_to_a_simulated_line(line: Simulated) -> None:
    done: list[Any] = []
    line.session.procedures["plant.one.setpoint.set"](23.5).addBoth(done.append)
    line.until(lambda: done)
    assert done == [23.5]
    assert line.next_of("plant.one")["setpoint"] == 23.5


def test_a_silent_unit(line: Simulated, logged: list[str]) -> None:
    line.simulate("silent", 1, True)
    line.until(lambda: not line.facts()["units"]["one"]["alive"])
    line.next_of("plant.two")
    line.simulate("silent", 1, False)
    line.next_of("plant.one")
    assert [text for text in logged if "unit one" in text] == [
        "plant: unit one (address 1) does not answer: no answer within 0.5 s; it is tried now and then",
        "plant: unit one answers again",
    ]


def test_exceptions(line: Simulated) -> None:
    line.simulate("exception", 2, 6)
    assert line.next_of("plant.two") == {"setpoint": None}
    assert "server device busy" in line.bridge.status.kwargs()["last_error"]
    line.simulate("exception", 2, 0)
    assert line.next_of("plant.two") == {"setpoint": 215}


def test_wrong_unit(line: Simulated) -> None:
    """Never taken for an answer."""
    line.simulate("wrong_unit", True)
    line.until(lambda: not line.facts()["units"]["one"]["alive"])
    line.simulate("wrong_unit", False)
    line.next_of("plant.one")


def test_set(line: Simulated) -> None:
    line.simulate("set", 2, "holding", 0, [7])
    assert line.next_of("plant.two") == {"setpoint": 7}


def test_garbled_lines_give_no_wrong_value(line: Simulated) -> None:
    """The checksum finds each of them out; what comes is right, or nothing."""
    line.simulate("garble")
    line.until(lambda: line.facts()["damaged"] + line.facts()["timeouts"] >= 8)
    line.simulate("ok")
    line.next_of("plant.two")
    assert set(line.session.values("plant.two.setpoint")) == {215}


def test_unplug(line: Simulated) -> None:
    line.simulate("unplug", 1)
    line.until(lambda: line.session.values("plant.status")[-1] == "away")
    line.next_of("plant.one")
    assert line.session.values("plant.status") == ["open", "away", "open"]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["burn"], "set, silent, exception, wrong_unit"),
        (["silent", 9, True], "9 is no unit; there are 1, 2"),
        (["silent", 1, 1], "true or false"),
        (["silent"], "true or false"),
        (["exception", 1, 256], "number of an exception"),
        (["exception", 3, 1], "3 is no unit"),
        (["wrong_unit"], "true or false"),
        (["set", 1, "holding", 100, [1]], "address 100 is none"),
        (["set", 1, "holding", 0, [65536]], "numbers from 0 to 65535"),
        (["set", 1, "tape", 0, [1]], "unit, table, address"),
    ],
)
def test_what_cannot_be_simulated(line: Simulated, args: list[Any], why: str) -> None:
    with pytest.raises(CallError) as error:
        line.simulate(*args)
    assert why in error.value.error_args[0]


def test_requests_in_pieces_and_after_noise() -> None:
    """The simulated line itself: what is no request is passed over."""
    slaves = SimulatedSlaves(Slaves(units="1,2"), Random(1))
    requests = seal(1, bytes.fromhex("06 00 00 00 07")) + seal(2, bytes.fromhex("10 00 00 00 01 02 00 09"))
    heard = b"".join(slaves.hear(bytes([byte])) for byte in b"\xff\x00" + requests)
    assert heard == seal(1, bytes.fromhex("06 00 00 00 07")) + seal(2, bytes.fromhex("10 00 00 00 01"))
    assert slaves.hear(seal(9, bytes.fromhex("03 00 00 00 01"))) == b""
    noise = Random(2)
    for _ in range(2000):
        slaves.hear(noise.randbytes(40))
    assert len(slaves._buffer) <= 256


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("sim:", "sim:slaves"),
        ("sim:meter", "sim:slaves"),
        ("sim:slaves?units=x", "units=x: 'x' is none of 0 to 255"),
        ("sim:slaves?units=1,999", "'999' is none of 0 to 255"),
        ("sim:slaves?units=1,,2", "'' is none of 0 to 255"),
        ("sim:slaves?units=" + "1," * 32 + "1", "33 addresses"),
        ("sim:slaves?size=5", "size=5"),
        ("sim:slaves?colour=red", "there are units"),
    ],
)
@pytest.mark.parametrize("key", ["device", "host"])
def test_simulators_that_are_not_there_are_told_at_load(key: str, device: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="sim") as error:
        msgspec.convert({"type": "modbus", "id": "x", "realm": "y", key: device}, ModbusConfig)
    assert why in str(error.value)


# --- TCP -------------------------------------------------------------------------------------------------------------


class Loop(PtyReactor):
    """Connections to what listens in this reactor come about at once; bytes go over in the next turn."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[int, Any] = {}

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        assert interface == "127.0.0.1"
        found = super().listenTCP(port, factory, backlog, interface)
        number = port or 50_000
        self.listeners[number] = factory
        found.getHost = lambda: type("Host", (), {"port": number})
        found.stopListening = lambda: self.listeners.pop(number)
        return found

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, *args: Any) -> Any:
        connector = super().connectTCP(host, port, factory, timeout, *args)
        self.callLater(0, self._connect, factory, port)
        return connector

    def _connect(self, factory: Any, port: int) -> None:
        if port not in self.listeners:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            return
        here, there = factory.buildProtocol(None), self.listeners[port].buildProtocol(None)
        ours, theirs = End(self, here), End(self, there)
        ours.other, theirs.other = theirs, ours
        there.makeConnection(theirs)
        here.makeConnection(ours)


class End:
    """One end of a connection within the process."""

    def __init__(self, reactor: Loop, protocol: Any) -> None:
        self.reactor = reactor
        self.protocol = protocol
        self.other: Any = None
        self.open = True

    def write(self, data: bytes) -> None:
        self.reactor.callLater(0, self.other.take, data)

    def take(self, data: bytes) -> None:
        if self.open:
            self.protocol.dataReceived(data)

    def abortConnection(self) -> None:
        for end in (self, self.other):
            self.reactor.callLater(0, end.lost)

    def lost(self) -> None:
        if self.open:
            self.open = False
            self.protocol.connectionLost(Failure(ConnectionAborted()))

    def setTcpNoDelay(self, on: bool) -> None: ...

    def setTcpKeepAlive(self, on: bool) -> None: ...


@pytest.fixture
def socket(session: FakeSession) -> Iterator[Simulated]:
    reactor = Loop()
    found = Simulated(reactor, session)
    found.open(host=SIM)
    yield found
    found.bridge.stop()
    reactor.advance(0)
    assert not reactor.listeners
    assert not [call for call in reactor.getDelayedCalls() if call.func.__module__.startswith("bridges.")]


def test_a_simulated_socket(socket: Simulated) -> None:
    assert socket.next_of("plant.one")["name"] == "edge-router"
    assert socket.facts()["device"] == SIM


def test_faults_of_a_simulated_socket(socket: Simulated) -> None:
    """Each is got over."""
    for fault in ("hang", "drop", "unplug", "garble"):
        socket.simulate(fault, 1)
        before = socket.facts()["requests"]
        socket.until(lambda before=before: socket.facts()["requests"] > before + 5)  # type: ignore[misc]
        socket.next_of("plant.two")


def test_unplugging_a_simulated_socket_is_told(socket: Simulated) -> None:
    socket.simulate("unplug", 5)
    socket.until(lambda: socket.session.values("plant.status")[-1] == "away")
    socket.next_of("plant.one")
    assert socket.session.values("plant.status")[-1] == "open"


def test_a_server_that_is_stopped_twice() -> None:
    reactor = Loop()
    server = SimulatedServer(Slaves(), reactor)
    server.start()
    server.stop()
    with contextlib.suppress(KeyError):
        server.stop()
    assert not reactor.listeners
