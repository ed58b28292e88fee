"""The declarations of the configuration's own sections: node, workers, realms, roles, transports, endpoints.

Every option is declared once, here or beside the part it belongs to (`bridges.serial.config`, ...), with its type,
default and one sentence in the docstring; loading, checking, the JSON schema and the reference are made from that.
Names are Crossbar's where Crossbar has the option. After loading everything is typed; nobody reads dicts.

Docstrings: a paragraph, then one line `name: what it is` per field; `document` turns them into the reference.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol, runtime_checkable

from msgspec import Meta, Struct, field

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Millis = Annotated[int, Meta(ge=0)]
Mode = Annotated[str, Meta(pattern="^0?[0-7]{3}$", extra={"words": 'three octal digits in quotes, as "660"'})]


class Section(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every section of the file is: keys that are declared, and no others."""


# --- parts -------------------------------------------------------------------------------------------------------
# What a `type` names is found in the registry, so that parts of other packages fit in and nothing unnamed is loaded.


@runtime_checkable
class Transport(Protocol):
    """One item of `transports`; its class is the one that the registry has for its `type`."""

    @property
    def id(self) -> str | None: ...


@runtime_checkable
class WebPath(Protocol):
    """What is served at one path; its class is the one that the registry has for its `type`."""


@runtime_checkable
class Bridge(Protocol):
    """One item of `bridges`; its class is the one that the registry has for its `type`.

    id: unique on the node, also the default name of its topics. realm, role: where it joins, and whose permissions
    apply.
    """

    @property
    def id(self) -> str: ...
    @property
    def realm(self) -> str: ...
    @property
    def role(self) -> str: ...


PART_KINDS: dict[type, str] = {Transport: "transport", WebPath: "webservice", Bridge: "bridge"}


# --- realms ------------------------------------------------------------------------------------------------------


class Allow(Section):
    """What a permission allows.

    call: call procedures. register: register procedures. publish: publish to topics. subscribe: subscribe to topics.
    """

    call: bool = False
    register: bool = False
    publish: bool = False
    subscribe: bool = False


class Disclose(Section):
    """Who is made known to the receiver.

    caller: callees learn who calls. publisher: subscribers learn who publishes.
    """

    caller: bool = False
    publisher: bool = False


class Permission(Section):
    """What a role may do with the URIs of a pattern.

    uri: the URI or pattern. match: how it is matched; left out, `a.b.*` is a prefix and `a.*.c` a wildcard.
    allow: the actions allowed. disclose: whose identity is passed on. cache: accepted as in Crossbar; static decisions
    are always cached here.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] | None = None
    allow: Allow = field(default_factory=Allow)
    disclose: Disclose = field(default_factory=Disclose)
    cache: bool = False


class Role(Section):
    """A role of a realm, and what its sessions may do. What no permission allows is denied.

    id: a name for management. name: the role. permissions: the best match decides: exact before the longest prefix
    before the most specific wildcard. allow_by_default: what happens where no permission matches.
    """

    name: str
    id: str | None = None
    permissions: list[Permission] = []
    allow_by_default: bool = False


class RealmOptions(Section):
    """Options of a realm.

    uri_check: `strict` allows only lower-case letters, digits and _ in a URI's components, `loose` all but spaces
    and #.
    error_style: error URIs of refused logins as in the WAMP `spec` or as `crossbar` says them.
    max_sessions: sessions in the realm at one time.
    enable_meta_api: whether the realm tells of its sessions, subscriptions and registrations, and lets them be ended,
    by `wamp.` procedures and events; who may use which is up to the roles' permissions.
    """

    uri_check: Literal["strict", "loose"] = "loose"
    error_style: Literal["spec", "crossbar"] = "spec"
    max_sessions: Count = 10_000
    enable_meta_api: bool = True


class RetainedLimits(Section):
    """Bounds of a realm's retained events, one a topic. Over them, those published longest ago go.

    max_topics: events at one time. max_bytes: what they take together, with about 600 bytes for each besides its
    payload. expiry: seconds after which an event is forgotten; 0 keeps it for as long as the router runs.
    """

    max_topics: Count = 10_000
    max_bytes: Annotated[int, Meta(ge=4096)] = 4_194_304
    expiry: Annotated[int, Meta(ge=0)] = 0


class EventHistory(Section):
    """A pattern whose publications are kept, to be read with `wamp.subscription.get_events`.

    uri: the topic or pattern. match: how it is matched. limit: events kept; left out, the store's. max_bytes: what they
    take together, with about 600 bytes for each besides its payload. max_age: seconds after which an event is
    forgotten; 0: never. Over each bound the oldest go.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] = "exact"
    limit: Count | None = None
    max_bytes: Annotated[int, Meta(ge=4096)] = 4_194_304
    max_age: Annotated[int, Meta(ge=0)] = 0


class MemoryStore(Section, tag="memory"):
    """What a realm remembers of its events, while the router runs.

    retained: bounds of the retained events. limit: events kept for a pattern that says nothing else. event-history: the
    patterns whose publications are kept.
    """

    limit: Count = 100
    event_history: list[EventHistory] = field(name="event-history", default_factory=list)
    retained: RetainedLimits = field(default_factory=RetainedLimits)


class SqliteStore(MemoryStore, tag="sqlite", kw_only=True):
    """What a realm remembers of its events, in a file too, so that it survives a restart or a power cut.

    retained: bounds of the retained events. limit: events kept for a pattern that says nothing else. event-history: the
    patterns whose publications are kept. path: the file, relative to the node directory. max-buffer: changes that wait
    to be written. buffer-flush: milliseconds they wait at most. sync: have each write reach the disk (fsync), where
    else some of what was written in the last seconds may be lost in a power cut; costs wear on SD cards.
    """

    path: str
    max_buffer: Count = field(name="max-buffer", default=1_000)
    buffer_flush: Annotated[int, Meta(ge=10)] = field(name="buffer-flush", default=1_000)
    sync: bool = False


Store = MemoryStore | SqliteStore


class Realm(Section):
    """A realm: a separate space of topics, procedures and sessions.

    id: a name for management. name: the realm, as clients ask for it. options: its options. roles: who may do what.
    store: what is remembered of its events.
    """

    name: str
    id: str | None = None
    options: RealmOptions = field(default_factory=RealmOptions)
    roles: list[Role] = []
    store: Store = field(default_factory=MemoryStore)


# --- endpoints ---------------------------------------------------------------------------------------------------


class Tls(Section):
    """TLS 1.2 and 1.3 for a TCP port. Files are PEM, relative to the node directory; SIGHUP reads them again.

    key: the private key, not encrypted. certificate: the node's certificate; what follows it in the file is sent along.
    chain_certificates: files of certificates between the node's and the authority's. ca_certificates: files of
    authorities; if given, clients must show a certificate that one of them has signed. dhparam: a file of
    Diffie-Hellman parameters, for clients that know DHE only. ciphers: for TLS 1.2, as OpenSSL writes lists of them;
    left out, those with forward secrecy and authentication.
    """

    key: str
    certificate: str
    chain_certificates: list[str] = []
    ca_certificates: Annotated[list[str], Meta(min_length=1)] | None = None
    dhparam: str | None = None
    ciphers: str | None = None


class TcpEndpoint(Section, tag="tcp"):
    """A TCP port to listen on.

    port: the port; 0 takes a free one. interface: the address to bind; left out, all. version: 4 or 6.
    tls: with this section TLS is spoken here.
    backlog: connections waiting to be accepted. user_timeout: after so many milliseconds without an acknowledgement
    the connection is dropped (TCP_USER_TIMEOUT); left out, taken from the pings; 0 leaves it to the kernel, which small
    devices need that read slowly through a window of a few kilobytes.
    """

    port: Port
    interface: str | None = None
    version: Literal[4, 6] = 4
    backlog: Annotated[int, Meta(ge=1, le=65535)] = 512
    user_timeout: Annotated[int, Meta(ge=0, le=65535)] | None = None
    tls: Tls | None = None


class UnixEndpoint(Section, tag="unix"):
    """A Unix socket to listen on.

    path: the socket, relative to the node directory. mode: its permissions, octal. owner, group: who it belongs to.
    backlog: connections waiting to be accepted.
    """

    path: str
    mode: Mode = "660"
    owner: str | None = None
    group: str | None = None
    backlog: Annotated[int, Meta(ge=1, le=65535)] = 512


Endpoint = TcpEndpoint | UnixEndpoint


# --- transports --------------------------------------------------------------------------------------------------


class AnonymousAuth(Section):
    """Everybody may join, in one role.

    type: `static`. role: the role. authid: the authid; left out, a random one per session.
    """

    type: Literal["static"] = "static"
    role: str = "anonymous"
    authid: str | None = None


class SecretPlace(Section):
    """Where a secret stands, if it should not stand in this file: one of the three.

    file: a file, relative to the node directory; a line end after the secret does not count. env: a variable of the
    environment. credential: a credential of systemd (`LoadCredential=`, `SetCredentialEncrypted=`).
    """

    file: str | None = None
    env: str | None = None
    credential: str | None = None


Secret = Annotated[str, Meta(min_length=1, extra={"secret": True})] | SecretPlace


class TicketPrincipal(Section):
    """Who may log in with a ticket. ticket: the secret, which the client sends. role: the role it gets."""

    ticket: Secret
    role: str


class TicketAuth(Section):
    """Clients send a secret as it is; for connections that nobody can listen to.

    type: `static`. principals: authid -> ticket and role.
    """

    principals: dict[str, TicketPrincipal]
    type: Literal["static"] = "static"


class WampCraUser(Section):
    """Who may log in by signing a challenge. `edge-router passwd --wampcra` makes the salted form.

    role: the role that the user gets. secret: the secret itself. derived-key: instead of it, the key that was derived
    from it, in Base64. salt, iterations, keylen: how clients derive the key (PBKDF2 with SHA-256); without a salt they
    sign with the secret. Who can read a derived key can log in with it; `scram` is better.
    """

    role: str
    secret: Secret | None = None
    derived_key: Secret | None = field(name="derived-key", default=None)
    salt: Annotated[str, Meta(min_length=1)] | None = None
    iterations: Annotated[int, Meta(ge=1, le=10_000_000)] = 1_000
    keylen: Annotated[int, Meta(ge=16, le=64)] = 32


class WampCraAuth(Section):
    """Clients sign a challenge with a secret that both sides know (WAMP-CRA).

    type: `static`. users: authid -> secret and role.
    """

    users: dict[str, WampCraUser]
    type: Literal["static"] = "static"


Hex32 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", extra={"words": "64 hexadecimal digits"})]
HexSalt = Annotated[
    str, Meta(pattern="^([0-9a-fA-F]{2}){8,64}$", extra={"words": "16 to 128 hexadecimal digits, an even number"})
]


class ScramPrincipal(Section):
    """Who may log in by SCRAM. `edge-router passwd` makes this from a password.

    role: the role that the user gets. salt, iterations, kdf, memory: how clients derive the key from the password;
    memory: KiB, for Argon2. stored-key, server-key: what the router keeps of it; nobody can log in with them.
    """

    role: str
    salt: HexSalt
    iterations: Annotated[int, Meta(ge=1, le=10_000_000)]
    stored_key: Hex32 = field(name="stored-key")
    server_key: Hex32 = field(name="server-key")
    kdf: Literal["pbkdf2", "argon2id-13"] = "pbkdf2"
    memory: Annotated[int, Meta(ge=8)] | None = None


class ScramAuth(Section):
    """Both sides prove to know a password that is never sent, and of which the router has no more than a trace.

    type: `static`. principals: authid -> keys and role.
    """

    principals: dict[str, ScramPrincipal]
    type: Literal["static"] = "static"


class CryptosignPrincipal(Section):
    """Who may log in with a key. authorized_keys: public keys (Ed25519). role: the role. realm: the only one.
    """

    authorized_keys: Annotated[list[Hex32], Meta(min_length=1)]
    role: str
    realm: str | None = None


class CryptosignAuth(Section):
    """Clients sign a challenge with a private key that never leaves them. Needs the Python package `cryptography`.

    type: `static`. principals: authid -> public keys and role. prove_node_key: show clients that ask for it that the
    router has the key in `key.priv`; anybody can then have 32 octets signed with it, so use a key that logs in nowhere.
    """

    principals: dict[str, CryptosignPrincipal]
    type: Literal["static"] = "static"
    prove_node_key: bool = False


class PeerCredentialsAuth(Section):
    """Who connects to a Unix socket gets a role by its user or group. Clients need no credentials, and need not know.

    type: `static`. users: name or number of a user -> role. groups: name or number of a group -> role, for users that
    are not in `users`; the first that fits.
    """

    type: Literal["static"] = "static"
    users: dict[str, str] = {}
    groups: dict[str, str] = {}


Fingerprint32 = Annotated[
    str,
    Meta(
        pattern="^([0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2}$|^[0-9a-fA-F]{64}$",
        extra={"words": "64 hexadecimal digits, with colons between pairs or without"},
    ),
]
Fingerprint20 = Annotated[
    str,
    Meta(
        pattern="^([0-9a-fA-F]{2}:){19}[0-9a-fA-F]{2}$|^[0-9a-fA-F]{40}$",
        extra={"words": "40 hexadecimal digits, with colons between pairs or without"},
    ),
]


class TlsPrincipal(Section):
    """Who may log in with a certificate; both fingerprints have to fit if both are given.

    role: the role that the user gets. certificate-sha256, certificate-sha1: fingerprints of the client's certificate,
    as `edge-router certificate --client` and `openssl x509 -fingerprint` show them; better the former.
    """

    role: str
    sha256: Fingerprint32 | None = field(name="certificate-sha256", default=None)
    sha1: Fingerprint20 | None = field(name="certificate-sha1", default=None)


class TlsAuth(Section):
    """Clients are known by the certificate they show; the endpoint's `tls` needs `ca_certificates` for that.

    type: `static`. principals: authid -> fingerprints and role.
    """

    principals: dict[str, TlsPrincipal]
    type: Literal["static"] = "static"


class FailedLogins(Section):
    """How long an address has to wait that has failed to log in; longer each time.

    allowed: failures without a wait. delay: milliseconds of the first wait; each further failure doubles it.
    max_delay: milliseconds of the longest; after twice as long without a failure all is forgotten. addresses: how many
    are kept in mind.
    """

    allowed: Annotated[int, Meta(ge=1)] = 5
    delay: Annotated[int, Meta(ge=1)] = 1_000
    max_delay: Annotated[int, Meta(ge=1)] = 300_000
    addresses: Count = 1_000


class Auth(Section):
    """How a transport's clients may log in, by method. Without any `auth` everybody is `anonymous`.

    The first of the methods that a client offers is taken that is given here.

    anonymous: without credentials. ticket: with a secret that is sent. wampcra: with a secret that signs. scram: with a
    password that the router does not have. cryptosign: with a key. tls: with a certificate. peercred: by the user of
    the process, on Unix sockets. failed_logins: what happens after wrong secrets.
    """

    anonymous: AnonymousAuth | None = None
    ticket: TicketAuth | None = None
    wampcra: WampCraAuth | None = None
    scram: ScramAuth | None = None
    cryptosign: CryptosignAuth | None = None
    tls: TlsAuth | None = None
    peercred: PeerCredentialsAuth | None = None
    failed_logins: FailedLogins = field(default_factory=FailedLogins)


class Limits(Section):
    """What one session may hold; what is over it is refused with an ERROR that says so.

    subscriptions, registrations: at one time. calls: under way at one time. send_queue: bytes that wait for a peer that
    reads slowly. slow_reader: what happens over `send_queue`: `drop_oldest` drops its oldest events (counted), `close`
    ends its session; what belongs to a call is never dropped. testaments: bytes of what a session leaves to be
    published at its end, with about 512 for each besides its payload.
    """

    subscriptions: Count = 2_000
    registrations: Count = 2_000
    calls: Count = 1_000
    send_queue: Annotated[int, Meta(ge=4096)] = 1_048_576
    slow_reader: Literal["drop_oldest", "close"] = "drop_oldest"
    testaments: Annotated[int, Meta(ge=0)] = 65_536


Serializer = Literal["json", "msgpack", "cbor"]
Serializers = Annotated[list[Serializer], Meta(min_length=1)]


def all_serializers() -> list[Serializer]:
    """Every encoding; the default of what a transport offers."""
    return ["json", "msgpack", "cbor"]


class RawSocketOptions(Section):
    """Options of a RawSocket transport.

    max_message_size: bytes of one message, 512 to 16777216; the handshake says the next smaller power of two.
    open_handshake_timeout: milliseconds a client has for its handshake and HELLO. auto_ping_interval: milliseconds
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
    port. allow_null_origin: whether pages without an origin may (files, sandboxes). max_message_size: bytes of one
    message. max_frame_size: bytes of one frame; 0 leaves it to max_message_size. open_handshake_timeout: milliseconds
    for the HTTP handshake and HELLO. close_handshake_timeout: milliseconds for the closing handshake.
    auto_ping_interval: milliseconds between pings; 0 sends none. auto_ping_timeout: milliseconds to answer one.
    require_websocket_subprotocol: refuse clients that name none; else they are taken for wamp.2.json.
    compression: off unless given.
    """

    allowed_origins: list[str] | None = None
    allow_null_origin: bool = False
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
    """

    serializers: Serializers = field(default_factory=all_serializers)
    options: WebSocketOptions = field(default_factory=WebSocketOptions)
    auth: Auth | None = None
    limits: Limits = field(default_factory=Limits)


class WebSocket(Section, tag="websocket"):
    """WAMP over WebSocket on a port of its own.

    id: a name for management. endpoint: where to listen. serializers: the encodings offered. url: accepted for
    Crossbar's configs. options: details. auth: how clients log in. max_connections: at one time. limits: what one
    session may hold.
    """

    endpoint: Endpoint
    id: str | None = None
    serializers: Serializers = field(default_factory=all_serializers)
    url: str | None = None
    options: WebSocketOptions = field(default_factory=WebSocketOptions)
    auth: Auth | None = None
    max_connections: Count = 1_000
    limits: Limits = field(default_factory=Limits)


class StaticOptions(Section):
    """Options of static files.

    enable_directory_listing: show what is in a directory without an index.html. mime_types: more types, by ending.
    cache_timeout: seconds a browser may keep a file; null: it asks each time. default_file: served for a directory.
    """

    enable_directory_listing: bool = False
    mime_types: dict[str, str] = {}
    cache_timeout: Annotated[int, Meta(ge=0)] | None = 43_200
    default_file: str = "index.html"


class StaticPath(Section, tag="static"):
    """Files of a directory.

    directory: the directory, relative to the node directory. package, resource: instead of it, a directory inside a
    Python package. options: details.
    """

    directory: str | None = None
    package: str | None = None
    resource: str | None = None
    options: StaticOptions = field(default_factory=StaticOptions)


class NodeInfoPath(Section, tag="nodeinfo"):
    """A page about the node: version, uptime, realms, sessions; as JSON by `Accept` or `?format=json`."""


class NestedPath(Section, tag="path"):
    """Paths below a path. paths: path name -> what is served there."""

    paths: dict[str, WebPath]


class WebOptions(Section):
    """Options of a web transport.

    access_log: log each request. client_timeout: seconds an idle HTTP connection is kept. hsts: tell browsers to come
    by TLS alone from now on (RFC 6797), if the endpoint has it. hsts_max_age: for so many seconds.
    """

    access_log: bool = False
    client_timeout: Annotated[int, Meta(ge=1, le=86_400)] = 60
    hsts: bool = False
    hsts_max_age: Annotated[int, Meta(ge=0)] = 31_536_000


class Web(Section, tag="web"):
    """One port for pages, files and WebSockets, by path.

    id: a name for management. endpoint: where to listen. paths: path name -> what is served there; `/` is the root.
    options: details. max_connections: at one time.
    """

    endpoint: Endpoint
    paths: dict[str, WebPath]
    id: str | None = None
    options: WebOptions = field(default_factory=WebOptions)
    max_connections: Count = 1_000


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


# --- workers and node --------------------------------------------------------------------------------------------


class RouterWorker(Section, tag="router"):
    """The router: realms, and the transports that clients come in by. It runs in the node's own process.

    id: a name for management. realms: the realms. transports: where clients connect.
    """

    id: str | None = None
    realms: list[Realm] = []
    transports: list[Transport] = []


class Controller(Section):
    """The node itself. id: its name, in logs and on the info page."""

    id: str | None = None


Worker = RouterWorker


class Config(Section):
    """The whole file. An empty one is a node that does nothing.

    $schema: for editors. version: 2; the older forms of 1 are upgraded in memory. controller: the node itself.
    workers: what the node runs. bridges: devices, each as topics and procedures of a realm.
    """

    schema: str | None = field(name="$schema", default=None)
    version: Literal[1, 2] = 2
    controller: Controller = field(default_factory=Controller)
    workers: list[Worker] = []
    bridges: list[Bridge] = []
