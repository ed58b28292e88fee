"""Authenticators that are procedures in a realm (`type: dynamic`)."""

from __future__ import annotations

from typing import Any, Final

from edge_router.auth.asked import Ask
from edge_router.router.interfaces import Inquirer
from edge_router.router.pending import Pending
from edge_router.wamp.errors import NO_SUCH_REALM, WampError

#: milliseconds that an authenticator has for its answer
ANSWER_WITHIN: Final = 15_000


def procedure(inquirer: Inquirer, uri: str, realm: str | None) -> Ask:
    """Asks a procedure.

    uri: the procedure. realm: where it is; None: in the one that the client wants to join.
    """

    def ask(named: str | None, authid: str | None, details: dict[str, Any]) -> Pending[Any]:
        where = realm or named
        if where is None:
            raise WampError(NO_SUCH_REALM, "HELLO names no realm, so nobody can be asked who this is")
        pending: Pending[Any] = Pending()
        inquirer.ask(
            where,
            uri,
            [named, authid, details],
            {},
            lambda args, kwargs: pending.settle(args[0] if args else kwargs or None),
            pending.settle,
            ANSWER_WITHIN,
        )
        return pending

    return ask
