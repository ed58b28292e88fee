"""TLS between a connection and its protocol: nothing is sent before the router's certificate has been checked.

Loaded for an endpoint with `tls` only, and pyOpenSSL with it. (RFC 8446, RFC 5246; names: RFC 9525; channel binding:
RFC 5929 section 3, RFC 9266.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from edge_router.client.address import place_of
from edge_router.client.failures import CannotConnect, ConnectFailed, NotTrusted, TookTooLong
from edge_router.config.schema.connecting import ClientTcpEndpoint, ClientTls
from edge_router.tls.client import make_context
from edge_router.tls.files import BadTls, reason_of

_EXPORTER: Final = b"EXPORTER-Channel-Binding"

#: what OpenSSL says -> what an operator can do about it
_WHY: Final = {
    "wrong version number": "the other end speaks no TLS on this port",
    "unsupported protocol": "the other end speaks neither TLS 1.2 nor 1.3",
    "tlsv1 alert protocol version": "the other end speaks neither TLS 1.2 nor 1.3",
    "handshake failure": "the two ends have no cipher in common, or it wants a certificate of ours",
    "tlsv13 alert certificate required": "the router wants a certificate of this client: `certificate` and `key`",
    "tlsv1 alert unknown ca": "the router does not trust the authority of this client's certificate",
    "certificate unknown": "the router does not take this client's certificate",
    "certificate expired": "this client's certificate has ended",
}


class TlsTransport(BufferingTLSTransport):
    """A connection under TLS, as protocols see it. distrust: why the other end is not trusted."""

    transport: Any
    distrust = ""

    def channel_id(self, binding: str) -> bytes | None:
        """What both ends of this connection know and nobody else has; None if it has no such channel binding."""
        connection = self.getHandle()
        version = connection.get_protocol_version_name()
        if binding == "tls-unique" and version == "TLSv1.2":  # nothing is resumed here, so ours is the first Finished
            found: bytes | None = connection.get_finished()
            return found
        if binding == "tls-exporter" and version == "TLSv1.3":
            exported: bytes = connection.export_keying_material(_EXPORTER, 32, b"")
            return exported
        return None

    def explain(self, error: BaseException | None) -> str:
        """What ended the connection, in words; empty for what is no matter of TLS."""
        return _in_words(error) if isinstance(error, SSL.Error) else ""

    def abortConnection(self) -> None:
        """Close at once; twice, or after the end, does nothing."""
        if self.connected:
            super().abortConnection()


@implementer(IOpenSSLClientConnectionCreator)
class Rules:
    """What is trusted, and what is shown. tls: the section. hostname: of the router. Raises BadTls."""

    def __init__(self, tls: ClientTls, hostname: str, directory: Path) -> None:
        self._context = make_context(tls, directory, _note)
        self._hostname = hostname

    def clientConnectionForTLS(self, protocol: object) -> Any:
        """OpenSSL's side of a new connection (IOpenSSLClientConnectionCreator). protocol: a `TlsTransport`."""
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(protocol)  # as newer Twisted does itself
        if not _is_address(self._hostname):
            connection.set_tlsext_host_name(self._hostname.encode("idna"))
        connection.set_connect_state()
        return connection


def _note(connection: Any, why: str) -> None:
    """Remember the first reason; the others follow from it."""
    transport = connection.get_app_data()
    transport.distrust = transport.distrust or why


def around(
    endpoint: ClientTcpEndpoint,
    directory: Path,
    protocol: StreamProtocol,
    failed: Callable[[ConnectFailed], None],
    clock: Any,
) -> Any:
    """A factory for one connection that speaks TLS, and then what `protocol` does.

    endpoint: where it goes, with `tls`. directory: the node directory. failed: is told why there will be no connection.
    clock: the reactor. Result: Twisted's IProtocolFactory. Raises CannotConnect for files that cannot be used.
    """
    assert endpoint.tls is not None
    hostname = endpoint.tls.hostname or endpoint.host
    try:
        rules: Any = Rules(endpoint.tls, hostname, directory)
    except BadTls as bad:
        raise CannotConnect(str(bad)) from None
    handshakes: Any = Factory.forProtocol(lambda: Handshake(protocol, endpoint, hostname, failed, clock))
    factory = TLSMemoryBIOFactory(rules, True, handshakes, clock)
    factory.protocol = TlsTransport
    factory.noisy = handshakes.noisy = False
    return factory


@implementer(IHandshakeListener)
class Handshake(StreamProtocol):
    """A connection that has not shaken hands yet.

    successor: takes it after that. endpoint: where it goes. hostname: that the router must prove to be. failed: is told
    why there will be no connection. clock: the reactor.
    """

    transport: Any

    def __init__(
        self,
        successor: StreamProtocol,
        endpoint: ClientTcpEndpoint,
        hostname: str,
        failed: Callable[[ConnectFailed], None],
        clock: Any,
    ) -> None:
        self._successor = successor
        self._endpoint = endpoint
        self._hostname = hostname
        self._failed = failed
        self._clock = clock
        self._deadline: Any = None

    def connectionMade(self) -> None:
        """Connected: the handshake has as long as connecting had."""
        self._deadline = self._clock.callLater(self._endpoint.timeout, self._too_late)

    def handshakeCompleted(self) -> None:
        """OpenSSL trusts the certificate; whether it is the right one is for us to say (IHandshakeListener)."""
        self._forget_deadline()
        try:
            _check_name(self.transport.getHandle(), self._hostname)
        except (VerificationError, CertificateError):
            text = f"the router's certificate is not for {self._hostname!r}; connect by a name that it has, or give one"
            self._fail(NotTrusted(f"{text} as `hostname`"))
            return
        self.transport.wrappedProtocol = self._successor
        self._successor.makeConnection(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone before the handshake was done."""
        if self._deadline is not None:
            self._forget_deadline()
            self._fail(_why(reason.value, self.transport.distrust))

    def _too_late(self) -> None:
        self._deadline = None
        self._fail(TookTooLong(f"the TLS handshake was not done within {self._endpoint.timeout:g} s"))

    def _fail(self, failure: ConnectFailed) -> None:
        self._failed(type(failure)(f"{place_of(self._endpoint)}: {failure}"))
        self.transport.abortConnection()

    def _forget_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()


def _is_address(hostname: str) -> bool:
    return isIPAddress(hostname) or isIPv6Address(hostname)


def _check_name(connection: Any, hostname: str) -> None:
    """Raises VerificationError, CertificateError."""
    if _is_address(hostname):
        verify_ip_address(connection, hostname)
    else:
        verify_hostname(connection, hostname)


def _why(error: BaseException | None, distrust: str) -> ConnectFailed:
    """Why a handshake failed, in an operator's words where there are such."""
    if distrust:
        return NotTrusted(f"the router's certificate is not trusted: {distrust}")
    if isinstance(error, SSL.Error):
        return CannotConnect(f"no TLS: {_in_words(error)}")
    return CannotConnect("no TLS: the other end closed the connection during the handshake; it may speak no TLS")


def _in_words(error: SSL.Error) -> str:
    reason = reason_of(error)
    short = reason.removeprefix("ssl/tls ").removeprefix("sslv3 ").removeprefix("alert ")
    return _WHY.get(reason) or _WHY.get(short) or reason
