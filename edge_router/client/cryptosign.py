"""The method `cryptosign`: sign the router's challenge with an Ed25519 key, and have it prove its own if asked to.

(Spec, "Cryptosign-based Authentication"; RFC 8032. Channel binding: RFC 5929, RFC 9266.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from edge_router.client.failures import CannotLogIn, NotTrusted
from edge_router.client.logins import Channel
from edge_router.config.schema.connecting import CryptosignLogin
from edge_router.config.secret import secret_text
from edge_router.wamp.enrolment import PROOF, key_of, proof

_TAG: Final = "private-key-ed25519:"
_SIZE: Final = 32


class Cryptosign:
    """config: who, and which key. directory: of key files. entropy: random bytes."""

    methods = ("cryptosign",)

    def __init__(
        self, config: CryptosignLogin, directory: Path, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.authid = config.authid
        self._key = private_key(secret_text(config.privkey, directory))
        self._binding = config.channel_binding
        self._router_key = None if config.router_key is None else bytes.fromhex(config.router_key)
        self._challenge = entropy(_SIZE)
        self._channel_id = bytes(_SIZE)
        self._proved = False
        self._code = None if config.code is None else _code_key(secret_text(config.code, directory))

    def hello(self, channel: Channel) -> dict[str, Any]:
        """The public key, and what the router is to prove."""
        pubkey = self._key.public_key().public_bytes_raw()
        extra: dict[str, Any] = {"pubkey": pubkey.hex(), "channel_binding": self._binding}
        if self._code is not None:
            extra[PROOF] = proof(self._code, pubkey)
        if self._binding is not None:
            found = channel(self._binding)
            if not found:
                raise CannotLogIn(
                    f"cryptosign: this connection has no channel binding {self._binding!r}; "
                    "TLS 1.2 has `tls-unique`, TLS 1.3 `tls-exporter`"
                )
            self._channel_id = found if self._binding == "tls-exporter" else sha256(found).digest()
        if self._router_key is not None:
            extra["challenge"] = self._challenge.hex()
        return extra

    def answer(self, extra: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The signature, and what was signed."""
        challenge = _octets(extra.get("challenge"), _SIZE)
        if challenge is None:
            raise CannotLogIn("cryptosign: the router's challenge is not 64 hexadecimal digits")
        if extra.get("channel_binding") != self._binding:
            raise NotTrusted(f"cryptosign: the router does not bind the login to this connection by {self._binding!r}")
        self._check_proof(extra)
        signed = _xor(challenge, self._channel_id)
        return (self._key.sign(signed) + signed).hex(), {}

    def welcome(self, authextra: dict[str, Any]) -> None:
        """The router's proof, if it was not in CHALLENGE: Crossbar has it here."""
        self._check_proof(authextra)
        if self._router_key is not None and not self._proved:
            raise NotTrusted("cryptosign: the router did not prove to have the key `router_key`")

    def _check_proof(self, extra: dict[str, Any]) -> None:
        if self._router_key is None or self._proved or "signature" not in extra:
            return
        signature = _octets(extra["signature"], 64 + _SIZE)
        signed = _xor(self._challenge, self._channel_id)
        try:
            if signature is None or signature[64:] != signed:
                raise InvalidSignature
            Ed25519PublicKey.from_public_bytes(self._router_key).verify(signature[:64], signed)
        except (InvalidSignature, ValueError):
            raise NotTrusted("cryptosign: the router's proof is not one of the key `router_key`") from None
        self._proved = True


def private_key(text: str) -> Ed25519PrivateKey:
    """An Ed25519 key: 64 hexadecimal digits, a `key.priv`, PEM or OpenSSH. Raises CannotLogIn."""
    tagged = [line.partition(":")[2] for line in text.splitlines() if line.startswith(_TAG)]
    octets = _octets((tagged[0] if tagged else text).strip(), _SIZE)
    if octets is not None:
        return Ed25519PrivateKey.from_private_bytes(octets)
    try:
        load = load_ssh_private_key if "OPENSSH" in text else load_pem_private_key
        key = load(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CannotLogIn(
            "cryptosign: the key is neither 64 hexadecimal digits, nor a file `key.priv`, nor an Ed25519 key of "
            "OpenSSH without a passphrase"
        )
    return key


def _code_key(code: str) -> bytes:
    try:
        return key_of(code)
    except ValueError:
        raise CannotLogIn("cryptosign: the code has not the form K7QF-2M9D-0HXA-RT5W") from None


def _octets(text: object, size: int) -> bytes | None:
    if not isinstance(text, str) or len(text) != 2 * size:
        return None
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        return None
    return octets if len(octets) == size else None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
