"""The method `cookie`: a browser that has logged in by another method need not do so again (spec, "Cookie-based
Authentication"; Crossbar's `cookie`).

A login is bound to what stands in the configuration about its user then, so a user that is taken out, or has another
role or password, has to log in anew. Nothing of that can be guessed from what is stored: the cookie is the key to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from msgspec import json, to_builtins

from edge_router.config.schema import Auth, Method, SecretPlace
from edge_router.config.secret import secret_text
from edge_router.router.interfaces import Accepted, Authenticator, Decision, Login, Question, Remembered
from edge_router.router.pending import Pending

#: authmethod -> the section that it stands in; what a client proves anew each time without being asked is not here
REMEMBERED: Final = {
    "ticket": "ticket",
    "wampcra": "wampcra",
    "scram": "scram",
    "wamp-scram": "scram",
    "cryptosign": "cryptosign",
    "tls": "tls",
}
#: bytes of an `authextra` that is remembered
MOST_EXTRA: Final = 4096
#: the router's proof in one login; says nothing in another
_PROOFS: Final = ("verifier", "scram_server_signature")


def with_cookies(methods: Mapping[str, Authenticator], auth: Auth, directory: Path) -> dict[str, Authenticator]:
    """The same methods, whose logins are remembered, and the method `cookie`.

    auth: their section. directory: of secret files. Raises config.secret.Missing.
    """
    marks = Marks(auth, directory)
    found = {name: Remembering(method, marks) if name in REMEMBERED else method for name, method in methods.items()}
    return {**found, "cookie": CookieLogin(marks)}


class Marks:
    """What the configuration said of each user when the node started, secrets too. Arguments as of `with_cookies`."""

    def __init__(self, auth: Auth, directory: Path) -> None:
        self._asked: dict[str, bytes] = {}
        self._users: dict[tuple[str, str], bytes] = {}
        for name in set(REMEMBERED.values()):
            section: Method | None = getattr(auth, name)
            if section is not None and section.type != "static":
                self._asked[name] = section.type.encode()
            users: Any = getattr(section, "principals", None) or getattr(section, "users", None) or {}
            for authid, user in users.items():
                self._users[name, authid] = _octets(user, directory)

    def find(self, method: str, authid: str) -> bytes | None:
        """Of a user; None if there is no such user, or no such method. Of users that are asked for: nothing but that.
        """
        name = REMEMBERED.get(method, "")
        return self._asked.get(name) or self._users.get((name, authid))


def _octets(user: Any, directory: Path) -> bytes:
    said = to_builtins(user)
    for name, key in zip(user.__struct_fields__, user.__struct_encode_fields__, strict=True):
        value = getattr(user, name)
        if isinstance(value, SecretPlace):
            said[key] = secret_text(value, directory)
    return json.encode(said, order="sorted")


class CookieLogin:
    """The method `cookie`. marks: of all users."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def hello(self, login: Login) -> Accepted | None:
        """Accept whoever is remembered, unless HELLO asks for another user or realm: then other methods have a say."""
        visit = login.transport.cookie
        who = visit.remembered if visit is not None else None
        if visit is None or who is None:
            return None
        if login.authid not in (None, who.authid) or login.realm not in (None, who.realm):
            return None
        mark = self._marks.find(who.method, who.authid)
        if mark is None or not compare_digest(visit.seal(mark), who.seal):
            visit.forget()
            return None
        return Accepted(who.authid, who.authrole, "cookie", who.authextra, who.realm)


class Remembering:
    """A method whose logins are remembered. method: the method. marks: of all users."""

    def __init__(self, method: Authenticator, marks: Marks) -> None:
        self._method = method
        self._marks = marks

    def hello(self, login: Login) -> Decision | None:
        """As the method decides."""
        found = self._method.hello(login)
        return found if found is None or login.transport.cookie is None else self._watched(login, found)

    def _watched(self, login: Login, found: Decision) -> Decision:
        if isinstance(found, Pending):
            return found.map(partial(self._watched, login))
        if isinstance(found, Question):
            question = found
            return Question(
                question.extra, lambda signature, extra: self._watched(login, question.answer(signature, extra))
            )
        self._remember(login, found)
        return found

    def _remember(self, login: Login, accepted: Accepted) -> None:
        visit = login.transport.cookie
        realm = accepted.realm or login.realm
        mark = self._marks.find(login.method, accepted.authid)
        if visit is not None and realm is not None and mark is not None:
            visit.remember(
                Remembered(
                    accepted.authid, accepted.authrole, realm, login.method, visit.seal(mark), _extra(accepted)
                )
            )


def _extra(accepted: Accepted) -> dict[str, Any] | None:
    extra = {key: value for key, value in (accepted.authextra or {}).items() if key not in _PROOFS}
    return extra if extra and len(json.encode(extra)) <= MOST_EXTRA else None
