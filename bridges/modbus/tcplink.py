"""A bus behind a socket: a device that speaks Modbus/TCP or a gateway, connected again for ever, with growing waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from bridges.backoff import Backoff
from bridges.clock import Delayed
from bridges.modbus.bus import LinkUser

#: seconds to connect
CONNECT_TIMEOUT: Final = 10.0


class TcpLink(ClientFactory):
    """A connection to a device or a gateway.

    host, port: where. reactor: IReactorTCP and IReactorTime. random: numbers of [0, 1), for the waits.

    A connection that worked and is closed, by a device that closes idle ones for instance, is made again at once and
    without a word; only if that fails is it away.
    """

    noisy = False
    user: LinkUser

    def __init__(self, host: str, port: int, reactor: Any, random: Callable[[], float]) -> None:
        self._host = host
        self._port = port
        self._reactor = reactor
        self._backoff = Backoff(random)
        self._connector: Any = None
        self._protocol: _Stream | None = None
        self._timer: Delayed | None = None
        self._told: str | None = None
        self._why: str | None = None
        self._running = False

    def start(self) -> None:
        """Connect, now or whenever it is possible."""
        self._running = True
        self._told = None
        self._connect()

    def stop(self) -> None:
        """Close the connection. Idempotent."""
        self._running = False
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._drop("the bridge stops")
        self._protocol = self._connector = None

    def write(self, data: bytes) -> None:
        """Send bytes; what cannot be sent is an answer that does not come."""
        if self._protocol is not None:
            self._protocol.tcp.write(data)

    def restart(self, reason: str) -> None:
        """Close the connection and make a new one."""
        self._drop(reason)

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """None: it is a real one."""
        return {}

    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return self._host, self._port

    # --- from Twisted -----------------------------------------------------------------------------------------------

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002
        return _Stream(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:  # noqa: ARG002
        self._connector = None
        if self._running:
            self._tell(reason.getErrorMessage())
            self._again()

    def made(self, protocol: _Stream) -> None:
        """The connection is there."""
        self._protocol = protocol
        self._why = None
        self.user.link_ready()

    def received(self, data: bytes) -> None:
        """Something came; a connection that works may be made again soon."""
        self._backoff.reset()
        self._told = None
        self.user.link_received(data)

    def lost(self, protocol: _Stream, reason: str) -> None:
        """The connection is gone."""
        if protocol is not self._protocol:
            return
        self._protocol = self._connector = None
        if not self._running:
            return
        why = self._why or reason
        known = protocol.worked or why == self._told
        self._told = None if protocol.worked else why
        self.user.link_away(why, known)
        self._again()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._timer = None
        host, port = self.address()
        self._connector = self._reactor.connectTCP(host, port, self, timeout=CONNECT_TIMEOUT)

    def _again(self) -> None:
        self._timer = self._reactor.callLater(self._backoff.wait(), self._connect)

    def _drop(self, reason: str) -> None:
        """Close at once: a peer that is gone acknowledges nothing."""
        self._why = reason
        if self._protocol is not None:
            self._protocol.tcp.abortConnection()
        elif self._connector is not None:
            connector, self._connector = self._connector, None
            connector.stopConnecting()

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self.user.link_away(reason, False)


class _Stream(Protocol):
    """Between Twisted's transport and the link. worked: whether anything came."""

    def __init__(self, link: TcpLink) -> None:
        self._link = link
        self.worked = False

    @property
    def tcp(self) -> Any:
        """The transport: ITCPTransport."""
        return self.transport

    def connectionMade(self) -> None:
        self.tcp.setTcpNoDelay(True)
        self.tcp.setTcpKeepAlive(True)
        self._link.made(self)

    def dataReceived(self, data: bytes) -> None:
        self.worked = True
        self._link.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._link.lost(self, reason.getErrorMessage())
