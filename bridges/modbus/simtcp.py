"""Simulated slaves behind a socket of this machine that nobody else reaches: 127.0.0.1, at a port that is free."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from bridges.modbus.framing import MBAP
from bridges.modbus.simkinds import SIM_KINDS, Slaves
from bridges.modbus.simulator import SimulatedSlaves
from bridges.modbus.tcplink import TcpLink
from bridges.simulated import Faults, parse
from bridges.simulating import simulate

LOCALHOST: Final = "127.0.0.1"


class SimulatedTcpLink(TcpLink):
    """A connection to simulated slaves.

    host: `sim:KIND`. reactor, random: as of TcpLink.
    """

    def __init__(self, host: str, reactor: Any, random: Callable[[], float]) -> None:
        super().__init__(host, 0, reactor, random)
        options = parse(host, SIM_KINDS).options
        assert isinstance(options, Slaves)
        self._server = SimulatedServer(options, reactor)

    def start(self) -> None:
        """Raises CannotListenError if the system has no free port."""
        self._server.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self._server.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """`simulate`."""
        return {"simulate": self._server.simulate}

    def address(self) -> tuple[str, int]:
        return LOCALHOST, self._server.port


class SimulatedServer(ServerFactory):
    """Listens for one bridge.

    options: of the slaves and their faults. reactor: IReactorTCP and IReactorTime.

    port: where. simulate: the procedure.
    """

    noisy = False

    def __init__(self, options: Slaves, reactor: Any) -> None:
        self._reactor = reactor
        self._slaves = SimulatedSlaves(options, Random(options.seed))
        self._faults = Faults(reactor, options, self._changed)
        self._listening: Any = None
        self._connections: set[_Connection] = set()
        self.port = 0
        self.simulate = simulate(self._faults, self._slaves.words())

    def start(self) -> None:
        """Listen."""
        self._listening = self._reactor.listenTCP(self.port, self, interface=LOCALHOST)
        self.port = self._listening.getHost().port

    def stop(self) -> None:
        """Listen no more, and end the connections. Idempotent."""
        self._faults.stop()
        self._close()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002
        return _Connection(self)

    def opened(self, connection: _Connection) -> None:
        """Somebody connected."""
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        """Somebody left."""
        self._connections.discard(connection)

    def heard(self, frame: bytes) -> bytes:
        """The answer to a frame; nothing if there is none. Faults hit either."""
        carried = self._faults.carry(frame)
        if carried is None:
            return b""
        answer = self._slaves.answer(carried[6], carried[MBAP.size :])
        if answer is None:
            return b""
        unit, pdu = answer
        head = carried[:4] + (len(pdu) + 1).to_bytes(2) + bytes([unit])
        return self._faults.carry(head + pdu) or b""

    def _changed(self, fault: str) -> None:
        if fault == "unplug":
            self._close()
        elif self._listening is None:
            self.start()

    def _close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.stopListening()
        for connection in list(self._connections):
            connection.abort()


class _Connection(Protocol):
    """One connection; its requests one after the other."""

    def __init__(self, server: SimulatedServer) -> None:
        self._server = server
        self._buffer = b""

    @property
    def tcp(self) -> Any:
        """The transport: ITCPTransport."""
        return self.transport

    def connectionMade(self) -> None:
        self._server.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        self._server.closed(self)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > MBAP.size:
            size = MBAP.size - 1 + MBAP.unpack_from(self._buffer)[2]
            if len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            answer = self._server.heard(frame)
            if answer:
                self.tcp.write(answer)

    def abort(self) -> None:
        """End it at once."""
        self.tcp.abortConnection()
