"""What a client hears whose login fails. One text for all reasons: nobody learns which users there are."""

from __future__ import annotations

from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError


def denied() -> WampError:
    """The refusal of whoever is unknown or cannot prove to be who he says."""
    return WampError(AUTHENTICATION_DENIED, "there is no such user, or this is no proof to be that one")


def authid_wanted(method: str) -> WampError:
    """The refusal of a HELLO that does not say who wants to log in."""
    return WampError(AUTHENTICATION_DENIED, f"HELLO has no authid; {method} needs one")
