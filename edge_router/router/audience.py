"""Who may have a publication: black- and whitelists by session, authid and authrole.

(Spec, "Subscriber Black- and Whitelisting".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_router.wamp.messages import PublishOptions

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession


def is_filtered(options: PublishOptions) -> bool:
    """Whether a publication has any such list."""
    return not (
        options.exclude is None
        and options.eligible is None
        and options.exclude_authid is None
        and options.exclude_authrole is None
        and options.eligible_authid is None
        and options.eligible_authrole is None
    )


def names_sessions(options: PublishOptions) -> bool:
    """Whether sessions are listed by their ids, which mean nothing once those are gone."""
    return options.exclude is not None or options.eligible is not None


def audience(options: PublishOptions) -> Callable[[RouterSession], bool]:
    """Says of a session whether the lists let it have the publication."""
    exclude = frozenset(options.exclude or ())
    exclude_authid = frozenset(options.exclude_authid or ())
    exclude_authrole = frozenset(options.exclude_authrole or ())
    eligible = None if options.eligible is None else frozenset(options.eligible)
    eligible_authid = None if options.eligible_authid is None else frozenset(options.eligible_authid)
    eligible_authrole = None if options.eligible_authrole is None else frozenset(options.eligible_authrole)

    def accepts(session: RouterSession) -> bool:
        roles = session.permissions.roles
        return (
            session.id not in exclude
            and session.authid not in exclude_authid
            and exclude_authrole.isdisjoint(roles)
            and (eligible is None or session.id in eligible)
            and (eligible_authid is None or session.authid in eligible_authid)
            and (eligible_authrole is None or not eligible_authrole.isdisjoint(roles))
        )

    return accepts
