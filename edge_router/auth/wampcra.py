"""The method `wampcra`: the client signs a challenge with a secret that both know (spec, "Challenge Response
Authentication").

For a user that does not exist the challenge looks as for the first user of the configuration, with a salt that is
always the same for the same name; so nobody learns who exists.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Any

from msgspec import Struct, json

from edge_router.auth.denial import authid_wanted, denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import WampCraAuth, WampCraUser
from edge_router.config.secret import secret_text
from edge_router.router.interfaces import Accepted, Login, Question
from edge_router.wamp.derive import wampcra_key


class _User(Struct, frozen=True):
    """key: what signs. salting: what the client needs to derive it."""

    key: bytes
    role: str
    salting: dict[str, Any]
    realm: str | None = None


class WampCra:
    """The method `wampcra`.

    config: who may log in. directory: of secret files. entropy: random bytes. now: seconds since 1970.
    """

    def __init__(
        self,
        config: WampCraAuth,
        directory: Path = Path(),
        entropy: Callable[[int], bytes] = os.urandom,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._users = {authid: _user(user, directory) for authid, user in config.users.items()}
        self._entropy = entropy
        self._now = now
        self._nobody = next(iter(self._users.values()), _User(b"", "", {}))
        self._hidden = sha256(b"\0".join(user.key for user in self._users.values())).digest()

    def hello(self, login: Login) -> Question:
        """Ask for a signature, of users that do not exist too."""
        authid = login.authid
        if authid is None:
            raise authid_wanted("wampcra")
        known = self._users.get(authid)
        user = known or self._somebody(authid)
        challenge = json.encode(
            {
                "authid": authid,
                "authrole": user.role,
                "authmethod": "wampcra",
                "authprovider": "static",
                "nonce": self._entropy(18).hex(),
                "timestamp": self._timestamp(),
                "session": login.session,
            }
        ).decode()
        accepted = None if known is None else accepted_as(authid, known.role, known.realm, login)
        wanted = b64encode(digest(user.key, challenge.encode(), "sha256"))
        return Question({"challenge": challenge, **user.salting}, partial(_check, wanted, accepted))

    def _somebody(self, authid: str) -> _User:
        salting = dict(self._nobody.salting)
        if salting:
            made = b64encode(digest(self._hidden, authid.encode(), "sha512")).decode()
            salting["salt"] = made[: len(salting["salt"])]
        return _User(self._entropy(32), self._nobody.role, salting)

    def _timestamp(self) -> str:
        now = self._now()
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"


def _check(wanted: bytes, accepted: Accepted | None, signature: str, _extra: dict[str, Any]) -> Accepted:
    if not compare_digest(signature.encode(errors="surrogatepass"), wanted) or accepted is None:
        raise denied()
    return accepted


def _user(user: WampCraUser, directory: Path) -> _User:
    salting = {} if user.salt is None else {"salt": user.salt, "iterations": user.iterations, "keylen": user.keylen}
    if user.derived_key is not None:
        key = secret_text(user.derived_key, directory)
    else:
        assert user.secret is not None
        key = secret_text(user.secret, directory)
        if user.salt is not None:
            key = wampcra_key(key, user.salt, user.iterations, user.keylen)
    return _User(key.encode(), user.role, salting, user.realm)
