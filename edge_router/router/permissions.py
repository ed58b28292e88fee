"""What the sessions of a role may do: static permissions, decided once per URI and remembered.

The permission whose pattern matches best decides; none means no. A pattern that is subscribed to or registered needs a
permission, itself a prefix or a wildcard, that covers it; where a narrower permission says no to a part of it, the
session gets nothing of that part (it is asked URI by URI, see `is_uniform`). The `wamp.` URIs belong to the protocol:
only the trusted role may publish or register there.

(Crossbar's `permissions`; spec, "Authorization" and "Reserved URIs".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from edge_router.config.schema import Permission, Role
from edge_router.config.uris import pattern_of
from edge_router.router.grants import (
    DENIED,
    EVERYTHING,
    RESERVED,
    Action,
    StaticGrant,
    is_reserved,
    refusal,
    refuse_invalid,
)
from edge_router.router.urimap import REMEMBERED, UriMap
from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import Match
from edge_router.wamp.uris import MAX_URI_LENGTH, UriCheck

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession


class _Rule(Struct, frozen=True):
    uri: str
    match: Match
    grant: StaticGrant


def _rule(permission: Permission) -> _Rule:
    uri, match = pattern_of(permission)
    allow, disclose = permission.allow, permission.disclose
    may = disclose.requested == "allow"
    grant = StaticGrant(
        allow.call,
        allow.register,
        allow.publish,
        allow.subscribe,
        disclose.caller,
        disclose.publisher,
        disclose.caller or may,
        disclose.publisher or may,
    )
    return _Rule(uri, match, grant)


#: what belongs to the protocol, as a rule
_PROTOCOL: Final = _Rule(RESERVED, "prefix", DENIED)


class RolePermissions:
    """The permissions of one role in one realm.

    role: its declaration; None is the trusted role, which may do everything. check: how strictly URIs are looked at.
    """

    __slots__ = ("_check", "_default", "_rules", "forwards", "name", "remembered", "roles", "trusted")

    def __init__(self, name: str, role: Role | None, check: UriCheck) -> None:
        self.name = name
        self.roles = (name,)
        self.trusted = role is None
        self.forwards = role is None or role.forwards
        self._check: UriCheck = check
        self._default = EVERYTHING if role is None or role.allow_by_default else DENIED
        self._rules: UriMap[_Rule] = UriMap()
        self.remembered: dict[str, StaticGrant] = {}
        for permission in reversed(role.permissions if role else ()):  # of the same pattern the last counts
            rule = _rule(permission)
            if self._rules.get(rule.uri, rule.match) is None:
                self._rules.add(rule.uri, rule.match, rule)

    def grant(self, uri: str) -> StaticGrant:
        """What may be done with this URI. Raises WampError `invalid_uri`."""
        grant = self.remembered.get(uri)
        return grant if grant is not None else self._decide(uri)

    def grant_pattern(self, uri: str, match: Match) -> StaticGrant:
        """What may be done with a pattern: what the permission says that covers it. Raises WampError `invalid_uri`."""
        if match == "exact":
            return self.grant(uri)
        refuse_invalid(uri, match, self._check)
        covering = max((rule for rule in self._rules if _covers(rule, uri, match)), key=_narrowness, default=None)
        return self._reserved(uri, covering.grant if covering else self._default)

    def is_uniform(self, uri: str, match: Match, action: Action) -> bool:
        """Whether an action granted for a pattern is granted for everything that the pattern matches.

        Where not, `grant` has to be asked for each URI that comes. In doubt it is not.
        """
        if match == "exact" or self.trusted:
            return True
        if action == "register" and meets_reserved(uri, match):
            return False
        return not any(not getattr(rule.grant, action) and _meets(rule, uri, match) for rule in self._rules)

    def _decide(self, uri: str) -> StaticGrant:
        refuse_invalid(uri, "exact", self._check)
        rule = self._rules.best(uri)
        grant = self._reserved(uri, rule.grant if rule else self._default)
        if len(self.remembered) >= REMEMBERED:
            self.remembered.clear()
        self.remembered[uri] = grant
        return grant

    def _reserved(self, uri: str, grant: StaticGrant) -> StaticGrant:
        if self.trusted or not is_reserved(uri):
            return grant
        return StaticGrant(grant.call, False, False, grant.subscribe, True, True)

    def refuse(self, action: Action, uri: str) -> WampError:
        """The error for an action that is not granted. It says nothing about what exists."""
        return refusal(self.name, action, uri)

    def joined(self, session: RouterSession) -> RolePermissions:  # noqa: ARG002 - all sessions of a role share them
        """See `grants.Role`."""
        return self

    def left(self) -> None:
        """See `grants.Permissions`."""

    def replaced(self) -> None:
        """See `grants.Permissions`."""

    def decide(self, action: Action, uri: str, match: Match, told: Callable[[bool], None]) -> bool | None:  # noqa: ARG002
        """See `grants.Permissions`."""
        granted: bool = getattr(self.grant_pattern(uri, match), action)
        return granted


def meets_reserved(uri: str, match: Match) -> bool:
    """Whether a pattern may match what belongs to the protocol."""
    return _meets(_PROTOCOL, uri, match)


def _narrowness(rule: _Rule) -> tuple[int, int]:
    """Orders rules as `UriMap.best` does."""
    order = {"wildcard": 0, "prefix": 1, "exact": 2}[rule.match]
    literal = len(rule.uri) if rule.match != "wildcard" else rule.uri.find("..") % (MAX_URI_LENGTH + 1)
    return order, literal


def _covers(rule: _Rule, uri: str, match: Match) -> bool:
    """Whether a rule applies to everything the pattern matches."""
    if rule.match == "prefix":
        # the literal beginning of a wildcard pattern ends where its first empty component does
        literal = uri if match == "prefix" else _literal_beginning(uri)
        return literal.startswith(rule.uri)
    if rule.match == "wildcard" and match == "wildcard":
        theirs, ours = rule.uri.split("."), uri.split(".")
        return len(theirs) == len(ours) and all(
            mine in ("", part) for mine, part in zip(theirs, ours, strict=True)
        )
    return False


def _literal_beginning(uri: str) -> str:
    parts = uri.split(".")
    return ".".join(parts[: parts.index("")]) + ("." if parts[0] else "") if "" in parts else uri


def _meets(rule: _Rule, uri: str, match: Match) -> bool:
    """Whether a rule may apply to something the pattern matches; in doubt yes."""
    if match == "prefix":
        beginning = rule.uri if rule.match != "wildcard" else _literal_beginning(rule.uri)
        return beginning.startswith(uri) or (rule.match != "exact" and uri.startswith(beginning))
    if rule.match == "prefix":
        beginning = _literal_beginning(uri)
        return rule.uri.startswith(beginning) or beginning.startswith(rule.uri)
    theirs, ours = rule.uri.split("."), uri.split(".")
    return len(theirs) == len(ours) and all(
        not mine or not part or mine == part for mine, part in zip(theirs, ours, strict=True)
    )
