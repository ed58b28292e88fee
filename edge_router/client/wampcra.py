"""The method `wampcra`: sign the router's challenge with the secret, or with the key made of it and a salt.

(Spec, "Challenge Response Authentication".)
"""

from __future__ import annotations

from base64 import b64encode
from hmac import digest
from pathlib import Path
from typing import Any, Final

from edge_router.client.failures import CannotLogIn
from edge_router.client.logins import Channel
from edge_router.config.schema.connecting import WampCraLogin
from edge_router.config.secret import secret_text
from edge_router.wamp.derive import wampcra_key

#: a router that asks for more would have this end busy for seconds
MOST_ITERATIONS: Final = 1_000_000


class WampCra:
    """config: who. directory: of secret files."""

    methods = ("wampcra",)

    def __init__(self, config: WampCraLogin, directory: Path) -> None:
        self.authid: str | None = config.authid
        self._secret = secret_text(config.secret, directory)

    def hello(self, _channel: Channel) -> dict[str, Any]:
        """Nothing besides the authid."""
        return {}

    def answer(self, extra: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The signature of the challenge."""
        challenge, salt = extra.get("challenge"), extra.get("salt")
        iterations, keylen = extra.get("iterations", 1000), extra.get("keylen", 32)
        if not isinstance(challenge, str) or not isinstance(salt, str | None):
            raise CannotLogIn("wampcra: the router's CHALLENGE has no challenge, or a salt that is no text")
        if salt is None:
            key = self._secret
        elif _within(iterations, MOST_ITERATIONS) and _within(keylen, 1024):
            key = wampcra_key(self._secret, salt, iterations, keylen)
        else:
            raise CannotLogIn(f"wampcra: the router asks for {iterations} iterations and a key of {keylen} octets")
        return b64encode(digest(key.encode(), challenge.encode(), "sha256")).decode(), {}

    def welcome(self, _authextra: dict[str, Any]) -> None:
        """The router has nothing to prove."""


def _within(value: object, most: int) -> bool:
    return isinstance(value, int) and 1 <= value <= most
