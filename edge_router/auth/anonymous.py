"""Everybody may join, in one role (spec, "Authentication": the method `anonymous`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from edge_router.auth.asked import Principals
from edge_router.auth.asked import accepted as as_found
from edge_router.auth.denial import denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import AnonymousAuth
from edge_router.router.interfaces import Accepted, Decision, Login


class Anonymous:
    """The method `anonymous`. config: role and authid. entropy: random bytes for authids."""

    def __init__(
        self,
        config: AnonymousAuth,
        directory: Path = Path(),  # noqa: ARG002 - as for every method; this one has no files
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._config = config
        self._entropy = entropy

    def hello(self, login: Login) -> Accepted:
        """Accept, unless another realm than the configured one is named.

        The authid is the configured one; else the same for a browser with a cookie each time; else random.
        """
        cookie = login.transport.cookie
        authid = self._config.authid or (cookie.name if cookie is not None else self._entropy(8).hex())
        accepted = accepted_as(authid, self._config.role, self._config.realm, login)
        if accepted is None:
            raise denied()
        return accepted


def asked(login: Login, ask: Principals) -> Decision:
    """Who joins without credentials is what somebody else says; nobody has proved the authid in HELLO."""
    return ask(structs.replace(login, authid=os.urandom(8).hex())).map(as_found)
