"""How clients log in, by authmethod; secrets and where they may stand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_router.config.schema.section import Count, Section


class Principal(Section, kw_only=True):
    """Who may log in.

    realm: the only realm that it may join, and the one it joins if its client names none.
    """

    realm: str | None = None


Name = Annotated[str, Meta(min_length=1)]


class Method(Section, kw_only=True):
    """A way to log in.

    type: who knows the users: `static`, this file; `dynamic`, a procedure; `function`, a function in Python. Both are
    asked with (realm, authid, details), and give a role, or a mapping with `role` and what the method needs, and
    `authid`, `realm` and `extra` (for WELCOME) if they like; an error of the application's refuses the client.
    authenticator: for `dynamic`: the procedure. authenticator-realm: where it is; left out, in the realm that the
    client wants to join. default-role: of users for whom none is given. create: for `function`: `module.name` of a
    function that is called with `config` and None at the start, and gives the function that is asked; it, or its
    result, may be awaitable. Modules are found in the node directory, too. config: whatever it needs.
    """

    type: Literal["static", "dynamic", "function"] = "static"
    authenticator: Name | None = None
    authenticator_realm: Name | None = field(name="authenticator-realm", default=None)
    default_role: Name | None = field(name="default-role", default=None)
    create: Name | None = None
    config: dict[str, Any] | None = None


class AnonymousAuth(Method):
    """Everybody may join, in one role.

    role: the role. authid: the authid; left out, a random one per session. realm: the only realm that they may join,
    and the one they join if a client names none.
    """

    role: str = "anonymous"
    authid: str | None = None
    realm: str | None = None


class SecretPlace(Section):
    """Where a secret stands, if it should not stand in this file: one of the three.

    file: a file, relative to the node directory; a line end after the secret does not count. env: a variable of the
    environment. credential: a credential of systemd (`LoadCredential=`, `SetCredentialEncrypted=`).
    """

    file: str | None = None
    env: str | None = None
    credential: str | None = None


Secret = Annotated[str, Meta(min_length=1, extra={"secret": True})] | SecretPlace


class TicketPrincipal(Principal):
    """Who may log in with a ticket. ticket: the secret, which the client sends. role: the role it gets."""

    ticket: Secret
    role: str


class TicketAuth(Method):
    """Clients send a secret as it is; for connections that nobody can listen to.

    principals: authid -> ticket and role. `dynamic` and `function` get the ticket in the details, as `ticket`.
    """

    principals: dict[str, TicketPrincipal] | None = None


class WampCraUser(Principal):
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


class WampCraAuth(Method):
    """Clients sign a challenge with a secret that both sides know (WAMP-CRA).

    users: authid -> secret and role. `dynamic` and `function` give `secret` (or `derived-key`), and `salt`,
    `iterations` and `keylen` if it is salted.
    """

    users: dict[str, WampCraUser] | None = None


Hex32 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", extra={"words": "64 hexadecimal digits"})]
HexSalt = Annotated[
    str, Meta(pattern="^([0-9a-fA-F]{2}){8,64}$", extra={"words": "16 to 128 hexadecimal digits, an even number"})
]


class ScramPrincipal(Principal):
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


class ScramAuth(Method):
    """Both sides prove to know a password that is never sent, and of which the router has no more than a trace.

    principals: authid -> keys and role. `dynamic` and `function` give the same keys as such a principal.
    """

    principals: dict[str, ScramPrincipal] | None = None


class CryptosignPrincipal(Principal):
    """Who may log in with a key. authorized_keys: public keys (Ed25519). role: the role."""

    authorized_keys: Annotated[list[Hex32], Meta(min_length=1)]
    role: str


class Enrolment(Principal):
    """Let nodes become known: `edge-router nodes invite NAME` gives a code, and the node that has it comes in with its
    own key from then on, as NAME.

    role: the role of such nodes. path: the file of their names and keys, relative to the node directory. limit: nodes
    that it may have.
    """

    role: str
    path: str = "nodes.json"
    limit: Count = 1_000


class CryptosignAuth(Method):
    """Clients sign a challenge with a private key that never leaves them. Needs the Python package `cryptography`.

    principals: authid -> public keys and role. `dynamic` and `function` give `pubkey`, one or a list of them.
    enrolment: beside the principals of `static`, or in place of them: nodes that bring an invitation.
    prove_node_key: show clients that ask for it that the router has the key in `key.priv`; anybody can then have 32
    octets signed with it, so use a key that logs in nowhere.
    """

    principals: dict[str, CryptosignPrincipal] | None = None
    enrolment: Enrolment | None = None
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


class TlsPrincipal(Principal):
    """Who may log in with a certificate; both fingerprints have to fit if both are given.

    role: the role that the user gets. certificate-sha256, certificate-sha1: fingerprints of the client's certificate,
    as `edge-router certificate --client` and `openssl x509 -fingerprint` show them; better the former.
    """

    role: str
    sha256: Fingerprint32 | None = field(name="certificate-sha256", default=None)
    sha1: Fingerprint20 | None = field(name="certificate-sha1", default=None)


class TlsAuth(Method):
    """Clients are known by the certificate they show; the endpoint's `tls` needs `ca_certificates` for that.

    principals: authid -> fingerprints and role. `dynamic` and `function` get the certificate in the details, as
    `transport.client_cert` with `subject`, `sha256` and `sha1`.
    """

    principals: dict[str, TlsPrincipal] | None = None


class CookieAuth(Section):
    """A browser that has logged in by another method here is known by its cookie; the transport needs `cookie`.

    type: `static`.
    """

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
    the process, on Unix sockets. cookie: with the cookie of an earlier login by another method. failed_logins: what
    happens after wrong secrets.
    """

    anonymous: AnonymousAuth | None = None
    ticket: TicketAuth | None = None
    wampcra: WampCraAuth | None = None
    scram: ScramAuth | None = None
    cryptosign: CryptosignAuth | None = None
    tls: TlsAuth | None = None
    peercred: PeerCredentialsAuth | None = None
    cookie: CookieAuth | None = None
    failed_logins: FailedLogins = field(default_factory=FailedLogins)
