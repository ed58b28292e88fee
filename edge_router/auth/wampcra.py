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
from typing import Annotated, Any

from msgspec import Meta, Struct, field, json

from edge_router.auth.asked import Found, Principals
from edge_router.auth.denial import authid_wanted, denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import WampCraAuth, WampCraUser
from edge_router.config.secret import secret_text
from edge_router.router.interfaces import Accepted, Decision, Login, Question
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
        self._users = {authid: _user(user, directory) for authid, user in (config.users or {}).items()}
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
        accepted = None if known is None else accepted_as(authid, known.role, known.realm, login)
        return _question(login, Accepted(authid, user.role), user, accepted, self._entropy(18), self._now())

    def _somebody(self, authid: str) -> _User:
        salting = dict(self._nobody.salting)
        if salting:
            made = b64encode(digest(self._hidden, authid.encode(), "sha512")).decode()
            salting["salt"] = made[: len(salting["salt"])]
        return _User(self._entropy(32), self._nobody.role, salting)


def asked(login: Login, ask: Principals) -> Decision:
    """What the client signs with, somebody else knows: `secret`, perhaps with `salt`, `iterations` and `keylen`."""
    if login.authid is None:
        raise authid_wanted("wampcra")

    def question(found: Found) -> Question:
        given: Given = found.principal
        salting = {} if given.salt is None else {
            "salt": given.salt, "iterations": given.iterations, "keylen": given.keylen
        }  # fmt: skip
        key = given.derived_key or given.secret or ""
        if given.derived_key is None and given.salt is not None:
            key = wampcra_key(key, given.salt, given.iterations, given.keylen)
        user = _User(key.encode(), found.accepted.authrole, salting)
        return _question(login, found.accepted, user, found.accepted, os.urandom(18), time.time())

    return ask(login, Given).map(question)


class Given(Struct, frozen=True):
    """What proves a user, as others give it. secret: the secret itself, or derived_key; salt, ...: as in the config."""

    secret: Annotated[str, Meta(min_length=1)] | None = None
    derived_key: Annotated[str, Meta(min_length=1)] | None = field(name="derived-key", default=None)
    salt: Annotated[str, Meta(min_length=1)] | None = None
    iterations: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    keylen: Annotated[int, Meta(ge=16, le=64)] = 32

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.derived_key is None) or (self.derived_key is not None and self.salt is None):
            raise ValueError("either `secret`, or `derived-key` and `salt` would be right")


def _question(
    login: Login, who: Accepted, user: _User, accepted: Accepted | None, nonce: bytes, now: float
) -> Question:
    """The challenge. who: shown in it. user: how it is signed. accepted: None if the user cannot come in."""
    challenge = json.encode(
        {
            "authid": who.authid,
            "authrole": who.authrole,
            "authmethod": "wampcra",
            "authprovider": who.authprovider,
            "nonce": nonce.hex(),
            "timestamp": _timestamp(now),
            "session": login.session,
        }
    ).decode()
    wanted = b64encode(digest(user.key, challenge.encode(), "sha256"))
    return Question({"challenge": challenge, **user.salting}, partial(_check, wanted, accepted))


def _timestamp(now: float) -> str:
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
