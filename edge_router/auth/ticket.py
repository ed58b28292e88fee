"""The method `ticket`: the client sends a secret (spec, "Ticket-based Authentication").

Only digests of the tickets are kept, so that all comparisons take the same time, whatever their length.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from edge_router.auth.asked import Principals
from edge_router.auth.asked import accepted as as_found
from edge_router.auth.denial import authid_wanted, denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import TicketAuth
from edge_router.config.secret import secret_text
from edge_router.router.interfaces import Accepted, Decision, Login, Question


class Ticket:
    """The method `ticket`. config: who may log in. directory: of secret files. entropy: random bytes."""

    def __init__(
        self, config: TicketAuth, directory: Path = Path(), entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._principals = {
            authid: (_digest(secret_text(principal.ticket, directory)), principal)
            for authid, principal in (config.principals or {}).items()
        }
        self._nobody = entropy(32)

    def hello(self, login: Login) -> Question:
        """Ask for the ticket, of users that do not exist too."""
        if login.authid is None:
            raise authid_wanted("ticket")
        return Question({}, partial(self._check, login.authid, login))

    def _check(self, authid: str, login: Login, ticket: str, _extra: dict[str, Any]) -> Accepted:
        digest, principal = self._principals.get(authid, (self._nobody, None))
        accepted = None if principal is None else accepted_as(authid, principal.role, principal.realm, login)
        if not compare_digest(_digest(ticket), digest) or accepted is None:
            raise denied()
        return accepted


def asked(login: Login, ask: Principals) -> Decision:
    """Somebody else looks at the ticket, which is in the details; it may say whose it is, too."""
    return Question({}, lambda ticket, _extra: ask(login, ticket=ticket).map(as_found))


def _digest(ticket: str) -> bytes:
    return sha256(ticket.encode(errors="surrogatepass")).digest()
