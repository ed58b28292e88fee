"""Who is made known to the receivers of an event or a call, and who may ask for it.

(Spec, "Caller Identification", "Publisher Identification".)
"""

from __future__ import annotations

from edge_router.router.grants import Action, Permissions
from edge_router.wamp.errors import DISCLOSE_ME_DISALLOWED, WampError


def disclosure_refused(permissions: Permissions, action: Action, uri: str) -> WampError:
    """The error for `disclose_me` where a role may not ask for it."""
    return WampError(
        DISCLOSE_ME_DISALLOWED, f"role '{permissions.name}' may {action} '{uri}', but not with disclose_me"
    )
