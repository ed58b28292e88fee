"""The method `scram`: both sides prove to know a password that neither sends and the router does not have (spec,
"Salted Challenge Response Authentication Mechanism"; RFC 5802, RFC 7677), bound to the TLS channel if the client likes.

The client derives the password's key, with PBKDF2 or Argon2id, so the router needs neither. autobahn-python signs a
message that differs from the spec's in two places (nothing for the channel binding where the spec has `biws`, the
authid as it is); its proofs are taken too.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field, structs

from edge_router.auth.asked import Principals
from edge_router.auth.denial import authid_wanted, denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import Hex32, HexSalt, ScramAuth, ScramPrincipal
from edge_router.router.interfaces import Accepted, Decision, Login, Question
from edge_router.wamp.derive import ScramKeys
from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError

#: of the client's nonce, in characters
MOST_NONCE: Final = 256
#: what the spec's method calls a key derivation that Crossbar and autobahn call otherwise
_SPEC_KDF: Final = {"argon2id-13": "argon2id13"}


class _Principal(Struct, frozen=True):
    """asked: what CHALLENGE says of the key's derivation, but for the salt."""

    salt: bytes
    keys: ScramKeys
    role: str
    asked: dict[str, Any]
    realm: str | None = None


class Scram:
    """The method `scram`. config: who may log in. directory: unused, it has no files. entropy: random bytes."""

    def __init__(
        self,
        config: ScramAuth,
        directory: Path = Path(),  # noqa: ARG002 - as for every method
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._principals = {
            authid: _keys(principal, principal.role, principal.realm)
            for authid, principal in (config.principals or {}).items()
        }
        self._entropy = entropy
        fallback = _Principal(bytes(16), ScramKeys(b"", b""), "", {"kdf": "pbkdf2", "iterations": 4096})
        self._nobody = next(iter(self._principals.values()), fallback)
        self._hidden = sha256(b"".join(each.keys.stored for each in self._principals.values())).digest()

    def hello(self, login: Login) -> Question:
        """Ask for the proof, of users that do not exist too: with a salt that is always the same for a name."""
        said = _said(login)
        known = self._principals.get(said.authid)
        principal = known or self._somebody(said.authid)
        accepted = None if known is None else accepted_as(said.authid, known.role, known.realm, login)
        return _question(said, principal, accepted, self._entropy(18))

    def _somebody(self, authid: str) -> _Principal:
        nobody = self._nobody
        salt = digest(self._hidden, authid.encode(), "sha512")[: len(nobody.salt)]
        return _Principal(salt, ScramKeys(self._entropy(32), self._entropy(32)), nobody.role, nobody.asked)


def asked(login: Login, ask: Principals) -> Decision:
    """What is kept of the client's password, somebody else knows: the keys of a principal of the configuration."""
    said = _said(login)
    return ask(login, Given).map(
        lambda found: _question(said, _keys(found.principal, found.accepted.authrole), found.accepted, os.urandom(18))
    )


class Given(Struct, frozen=True):
    """What proves a user, as others give it; as in the configuration."""

    salt: HexSalt
    iterations: Annotated[int, Meta(ge=1)]
    stored_key: Hex32 = field(name="stored-key")
    server_key: Hex32 = field(name="server-key")
    kdf: Literal["pbkdf2", "argon2id-13"] = "pbkdf2"
    memory: Annotated[int, Meta(ge=8)] | None = None

    def __post_init__(self) -> None:
        if self.kdf != "pbkdf2" and self.memory is None:
            raise ValueError(f"`memory` is missing; clients need it for {self.kdf}, in KiB")


class _Said(Struct, frozen=True):
    """What matters of HELLO. spec: whether the client has the spec's name for the method. binding: of the channel, and
    data: what binds (RFC 5929, RFC 9266).
    """

    authid: str
    nonce: str
    spec: bool
    binding: str | None
    data: bytes


def _said(login: Login) -> _Said:
    """Raises WampError for what does not do."""
    if login.authid is None:
        raise authid_wanted("scram")
    nonce, binding = login.authextra.get("nonce"), login.authextra.get("channel_binding")
    if not isinstance(nonce, str) or not 0 < len(nonce) <= MOST_NONCE or not nonce.isprintable() or "," in nonce:
        raise WampError(AUTHENTICATION_DENIED, "scram needs authextra.nonce in HELLO, a random text without commas")
    data = login.transport.channel_id.get(binding) if isinstance(binding, str) else None
    if binding is not None and data is None:
        text = f"the channel binding {str(binding)[:40]!r} cannot be had on this connection; leave it out"
        raise WampError(AUTHENTICATION_DENIED, text)
    return _Said(login.authid, nonce, login.method == "wamp-scram", binding, data or b"")


def _question(said: _Said, principal: _Principal, accepted: Accepted | None, ours: bytes) -> Question:
    """The challenge. accepted: None if the user cannot come in. ours: the router's part of the nonce."""
    both = said.nonce + b64encode(ours).decode()
    salt = b64encode(principal.salt).decode()
    first = f"r={said.nonce},r={both},s={salt},i={principal.asked['iterations']}"
    escaped = said.authid.replace("=", "=3D").replace(",", "=2C")
    flag = "n" if said.binding is None else f"p={said.binding}"
    bound = b64encode(f"{flag},,".encode() + said.data).decode()
    messages = [f"n={escaped},{first},c={bound},r={both}".encode()]
    if said.binding is None:
        messages.append(f"n={said.authid},{first},c=,r={both}".encode())
    asked = dict(principal.asked)
    if said.spec:
        asked["kdf"] = _SPEC_KDF.get(asked["kdf"], asked["kdf"])
    check = partial(_check, principal.keys, messages, said, both, accepted)
    return Question({"nonce": both, "salt": salt, **asked}, check)


def _check(
    keys: ScramKeys,
    messages: Sequence[bytes],
    said: _Said,
    nonce: str,
    accepted: Accepted | None,
    signature: str,
    extra: dict[str, Any],
) -> Accepted:
    """The proof against each form of what was signed, always all of them."""
    proof = _octets(signature)
    proved = None
    for message in messages:
        signed = digest(keys.stored, message, "sha256")
        client_key = bytes(a ^ b for a, b in zip(proof, signed, strict=True))
        if compare_digest(sha256(client_key).digest(), keys.stored):
            proved = message
    # what binds is in the message that was signed; that AUTHENTICATE names it, too, is for the spec's sake
    fits = extra.get("nonce", nonce) == nonce and extra.get("channel_binding") == said.binding
    if proved is None or accepted is None or not fits:
        raise denied()
    verifier = b64encode(digest(keys.server, proved, "sha256")).decode()
    authextra = {"verifier": verifier, "scram_server_signature": verifier}
    return structs.replace(accepted, authextra={**(accepted.authextra or {}), **authextra})


def _octets(proof: str) -> bytes:
    """The 32 octets of a proof; of what is none, 32 that prove nothing."""
    try:
        octets = b64decode(proof, validate=True)
    except ValueError:
        octets = b""
    return octets if len(octets) == sha256().digest_size else bytes(32)


def _keys(principal: ScramPrincipal | Given, role: str, realm: str | None = None) -> _Principal:
    asked: dict[str, Any] = {"kdf": principal.kdf, "iterations": principal.iterations}
    if principal.memory is not None:
        asked["memory"] = principal.memory
    keys = ScramKeys(bytes.fromhex(principal.stored_key), bytes.fromhex(principal.server_key))
    return _Principal(bytes.fromhex(principal.salt), keys, role, asked, realm)
