"""RawSocket, WebSocket and the universal port: options, encodings, limits of a session."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_router.config.schema.cookies import Cookie
from edge_router.config.schema.endpoints import Endpoint
from edge_router.config.schema.logins import Auth
from edge_router.config.schema.section import Count, Millis, Section, WebPath
from edge_router.config.schema.web import WebOptions


class Limits(Section):
    """What one session may hold; what is over it is refused with an ERROR that says so.

    subscriptions, registrations: at one time. calls: under way at one time. send_queue: bytes that wait for a peer that
    reads slowly. slow_reader: what happens over `send_queue`: `drop_oldest` drops its oldest events (counted), `close`
    ends its session; what belongs to a call is never dropped. testaments: bytes of what a session leaves to be
    published at its end, with about 512 for each besides its payload. authorizer_queue: bytes of its messages that wait
    while its role's authorizer decides about one before them, with about 200 for each besides its payload; over it the
    connection is not read until the authorizer has answered.
    """

    subscriptions: Count = 2_000
    registrations: Count = 2_000
    calls: Count = 1_000
    send_queue: Annotated[int, Meta(ge=4096)] = 1_048_576
    slow_reader: Literal["drop_oldest", "close"] = "drop_oldest"
    testaments: Annotated[int, Meta(ge=0)] = 65_536
    authorizer_queue: Annotated[int, Meta(ge=4096)] = 262_144


Serializer = Literal["json", "msgpack", "cbor"]
Serializers = Annotated[list[Serializer], Meta(min_length=1)]


def all_serializers() -> list[Serializer]:
    """Every encoding; the default of what a transport offers."""
    return ["json", "msgpack", "cbor"]


class RawSocketOptions(Section):
    """Options of a RawSocket transport.

    max_message_size: bytes of one message, 512 to 16777216; the handshake says the next smaller power of two.
    open_handshake_timeout: milliseconds a client has for its handshake and HELLO; after that it has a minute to answer
    CHALLENGE, as somebody may have to type a password. auto_ping_interval: milliseconds
    between PINGs of the WAMP RawSocket; 0 leaves it to TCP keepalive, since some clients (autobahn on Twisted) take a
    PING for an error. auto_ping_timeout: milliseconds a peer has to answer either.
    """

    max_message_size: Annotated[int, Meta(ge=512, le=16_777_216)] = 1_048_576
    open_handshake_timeout: Millis = 5_000
    auto_ping_interval: Millis = 0
    auto_ping_timeout: Annotated[int, Meta(ge=100)] = 5_000


class RawSocket(Section, tag="rawsocket"):
    """WAMP over RawSocket.

    id: a name for management. endpoint: where to listen. serializers: the encodings offered. options: details.
    auth: how clients log in. max_connections: at one time. limits: what one session may hold.
    """

    endpoint: Endpoint
    id: str | None = None
    serializers: Serializers = field(default_factory=all_serializers)
    options: RawSocketOptions = field(default_factory=RawSocketOptions)
    auth: Auth | None = None
    max_connections: Count = 1_000
    limits: Limits = field(default_factory=Limits)


class Deflate(Section):
    """permessage-deflate (RFC 7692). The defaults of zlib cost about 64 KiB a connection, so windows are small.

    max_window_bits: the window of what the router sends, as a power of two. memory_level: zlib's, 1 to 9.
    no_context_takeover: start anew with each message, which saves memory and costs size.
    """

    max_window_bits: Annotated[int, Meta(ge=9, le=15)] = 11
    memory_level: Annotated[int, Meta(ge=1, le=9)] = 4
    no_context_takeover: bool = False


class Compression(Section):
    """Compression of WebSocket messages. deflate: permessage-deflate; off unless given."""

    deflate: Deflate | None = None


class WebSocketOptions(Section):
    """Options of a WebSocket transport.

    allowed_origins: origins of pages that may connect, `*` as wildcard; left out, only pages from this very host and
    port, which a list has to name, too. allow_null_origin: whether pages without an origin may (files, sandboxes); left
    out, only those that a browser on this machine opens, by a loopback address. max_message_size: bytes of one
    message. max_frame_size: bytes of one frame; 0 leaves it to max_message_size. open_handshake_timeout: milliseconds
    for the HTTP handshake and HELLO; after that a client has a minute to answer CHALLENGE. close_handshake_timeout:
    milliseconds for the closing handshake. auto_ping_interval: milliseconds between pings; 0 sends none.
    auto_ping_timeout: milliseconds to answer one. require_websocket_subprotocol: refuse clients that name none; else
    they are taken for wamp.2.json.
    compression: off unless given.
    """

    allowed_origins: list[str] | None = None
    allow_null_origin: bool | None = None
    max_message_size: Annotated[int, Meta(ge=512, le=67_108_864)] = 1_048_576
    max_frame_size: Annotated[int, Meta(ge=0, le=67_108_864)] = 0
    open_handshake_timeout: Millis = 5_000
    close_handshake_timeout: Millis = 1_000
    auto_ping_interval: Millis = 10_000
    auto_ping_timeout: Annotated[int, Meta(ge=100)] = 5_000
    require_websocket_subprotocol: bool = True
    compression: Compression = field(default_factory=Compression)


class WebSocketPath(Section, tag="websocket"):
    """WAMP over WebSocket at a path of a `web` transport.

    serializers: the encodings offered. options: details. auth: how clients log in. limits: what one session may hold.
    cookie: known browsers.
    """

    serializers: Serializers = field(default_factory=all_serializers)
    options: WebSocketOptions = field(default_factory=WebSocketOptions)
    auth: Auth | None = None
    cookie: Cookie | None = None
    limits: Limits = field(default_factory=Limits)


class WebSocket(Section, tag="websocket"):
    """WAMP over WebSocket on a port of its own.

    id: a name for management. endpoint: where to listen. serializers: the encodings offered. url: accepted for
    Crossbar's configs. options: details. auth: how clients log in. max_connections: at one time. limits: what one
    session may hold. cookie: known browsers.
    """

    endpoint: Endpoint
    id: str | None = None
    serializers: Serializers = field(default_factory=all_serializers)
    url: str | None = None
    options: WebSocketOptions = field(default_factory=WebSocketOptions)
    auth: Auth | None = None
    cookie: Cookie | None = None
    max_connections: Count = 1_000
    limits: Limits = field(default_factory=Limits)


class UniversalRawSocket(Section):
    """The RawSocket part of a universal transport.

    serializers: the encodings offered. options: details. auth: how clients log in. limits: what one session may hold.
    """

    serializers: Serializers = field(default_factory=all_serializers)
    options: RawSocketOptions = field(default_factory=RawSocketOptions)
    auth: Auth | None = None
    limits: Limits = field(default_factory=Limits)


class UniversalWeb(Section):
    """The web part of a universal transport.

    paths: path name -> what is served there; `/` is the root. options: details.
    """

    paths: dict[str, WebPath]
    options: WebOptions = field(default_factory=WebOptions)


class Universal(Section, tag="universal"):
    """One port for RawSocket, WebSocket and web; the first bytes of a connection decide.

    id: a name for management. endpoint: where to listen. rawsocket: answers a connection that begins with 0x7f.
    websocket: path -> WebSocket. web: everything else. max_connections: at one time.
    """

    endpoint: Endpoint
    id: str | None = None
    rawsocket: UniversalRawSocket | None = None
    websocket: dict[str, WebSocketPath] = {}
    web: UniversalWeb | None = None
    max_connections: Count = 1_000
