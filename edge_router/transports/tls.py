"""TLS between a listening port and its protocols: the handshake, who the client is, new certificates while it runs.

A connection's own protocol is made when the handshake is done, so it never waits for TLS and knows from the first
octet on whose certificate was shown. This module, and pyOpenSSL with it, is loaded for an endpoint with `tls` only.
(RFC 8446, RFC 5246; channel binding: RFC 5929 section 3, RFC 9266.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IHandshakeListener, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from edge_router.config.schema import Tls
from edge_router.router.interfaces import ClientCertificate, TransportDetails
from edge_router.tls.files import BadTls, reason_of
from edge_router.tls.server import make_context
from edge_router.transports.listen import CannotListen, Connections
from edge_router.transports.peername import peer_name
from edge_router.transports.tally import Tally, logged

#: label of the channel binding of TLS 1.3 (RFC 9266 section 4.2)
_EXPORTER: Final = b"EXPORTER-Channel-Binding"
#: seconds that a client has for the handshake
HANDSHAKE_WITHIN: Final = 10.0


class TlsTransport(BufferingTLSTransport):
    """A connection under TLS, as protocols see it: like a plain one, and it says what the handshake found."""

    transport: Any

    def loseConnection(self) -> None:
        """Close when everything written has left, as a plain connection does.

        Twisted's own would wait for a producer to unregister, and for the client's word that it is closing, too, for
        ever if need be; a server does not have to (RFC 8446 section 6.1).
        """
        self.unregisterProducer()
        super().loseConnection()
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once; twice, or after the end, does nothing."""
        if self.connected:
            super().abortConnection()

    def transport_details(self, kind: str, protocol: str) -> TransportDetails:
        """How the client is connected, and with which certificate. kind, protocol: as in `TransportDetails`."""
        connection = self.getHandle()
        version = connection.get_protocol_version_name()
        channel_id: dict[str, bytes] = {}
        finished = connection.get_peer_finished()
        # nothing is resumed here, so the first Finished of TLS 1.2 is the client's (RFC 5929 section 3.1)
        if version == "TLSv1.2" and finished:
            channel_id["tls-unique"] = finished
        elif version == "TLSv1.3":
            channel_id["tls-exporter"] = connection.export_keying_material(_EXPORTER, 32, b"")
        return TransportDetails(
            kind, peer_name(self), protocol, True, _client_certificate(self.getPeerCertificate()), channel_id
        )


def _client_certificate(shown: Any) -> ClientCertificate | None:
    if shown is None:
        return None
    certificate = shown.to_cryptography()
    return ClientCertificate(
        certificate.subject.rfc4514_string(),
        certificate.fingerprint(SHA256()).hex(),
        certificate.fingerprint(SHA1()).hex(),  # Crossbar's configurations name certificates by it
    )


@implementer(IOpenSSLServerConnectionCreator)
class Identity:
    """The key, the certificates and the rules of an endpoint, as they were read last.

    tls: its section. directory: the node directory. Raises BadTls.
    """

    def __init__(self, tls: Tls, directory: Path) -> None:
        self._tls = tls
        self._directory = directory
        self._context = make_context(tls, directory)

    def reload(self) -> None:
        """Read the files again, for connections to come. Raises BadTls, and nothing has changed then."""
        self._context = make_context(self._tls, self._directory)

    def serverConnectionForTLS(self, protocol: object) -> Any:  # noqa: ARG002
        """OpenSSL's side of a new connection (IOpenSSLServerConnectionCreator)."""
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        return connection


class TlsConnections(TLSMemoryBIOFactory):
    """TLS around the connections of one port.

    tls: the endpoint's section. directory: the node directory. connections: takes what has shaken hands. clock: the
    reactor. Raises CannotListen.
    """

    protocol = TlsTransport
    log = Logger()

    def __init__(self, tls: Tls, directory: Path, connections: Connections, clock: Any) -> None:
        try:
            self._identity = Identity(tls, directory)
        except BadTls as bad:
            raise CannotListen(str(bad)) from bad
        identity: Any = self._identity  # zope's interfaces are no types to mypy
        factory: Any = connections
        super().__init__(identity, False, factory, clock)
        self._connections = connections
        self._reactor = clock
        self._failures = Tally(clock, logged(self.log, "TLS handshake failed"))

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """TLS for a new connection; None, which closes it, if there are too many."""
        protocol = self._connections.buildProtocol(addr)
        if protocol is None:
            return None
        handshake: Any = Handshake(protocol, self._connections, self._reactor, self._failures)
        return self.protocol(self, handshake)

    def reload(self) -> None:
        """Read the files again, for connections to come. Raises CannotListen, and nothing has changed then."""
        try:
            self._identity.reload()
        except BadTls as bad:
            raise CannotListen(f"{self._connections.place}: {bad}") from bad


@implementer(IHandshakeListener)
class Handshake(StreamProtocol):
    """A connection that has not shaken hands yet.

    successor: takes the connection after that. connections: of the port. clock: the reactor. failures: of handshakes.
    """

    transport: Any

    def __init__(self, successor: StreamProtocol, connections: Connections, clock: Any, failures: Tally) -> None:
        self._successor = successor
        self._connections = connections
        self._clock = clock
        self._failures = failures
        self._deadline: Any = None

    def connectionMade(self) -> None:
        """Connected: the client's first message is due."""
        self._connections.entered(self)
        self._deadline = self._clock.callLater(HANDSHAKE_WITHIN, self._too_late)

    def handshakeCompleted(self) -> None:
        """Both ends are sure of each other: from here on the connection is its protocol's (IHandshakeListener)."""
        self._forget_deadline()
        self.transport.wrappedProtocol = self._successor
        self._successor.makeConnection(self.transport)
        self._connections.left(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone before the handshake was done."""
        self._connections.left(self)
        if self._deadline is not None:
            self._forget_deadline()
            self._failures.add(f"{peer_name(self.transport)}: {_why(reason.value)}")

    def loseConnection(self) -> None:
        """The router stops (`Connections`)."""
        self.transport.abortConnection()

    def abortConnection(self) -> None:
        """The same, as nothing is to leave any more."""
        self.transport.abortConnection()

    def _too_late(self) -> None:
        self._deadline = None
        self._failures.add(f"{peer_name(self.transport)}: it was not done within {HANDSHAKE_WITHIN:g} s")
        self.transport.abortConnection()

    def _forget_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()


_WHY: Final = {
    "http request": "the client speaks plain HTTP; the address begins with https:// or wss://",
    "peer did not return a certificate": "the client showed no certificate; it needs one that `ca_certificates` signed",
    "certificate verify failed": "the client's certificate is not signed by one of `ca_certificates`, or has ended",
    "unsupported protocol": "the client speaks neither TLS 1.2 nor 1.3",
    "no shared cipher": "the client knows none of the ciphers; `ciphers` has them",
    "tlsv1 alert unknown ca": "the client does not trust this certificate; import the authority's certificate there",
    "alert unknown ca": "the client does not trust this certificate; import the authority's certificate there",
}


def _why(error: BaseException | None) -> str:
    """Why a handshake failed, in an operator's words where there are such."""
    if not isinstance(error, SSL.Error):
        return "the client closed the connection"
    reason = reason_of(error)
    return _WHY.get(reason.removeprefix("ssl/tls ").removeprefix("sslv3 "), reason)
