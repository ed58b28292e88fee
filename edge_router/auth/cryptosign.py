"""The method `cryptosign`: the client signs a challenge with its Ed25519 key (spec, "Cryptosign-based Authentication").

`cryptography` does the arithmetic: it has wheels for every ARM and is in Debian, takes constant time with a secret key,
and verifies in a tenth of a millisecond, where pure Python would need as long as a login is worth attacking.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from edge_router.auth.asked import Found, Principals
from edge_router.auth.denial import denied
from edge_router.auth.enrolled import Enrolled
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import CryptosignAuth, Hex32
from edge_router.router.interfaces import Accepted, Decision, Login, Question
from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError

NODE_KEY: Final = "key.priv"
_TAG: Final = "private-key-ed25519:"
_SIZE: Final = 32


class Cryptosign:
    """The method `cryptosign`. config: who may log in. directory: of the node's key. entropy: random bytes."""

    def __init__(
        self, config: CryptosignAuth, directory: Path = Path(), entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._principals = config.principals or {}
        self._keys = {
            authid: {bytes.fromhex(key) for key in principal.authorized_keys}
            for authid, principal in self._principals.items()
        }
        self._entropy = entropy
        self._node_key = _node_key(directory) if config.prove_node_key else None
        self._nodes = None if config.enrolment is None else Enrolled(config.enrolment, directory)

    def hello(self, login: Login) -> Question:
        """Ask for a signature, also with keys that nobody here has."""
        pubkey = _pubkey(login)
        accepted, then = self._accepted(login, pubkey), None
        if accepted is None and self._nodes is not None:
            accepted, then = self._nodes.find(login, pubkey)
        question = _question(login, pubkey, accepted, self._entropy(_SIZE), self._node_key)
        return question if then is None else Question(question.extra, partial(_and_then, question, then))

    def _accepted(self, login: Login, pubkey: bytes) -> Accepted | None:
        """Who has this key: the user that HELLO names, or the only one; None if nobody has."""
        owners = [authid for authid, keys in self._keys.items() if pubkey in keys]
        if login.authid is not None:
            owners = [authid for authid in owners if authid == login.authid]
        if len(owners) != 1:
            return None
        principal = self._principals[owners[0]]
        return accepted_as(owners[0], principal.role, principal.realm, login)


def _and_then(question: Question, then: Callable[[], None], signature: str, extra: dict[str, Any]) -> Decision:
    """Decide, and do what is to be done for somebody who has come in. Raises WampError."""
    decision = question.answer(signature, extra)
    then()
    return decision


def asked(login: Login, ask: Principals) -> Decision:
    """Which keys a user has, somebody else knows: `pubkey` or `authorized_keys`. The details have the client's."""
    pubkey = _pubkey(login)

    def question(found: Found) -> Question:
        accepted = found.accepted if pubkey in found.principal.octets() else None
        return _question(login, pubkey, accepted, os.urandom(_SIZE), None)

    return ask(login, Given).map(question)


class Given(Struct, frozen=True):
    """The keys of a user, as others give them. pubkey: one, or several. authorized_keys: several."""

    pubkey: Hex32 | list[Hex32] = []
    authorized_keys: list[Hex32] = []

    def octets(self) -> set[bytes]:
        """All of them."""
        one = [self.pubkey] if isinstance(self.pubkey, str) else self.pubkey
        return {bytes.fromhex(key) for key in (*one, *self.authorized_keys)}


def _pubkey(login: Login) -> bytes:
    """The key in HELLO. Raises WampError."""
    pubkey = _octets(login.authextra.get("pubkey"))
    if pubkey is None:
        raise WampError(AUTHENTICATION_DENIED, "cryptosign needs authextra.pubkey in HELLO, 64 hexadecimal digits")
    return pubkey


def _question(
    login: Login, pubkey: bytes, accepted: Accepted | None, challenge: bytes, node_key: Ed25519PrivateKey | None
) -> Question:
    """The challenge. accepted: None if the user cannot come in. node_key: proves the router to clients that ask."""
    binding = login.authextra.get("channel_binding")
    channel_id = bytes(_SIZE) if binding is None else _channel_id(binding, login)
    extra: dict[str, Any] = {"challenge": challenge.hex(), "channel_binding": binding}
    extra |= _proof(node_key, login.authextra.get("challenge"), channel_id)
    return Question(extra, partial(_check, pubkey, _xor(challenge, channel_id), accepted))


def _proof(node_key: Ed25519PrivateKey | None, asked: object, channel_id: bytes) -> dict[str, Any]:
    """The router's own signature, for clients that ask for it and if it has a key to show."""
    challenge = _octets(asked)
    if challenge is None or node_key is None:
        return {}
    signed = _xor(challenge, channel_id)
    pubkey = node_key.public_key().public_bytes_raw().hex()
    return {"pubkey": pubkey, "signature": (node_key.sign(signed) + signed).hex()}


def _check(
    pubkey: bytes, signed: bytes, accepted: Accepted | None, signature: str, _extra: dict[str, Any]
) -> Accepted:
    """signature: of 64 octets, and the 32 that were signed."""
    octets = _octets(signature, 64 + _SIZE)
    if octets is None:
        raise denied()
    try:
        Ed25519PublicKey.from_public_bytes(pubkey).verify(octets[:64], signed)
    except (InvalidSignature, ValueError):  # ValueError: these 32 octets are no public key
        raise denied() from None
    if not compare_digest(octets[64:], signed) or accepted is None:
        raise denied()
    return accepted


def _channel_id(binding: object, login: Login) -> bytes:
    """The 32 octets that stand for this TLS connection; autobahn takes the digest of the Finished message."""
    found = login.transport.channel_id.get(binding) if isinstance(binding, str) else None
    if found is None:
        text = f"the channel binding {str(binding)[:40]!r} cannot be had on this connection; leave it out"
        raise WampError(AUTHENTICATION_DENIED, text)
    return sha256(found).digest() if binding == "tls-unique" else found


def _octets(text: object, size: int = _SIZE) -> bytes | None:
    """So many octets in hexadecimal, or None for anything else."""
    if not isinstance(text, str) or len(text) != 2 * size:
        return None
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        return None
    return octets if len(octets) == size else None  # spaces between digits are passed over


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _node_key(directory: Path) -> Ed25519PrivateKey | None:
    """The node's key, from the file that `init` makes; None if there is none."""
    try:
        lines = (directory / NODE_KEY).read_text().splitlines()
    except OSError:
        return None
    seeds = [line.partition(":")[2].strip() for line in lines if line.startswith(_TAG)]
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seeds[0])) if seeds else None
