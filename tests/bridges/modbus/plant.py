"""A Modbus bridge `plant` with simulated slaves at the other end of a socket in memory, and a false clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure

from bridges.modbus.bridge import ModbusBridge
from bridges.modbus.config import ModbusConfig
from bridges.modbus.simslave import Memory
from bridges.stamps import Stamps
from edge_router.client import CallError
from tests.bridges.harness import FakeSession, PtyReactor

WALL = 1_700_000_000.0


def configured(**options: Any) -> ModbusConfig:
    """A section as the file would have it."""
    section = {"type": "modbus", "id": "plant", "realm": "realm1", "host": "127.0.0.1", **options}
    return msgspec.convert(section, ModbusConfig)


class Wire:
    """The transport of one connection: what is written reaches the slaves, and their answers come a little later."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self.protocol: Any = None
        self.connected = True

    def write(self, data: bytes) -> None:
        self._plant.heard(self, data)

    def abortConnection(self) -> None:
        self.close()

    def close(self) -> None:
        """From either side; the news comes later, as in a real reactor."""
        if self.connected:
            self.connected = False
            self._plant.reactor.callLater(0, self.protocol.connectionLost, Failure(ConnectionDone()))

    def setTcpNoDelay(self, on: bool) -> None: ...

    def setTcpKeepAlive(self, on: bool) -> None: ...


class Plant:
    """The bridge and its slaves.

    slaves: address -> memory. dead: those that do not answer. delay: seconds to an answer. meddle: changes an answer's
    PDU, given the request's. requests: (unit, PDU) as they came. accepts: whether connections come about by themselves.
    """

    def __init__(self, reactor: PtyReactor, session: FakeSession) -> None:
        self.reactor = reactor
        self.session = session
        self.slaves: dict[int, Memory] = {1: Memory(200), 2: Memory(200)}
        self.dead: set[int] = set()
        self.delay = 0.01
        self.meddle: Callable[[bytes, bytes], bytes] = lambda request, answer: answer
        self.requests: list[tuple[int, bytes]] = []
        self.wire: Wire | None = None
        self.accepts = True
        self.connections = 0
        self.bridge: Any = None

    # --- the bridge's side ------------------------------------------------------------------------------------------

    def make(self, **options: Any) -> ModbusBridge:
        """A bridge that is not started."""
        stamps = Stamps(self.reactor, wall=lambda: WALL + self.reactor.seconds(), synchronized=lambda: True)
        self.bridge = ModbusBridge(configured(**options), self.reactor, stamps, random=lambda: 0.5)
        return self.bridge

    def open(self, **options: Any) -> None:
        """A bridge that is started and connected; the first round is over."""
        self.make(**options).start(self.session)
        self.connect()
        self.pass_time(1)

    def pass_time(self, seconds: float, step: float = 0.01) -> None:
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            if self.accepts and len(self.reactor.tcpClients) > self.connections:
                self.connect()

    def values(self, topic: str) -> list[Any]:
        return self.session.values(f"plant.{topic}")

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """What a procedure gives within ten seconds; its CallError is raised."""
        result = self.session.procedures[f"plant.{name}"](*args, **kwargs)
        found: list[Any] = []
        if not isinstance(result, Deferred):
            return result
        result.addBoth(found.append)
        for _ in range(1000):
            if found:
                break
            self.reactor.advance(0.01)
        assert found, "no answer within ten seconds"
        if isinstance(found[0], Failure):
            found[0].raiseException()
        return found[0]

    def refusal(self, name: str, *args: Any, **kwargs: Any) -> tuple[str, str]:
        """URI and text of the error that a call has."""
        try:
            self.call(name, *args, **kwargs)
        except CallError as error:
            return error.uri, error.error_args[0]
        raise AssertionError("it was done")

    def status(self) -> dict[str, Any]:
        result = self.session.procedures["plant.get_status"]()
        return {"state": result.args[0], **result.kwargs}

    # --- the slaves' side -------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """The last connection that was asked for comes about."""
        self.connections = len(self.reactor.tcpClients)
        factory = self.reactor.tcpClients[-1][2]
        self.wire = Wire(self)
        protocol = self.wire.protocol = factory.buildProtocol(None)
        protocol.makeConnection(self.wire)

    def refuse(self) -> None:
        """The last connection that was asked for does not."""
        factory = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectionRefusedError()))

    def heard(self, wire: Wire, data: bytes) -> None:
        unit, request = data[6], data[7:]
        self.requests.append((unit, request))
        if unit in self.slaves and unit not in self.dead:
            answer = self.meddle(request, self.slaves[unit].answer(request))
            head = data[:4] + (len(answer) + 1).to_bytes(2) + data[6:7]
            self.reactor.callLater(self.delay, self._say, wire, head + answer)

    def _say(self, wire: Wire, data: bytes) -> None:
        if wire.connected:
            wire.protocol.dataReceived(data)

    def asked(self) -> list[str]:
        """The requests since the last call, as `unit: function and data`."""
        found = [f"{unit}: {request.hex(' ')}" for unit, request in self.requests]
        self.requests.clear()
        return found
