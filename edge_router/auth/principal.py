"""Who a known user is: what all methods make of a principal of the configuration."""

from __future__ import annotations

from edge_router.router.interfaces import Accepted, Login


def accepted_as(authid: str, role: str, realm: str | None, login: Login) -> Accepted | None:
    """The user, in the realm that it is bound to or else names; None if it names another than it is bound to.

    authid, role, realm: of the principal. login: what the client said.
    """
    if realm is not None and login.realm not in (None, realm):
        return None
    return Accepted(authid, role, realm=realm)
