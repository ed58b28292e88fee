"""The method `scram`: prove to know the password without sending it, and have the router prove that it knows of it.

(Spec, "Salted Challenge Response Authentication Mechanism"; RFC 5802, RFC 7677. Argon2id: RFC 9106.)
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import pbkdf2_hmac, sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Any, Final

from edge_router.client.argon2 import NoArgon2, argon2id
from edge_router.client.failures import CannotLogIn, NotTrusted
from edge_router.client.logins import Channel
from edge_router.config.schema.connecting import ScramLogin
from edge_router.config.secret import secret_text
from edge_router.wamp.derive import prepared

#: Base64 of `n,,`: no channel binding
_UNBOUND: Final = "biws"
#: fewer would make guessing easy for a router that is none; more would have this end busy for seconds
ITERATIONS: Final = {"pbkdf2": range(1_000, 1_000_001), "argon2": range(1, 101)}
#: KiB of Argon2id
MOST_MEMORY: Final = 1_048_576


class Scram:
    """config: who. directory: of secret files. entropy: random bytes."""

    methods = ("scram", "wamp-scram")

    def __init__(
        self, config: ScramLogin, directory: Path, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.authid: str | None = config.authid
        self._user = config.authid
        try:
            self._password = prepared(secret_text(config.password, directory)).encode()
        except ValueError as problem:
            raise CannotLogIn(f"scram: {problem}") from None
        self._nonce = b64encode(entropy(18)).decode()
        self._verifier = ""

    def hello(self, _channel: Channel) -> dict[str, Any]:
        """A random text, which makes the router's proof fresh."""
        return {"nonce": self._nonce, "channel_binding": None}

    def answer(self, extra: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The proof (RFC 5802 section 3)."""
        nonce, salt, iterations = extra.get("nonce"), extra.get("salt"), extra.get("iterations")
        if not isinstance(nonce, str) or not isinstance(salt, str) or not isinstance(iterations, int):
            raise CannotLogIn("scram: the router's CHALLENGE lacks nonce, salt or iterations")
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise NotTrusted("scram: the router's nonce does not begin with ours: this may be a replay")
        salted = _salted(self._password, salt, iterations, extra)
        client_key = digest(salted, b"Client Key", "sha256")
        stored = sha256(client_key).digest()
        user = self._user.replace("=", "=3D").replace(",", "=2C")
        signed = f"n={user},r={self._nonce},r={nonce},s={salt},i={iterations},c={_UNBOUND},r={nonce}".encode()
        proof = bytes(a ^ b for a, b in zip(client_key, digest(stored, signed, "sha256"), strict=True))
        server_key = digest(salted, b"Server Key", "sha256")
        self._verifier = b64encode(digest(server_key, signed, "sha256")).decode()
        return b64encode(proof).decode(), {"nonce": nonce, "channel_binding": None, "cbind_data": None}

    def welcome(self, authextra: dict[str, Any]) -> None:
        """The router's proof; it must be right, and it must be there."""
        found = authextra.get("verifier") or authextra.get("scram_server_signature")
        proof = found.removeprefix("v=") if isinstance(found, str) else ""
        if not self._verifier or not compare_digest(proof.encode(), self._verifier.encode()):
            raise NotTrusted("scram: the router did not prove to know of the password; it may be another one")


def _salted(password: bytes, salt: str, iterations: int, extra: dict[str, Any]) -> bytes:
    kdf, memory = extra.get("kdf", "pbkdf2"), extra.get("memory")
    try:
        octets = b64decode(salt, validate=True)
    except ValueError:
        raise CannotLogIn("scram: the router's salt is no Base64") from None
    if iterations not in ITERATIONS.get(str(kdf)[:6], ()):
        raise CannotLogIn(f"scram: the router asks for {iterations} iterations of {str(kdf)[:40]!r}, which is not done")
    if kdf == "pbkdf2":
        return pbkdf2_hmac("sha256", password, octets, iterations)
    if not isinstance(memory, int) or not 8 <= memory <= MOST_MEMORY:
        raise CannotLogIn(f"scram: the router asks for {memory} KiB of memory; 8 to {MOST_MEMORY} would be right")
    try:
        return argon2id(password, octets, iterations, memory)
    except NoArgon2 as problem:
        raise CannotLogIn(f"scram: {problem}") from None
