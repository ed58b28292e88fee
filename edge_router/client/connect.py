"""Joining a realm of another router: connect, shake hands, log in.

    session = await connect(ClientWebSocket(url="wss://router.lan/ws"), "realm1", auth, reactor=reactor)
    session.on_leave = ...      # is told why, when the session ends; nothing is tried again here

"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from edge_router import registry
from edge_router.client.address import BadAddress, endpoint_of, place_of
from edge_router.client.connection import PLAIN, Connection, Plan, Speech
from edge_router.client.failures import CannotConnect, ConnectFailed
from edge_router.client.logins import logins_of
from edge_router.client.opening import open_stream, why_not
from edge_router.client.session import Session
from edge_router.config.schema.connecting import (
    ClientAuth,
    ClientEndpoint,
    ClientTcpEndpoint,
    ClientTransport,
    ClientWebSocket,
)

_KINDS: Final = {
    True: "edge_router.client.websocket:WebSocketConnection",
    False: "edge_router.client.rawsocket:RawSocketConnection",
}
_TLS: Final = "edge_router.client.tls:around"


def connect(
    transport: ClientTransport,
    realm: str | None,
    auth: ClientAuth | None = None,
    *,
    reactor: Any,
    directory: Path = Path(),
    speech: Speech = PLAIN,
) -> Deferred[Session]:
    """Join a realm of a router.

    transport: how to reach it. realm: which; None: the one that the router has for this user. auth: how to log in; left
    out, as anonymous. reactor: Twisted's. directory: the node directory, to which paths are relative. speech: what the
    session is, and says that it can do.
    Result: the session; fails with one of `client.failures`. Cancelling it ends the attempt.
    """
    try:
        endpoint = endpoint_of(transport)
        plan = Plan(transport, place_of(endpoint), realm, logins_of(auth, directory), reactor, speech)
        return Attempt(plan, endpoint, reactor, directory).start()
    except BadAddress as problem:
        return fail(CannotConnect(str(problem)))
    except ConnectFailed as problem:
        return fail(problem)


class Attempt:
    """One try to get a session. Arguments as above. kinds: by whether it is WebSocket, what makes connections."""

    def __init__(
        self, plan: Plan, endpoint: ClientEndpoint, reactor: Any, directory: Path, kinds: Mapping[bool, str] = _KINDS
    ) -> None:
        self._endpoint = endpoint
        self._reactor = reactor
        self._directory = directory
        self._joined: Deferred[Session] = Deferred(self._canceled)
        kind = registry.load(kinds[isinstance(plan.transport, ClientWebSocket)])
        self._connection: Connection = kind(plan, self._joined)
        self._opening: Deferred[Any] | None = None
        self._stream: Any = None
        self._given_up = False

    def start(self) -> Deferred[Session]:
        """Connect. Result: the session. Raises CannotConnect for files that cannot be used."""
        self._opening = open_stream(self._reactor, self._endpoint, self._directory, self._factory())
        self._opening.addCallbacks(self._opened, self._not_opened)
        return self._joined

    def _factory(self) -> Any:
        endpoint, connection = self._endpoint, self._connection
        if isinstance(endpoint, ClientTcpEndpoint) and endpoint.tls is not None:
            around = registry.load(_TLS)
            return around(endpoint, self._directory, connection, self._fail, self._reactor)
        factory: Any = Factory.forProtocol(lambda: connection)
        factory.noisy = False
        return factory

    def _opened(self, stream: Any) -> None:
        self._stream = stream

    def _not_opened(self, failure: Failure) -> None:
        self._fail(why_not(failure.value, self._endpoint))

    def _fail(self, problem: ConnectFailed) -> None:
        if not self._joined.called and not self._given_up:
            self._joined.errback(problem)

    def _canceled(self, _joined: object) -> None:
        self._given_up = True
        self._connection.abandon()
        if self._stream is not None:
            self._stream.transport.abortConnection()
        elif self._opening is not None:
            self._opening.cancel()
