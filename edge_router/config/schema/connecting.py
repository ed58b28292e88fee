"""Where and how to connect to another router, and how to log in there: the client's end of a transport."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_router.config.schema.logins import Hex32, Secret
from edge_router.config.schema.section import Millis, Section, SocketPath
from edge_router.config.schema.transports import Compression, Serializer, Serializers

Seconds = Annotated[float, Meta(gt=0, le=600)]
WaitingBytes = Annotated[int, Meta(ge=65_536)]


class ClientTls(Section):
    """TLS 1.2 and 1.3 towards a router, whose certificate is always checked. Files are PEM, relative to the node
    directory.

    hostname: the name that the router's certificate must have; left out, the host of the endpoint. ca_certificates:
    files of the authorities that are trusted, in place of the system's. certificate, key: an own certificate and its
    private key, for routers that ask for one; what follows the certificate in its file is sent along.
    chain_certificates: files of certificates between the own one and the authority's. ciphers: for TLS 1.2, as OpenSSL
    writes lists of them.
    """

    hostname: str | None = None
    ca_certificates: Annotated[list[str], Meta(min_length=1)] | None = None
    certificate: str | None = None
    key: str | None = None
    chain_certificates: list[str] = []
    ciphers: str | None = None


class ClientTcpEndpoint(Section, tag="tcp"):
    """A TCP port to connect to.

    host: name or address. port: the port; `$NAME` is a variable of the environment. version: 4 or 6; left out,
    whichever answers first. timeout: seconds to connect. tls: with this section TLS is spoken.
    """

    host: str
    port: Annotated[int, Meta(ge=1, le=65535, extra={"variable": "port"}, extra_json_schema={"variable": True})]
    version: Literal[4, 6] | None = None
    timeout: Seconds = 10
    tls: ClientTls | None = None


class ClientUnixEndpoint(Section, tag="unix"):
    """A Unix socket to connect to. path: the socket, relative to the node directory. timeout: seconds to connect."""

    path: SocketPath
    timeout: Seconds = 10


ClientEndpoint = ClientTcpEndpoint | ClientUnixEndpoint


class ClientRawSocketOptions(Section):
    """Options of a RawSocket connection.

    max_message_size: bytes of one message that is taken, 512 to 16777216. open_handshake_timeout: milliseconds from the
    connection to the session, with logging in. auto_ping_interval: milliseconds between PINGs of the WAMP RawSocket;
    0 leaves it to TCP keepalive, since some routers (Crossbar) take a PING for an error. auto_ping_timeout:
    milliseconds that the router has to answer either. send_queue: bytes that wait for a router that reads slowly;
    what is over it is refused.
    """

    max_message_size: Annotated[int, Meta(ge=512, le=16_777_216)] = 16_777_216
    open_handshake_timeout: Annotated[int, Meta(ge=100)] = 10_000
    auto_ping_interval: Millis = 0
    auto_ping_timeout: Annotated[int, Meta(ge=100)] = 5_000
    send_queue: WaitingBytes = 4_194_304


class ClientRawSocket(Section, tag="rawsocket"):
    """WAMP over RawSocket to another router.

    endpoint: where to connect; left out, where `url` says. url: `rs://HOST:PORT`, with TLS `rss://HOST:PORT`. id: a
    name for logs. serializer: the encoding. options: details.
    """

    endpoint: ClientEndpoint | None = None
    url: str | None = None
    id: str | None = None
    serializer: Serializer = "msgpack"
    options: ClientRawSocketOptions = field(default_factory=ClientRawSocketOptions)


def preferred_serializers() -> list[Serializer]:
    """Every encoding, the fastest first; what a client offers."""
    return ["msgpack", "cbor", "json"]


class ClientWebSocketOptions(Section):
    """Options of a WebSocket connection.

    max_message_size: bytes of one message that is taken. open_handshake_timeout: milliseconds from the connection to
    the session, with logging in. close_handshake_timeout: milliseconds for the closing handshake. auto_ping_interval:
    milliseconds between pings; 0 sends none. auto_ping_timeout: milliseconds to answer one. compression: offered if
    given. send_queue: bytes that wait for a router that reads slowly; what is over it is refused.
    """

    max_message_size: Annotated[int, Meta(ge=512, le=67_108_864)] = 16_777_216
    open_handshake_timeout: Annotated[int, Meta(ge=100)] = 10_000
    close_handshake_timeout: Annotated[int, Meta(ge=100)] = 1_000
    auto_ping_interval: Millis = 10_000
    auto_ping_timeout: Annotated[int, Meta(ge=100)] = 5_000
    compression: Compression = field(default_factory=Compression)
    send_queue: WaitingBytes = 4_194_304


class ClientWebSocket(Section, tag="websocket"):
    """WAMP over WebSocket to another router.

    url: `ws://HOST:PORT/PATH`, with TLS `wss://HOST:PORT/PATH`; what the router is told. endpoint: where to connect;
    left out, where `url` says. id: a name for logs. serializers: the encodings offered, the best first. options:
    details.
    """

    url: str
    endpoint: ClientEndpoint | None = None
    id: str | None = None
    serializers: Serializers = field(default_factory=preferred_serializers)
    options: ClientWebSocketOptions = field(default_factory=ClientWebSocketOptions)


ClientTransport = ClientRawSocket | ClientWebSocket


class AnonymousLogin(Section):
    """Join without credentials. authid: a wish, which most routers ignore."""

    authid: str | None = None


class TicketLogin(Section):
    """Send a secret; for connections that nobody can listen to. authid: who. ticket: the secret."""

    authid: str
    ticket: Secret


class WampCraLogin(Section):
    """Sign a challenge with a secret that both sides know. authid: who. secret: the secret, also of salted users."""

    authid: str
    secret: Secret


class ScramLogin(Section):
    """Prove to know a password that is never sent, and have the router prove that it knows of it. authid: who.
    password: the password."""

    authid: str
    password: Secret


class CryptosignLogin(Section):
    """Sign a challenge with a private key (Ed25519) that never leaves this node.

    privkey: the key: 64 hexadecimal digits, or a place of such, of a `key.priv` as Crossbar writes it, or of an OpenSSH
    private key without a passphrase. authid: who; left out, whoever the router knows by the key. router_key: the public
    key that the router must prove to have. channel_binding: bind the signature to this TLS connection: `tls-unique`
    (TLS 1.2) or `tls-exporter` (TLS 1.3); the router has to know it. code: of the invitation by which the router gets
    to know the key (`edge-router nodes invite`); of no use any more once it does.
    """

    privkey: Secret
    authid: str | None = None
    router_key: Hex32 | None = None
    channel_binding: Literal["tls-unique", "tls-exporter"] | None = None
    code: Secret | None = None


class TlsLogin(Section):
    """Be known by the certificate of the endpoint's `tls`. authid: who; left out, whoever has that certificate."""

    authid: str | None = None


class ClientAuth(Section):
    """How to log in at another router, by method; the router takes the first that it knows.

    anonymous: without credentials; also if nothing is given. ticket: with a secret that is sent. wampcra: with a secret
    that signs. scram: with a password that the router does not have. cryptosign: with a key. tls: with a certificate.
    """

    cryptosign: CryptosignLogin | None = None
    scram: ScramLogin | None = None
    wampcra: WampCraLogin | None = None
    tls: TlsLogin | None = None
    ticket: TicketLogin | None = None
    anonymous: AnonymousLogin | None = None
