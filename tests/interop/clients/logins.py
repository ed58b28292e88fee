"""How autobahn-python logs in, for its puppet: its own authenticators, and what two of them need to work here.

autobahn's `scram` asks for libraries that only Argon2 and names with accents need, takes the salt of PBKDF2 for the
octets of its Base64, and gives the proof as bytes, which its own AUTHENTICATE refuses; its `cryptosign` wants libraries
for Ethereum. What is compared with the router - messages, proofs, the server's signature - is autobahn's as it is.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from autobahn.wamp import auth
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.interfaces import IAuthenticator
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

auth.HAS_ARGON = True
auth.saslprep = str
_pbkdf2 = auth.pbkdf2
auth._hash_pbkdf2_secret = lambda password, salt, iterations: _pbkdf2(password, b64decode(salt), iterations, 32)


class Scram(auth.AuthScram):
    """autobahn's, with the proof as text."""

    def on_challenge(self, session: Any, challenge: Any) -> str:
        proof: bytes = super().on_challenge(session, challenge)
        return proof.decode()


class Cryptosign:
    """What autobahn's does with the library that is here."""

    name = "cryptosign"

    def __init__(self, authid: str, secret: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
        self.authextra = {"pubkey": self._key.public_key().public_bytes_raw().hex()}
        self._args = {"authid": authid, "authextra": self.authextra}

    def on_challenge(self, _session: Any, challenge: Any) -> str:
        octets = bytes.fromhex(challenge.extra["challenge"])
        return (self._key.sign(octets) + octets).hex()

    def on_welcome(self, _session: Any, _authextra: Any) -> None:
        """Nothing of it is to be checked."""


class ByTransport:
    """A method that asks nothing: `cookie`, `tls`."""

    def __init__(self, name: str, authid: str) -> None:
        self.name = name
        self.authextra: dict[str, Any] = {}
        self._args = {"authid": authid} if authid else {}

    def on_challenge(self, _session: Any, _challenge: Any) -> str:
        raise RuntimeError("nothing should be asked")

    def on_welcome(self, _session: Any, _authextra: Any) -> None:
        """Nothing of it is to be checked."""


IAuthenticator.register(Scram)
IAuthenticator.register(Cryptosign)
IAuthenticator.register(ByTransport)

_WAYS = {
    "ticket": lambda authid, secret: {"authid": authid, "ticket": secret},
    "wampcra": lambda authid, secret: {"authid": authid, "secret": secret},
    "scram": lambda authid, secret: Scram(authid=authid, password=secret),
    "cryptosign": Cryptosign,
    "cookie": lambda authid, _secret: ByTransport("cookie", authid),
    "tls": lambda authid, _secret: ByTransport("tls", authid),
    "anonymous": lambda _authid, _secret: {},
}


def authenticate(users: dict[str, dict[str, Any]], authid: str | None, details: dict[str, Any]) -> dict[str, Any]:
    """A dynamic authenticator, as users of autobahn write one. users: authmethod -> authid -> what it gives."""
    known = users[details["authmethod"]]
    user = known.get("*") or known.get(authid)
    if user is None:
        raise ApplicationError("com.example.error.no_such_user", "who is that?")
    if user.get("ticket") != details.get("ticket"):
        raise ApplicationError("com.example.error.invalid_ticket")
    return user


def authentication(login: dict[str, str] | None) -> dict[str, Any] | None:
    """The argument of a Component. login: `method`, `authid`, `secret` (for cryptosign the private key)."""
    return login and {login["method"]: _WAYS[login["method"]](login["authid"], login["secret"])}
