"""One HTTP connection: its bounds and time-outs, and handing it over to another protocol. (RFC 9112.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from twisted.web import http

from edge_router.config.schema import WebOptions
from edge_router.transports.listen import Connections
from edge_router.web.bodies import Budget
from edge_router.web.path import NestedService
from edge_router.web.request import WebRequest

#: bytes of requests that wait for the answer to one before them
MAX_WAITING: Final = 131_072
#: what TLS and RawSocket begin with, and no request: who asks for these here learns at once that it is the wrong door
NO_REQUEST: Final = (b"\x16", b"\x7f")


class WebChannel(http.HTTPChannel):
    """One HTTP connection.

    root: finds who answers a request. options: of the transport. connections: those of the port. clock: the reactor.
    budget: for bodies, of the port.
    """

    requestFactory = WebRequest  # noqa: N815 - Twisted's name
    transport: Any

    def __init__(
        self, root: NestedService, options: WebOptions, connections: Connections, clock: Any, budget: Budget
    ) -> None:
        super().__init__()
        self.root = root
        self.options = options
        self.connections = connections
        self.clock = clock
        self.budget = budget
        self.timeOut = options.client_timeout
        self.refused = False
        self._successor: StreamProtocol | None = None
        self._waiting = 0
        self._begun = False

    def connectionMade(self) -> None:
        self.connections.entered(self.transport)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.connections.left(self.transport)
        super().connectionLost(reason)
        if self._successor is not None:
            self._successor.connectionLost(reason)

    # --- time --------------------------------------------------------------------------------------------------

    def callLater(self, delay: float, call: Callable[[], object]) -> Any:
        """What the time-outs are made with; Twisted's own takes the global reactor."""
        return self.clock.callLater(delay, call)

    def resetTimeout(self) -> None:
        """Twisted calls this for each read. But a request has its time from its first octet on, however it drips."""
        if not self._begun:
            self._begun = True
            super().resetTimeout()

    def progressed(self) -> None:
        """Enough of a body has come that its sender is taken to be in earnest."""
        super().resetTimeout()

    def timeoutConnection(self) -> None:
        """Close an idle connection. Twisted's own writes a line at info for each."""
        self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        self.loseConnection()

    # --- requests ----------------------------------------------------------------------------------------------

    def allHeadersReceived(self) -> None:
        """The head of a request is complete."""
        self.requests[-1].head_received(self._command, self._path, self._version)
        super().allHeadersReceived()

    def refuse(self, answer: bytes) -> None:
        """Write an answer in the middle of a request, and close. Once; what comes meanwhile is passed over."""
        if not self.refused:
            self.refused = True
            self.persistent = 0
            self.transport.write(answer)
            self.loseConnection()

    def abortConnection(self) -> None:
        """An answer that was begun cannot be ended: the client must not take what it has for all of it."""
        self.transport.abortConnection()

    def hand_over(self, successor: StreamProtocol) -> None:
        """Another protocol takes the connection from here, whatever the client has sent beyond the request included."""
        transport = self.transport
        self._successor = successor
        self.requests.clear()
        transport.unregisterProducer()
        transport.resumeProducing()  # it is paused while requests wait behind others
        if getattr(transport, "protocol", None) is self:
            transport.protocol = successor
        successor.makeConnection(transport)
        self.connections.left(transport)

    def dataReceived(self, data: bytes) -> None:
        if self._successor is not None:
            self._successor.dataReceived(data)
        elif not self._begun and data.startswith(NO_REQUEST):
            self.transport.abortConnection()
        elif not self.refused:
            super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        """A piece of a body, or of requests that wait for the answer to one before them."""
        if self._successor is not None:
            if data:
                self._successor.dataReceived(data)
            return
        if self._handlingRequest:
            self._waiting += len(data)
        super().rawDataReceived(data)
        if self._waiting > MAX_WAITING and self.persistent:  # Twisted goes on collecting when the client does not read
            self.transport.abortConnection()

    def requestDone(self, request: WebRequest) -> None:
        """A request is answered; those that wait are next, unless the client does not read the answers.

        Twisted would answer all that one read brought, thousands, whatever waits for the client already.
        """
        self._waiting = 0
        self._begun = False
        self.paused = self._waitingForTransport
        if self.paused:
            self.transport.pauseProducing()
        super().requestDone(request)

    def resumeProducing(self) -> None:
        """The client has read what it was sent."""
        super().resumeProducing()
        if self.paused:
            self.paused = False
            self.dataReceived(b"")
