"""Several roles of one session, all with static permissions: what any of them allows is allowed.

Who acts is made known if a role that allows the action says so, or lets the session ask for it and it asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_router.router.grants import Action, StaticGrant, refusal
from edge_router.router.permissions import RolePermissions
from edge_router.router.urimap import REMEMBERED
from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import Match

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession

#: between the names of roles in an authrole
SEPARATOR: Final = ","


class SeveralRoles:
    """The permissions of several roles together; see `grants.Permissions`.

    name: their authrole. roles: all names that it goes by. parts: the roles.
    """

    __slots__ = ("_parts", "forwards", "name", "remembered", "roles")

    def __init__(self, name: str, roles: tuple[str, ...], parts: tuple[RolePermissions, ...]) -> None:
        self.name = name
        self.roles = roles
        self.forwards = any(part.forwards for part in parts)
        self.remembered: dict[str, StaticGrant] = {}
        self._parts = parts

    def grant(self, uri: str) -> StaticGrant:
        """What may be done with this URI. Raises WampError `invalid_uri`."""
        found = self.remembered.get(uri)
        if found is None:
            found = _together([part.grant(uri) for part in self._parts])
            if len(self.remembered) >= REMEMBERED:
                self.remembered.clear()
            self.remembered[uri] = found
        return found

    def grant_pattern(self, uri: str, match: Match) -> StaticGrant:
        """What may be done with a pattern. Raises WampError `invalid_uri`."""
        if match == "exact":
            return self.grant(uri)
        return _together([part.grant_pattern(uri, match) for part in self._parts])

    def is_uniform(self, uri: str, match: Match, action: Action) -> bool:
        """Whether one of them grants it for everything that the pattern matches. In doubt none does."""
        return match == "exact" or any(
            getattr(part.grant_pattern(uri, match), action) and part.is_uniform(uri, match, action)
            for part in self._parts
        )

    def refuse(self, action: Action, uri: str) -> WampError:
        """The error for an action that is not granted. It says nothing about what exists."""
        return refusal(self.name, action, uri)

    def joined(self, session: RouterSession) -> SeveralRoles:  # noqa: ARG002 - all sessions with these roles share them
        """See `grants.RoleInRealm`."""
        return self

    def left(self) -> None:
        """See `grants.Permissions`."""

    def replaced(self) -> None:
        """See `grants.Permissions`."""

    def decide(self, action: Action, uri: str, match: Match, told: Callable[[bool], None]) -> bool | None:  # noqa: ARG002
        """See `grants.Permissions`."""
        granted: bool = getattr(self.grant_pattern(uri, match), action)
        return granted


def _together(grants: list[StaticGrant]) -> StaticGrant:
    return StaticGrant(
        any(grant.call for grant in grants),
        any(grant.register for grant in grants),
        any(grant.publish for grant in grants),
        any(grant.subscribe for grant in grants),
        any(grant.call and grant.disclose_caller for grant in grants),
        any(grant.publish and grant.disclose_publisher for grant in grants),
        any(grant.call and grant.may_disclose_caller for grant in grants),
        any(grant.publish and grant.may_disclose_publisher for grant in grants),
    )
