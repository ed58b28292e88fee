"""The roles of a realm: found by an authrole, and changed while sessions have them.

A change applies at once: to what sessions do next, and to what they subscribe to and have registered, which is revoked
where it is not granted any more. Calls under way go on.
(Spec, "Authorization", "Subscription Revocation" and "Registration Revocation".)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_router.config.schema import Role
from edge_router.router.asked import AskingRole
from edge_router.router.authorizer import Authorizer
from edge_router.router.broker import Subscription
from edge_router.router.grants import Action, Permissions, RoleInRealm
from edge_router.router.permissions import RolePermissions
from edge_router.router.registration import Registration
from edge_router.router.several import SEPARATOR, SeveralRoles
from edge_router.wamp.errors import NO_SUCH_ROLE
from edge_router.wamp.messages import Match

if TYPE_CHECKING:
    from edge_router.router.realm import Realm
    from edge_router.router.router import Router
    from edge_router.router.session import RouterSession

#: the role that parts of the node itself have unless the configuration names another; no login gives it
TRUSTED: Final = "trusted"
#: combinations of roles that are kept ready
MOST_COMBINED: Final = 100
#: what is told to sessions that lose a subscription or registration; the words are the spec's
REVOKED: Final = "no longer authorized"

#: what a session has; a text is the topic of a testament
_Entry: TypeAlias = Subscription | Registration | str


class Roles:
    """The roles of one realm.

    router, realm: where they are. declared: as the configuration has them.
    """

    __slots__ = ("_combined", "_found", "_realm", "_router", "declared")

    def __init__(self, router: Router, realm: Realm, declared: Iterable[Role]) -> None:
        self._router = router
        self._realm = realm
        #: by name, as they are now
        self.declared = {role.name: role for role in declared}
        self._found: dict[str, RolePermissions | AskingRole] = {
            name: self._made(role) for name, role in self.declared.items()
        }
        self._combined: dict[str, RoleInRealm] = {}

    def find(self, authrole: str) -> RoleInRealm | None:
        """What an authrole gives, one role's name or several as `reader,operator`; None if the realm lacks one."""
        found = self._found.get(authrole)
        if found is not None or SEPARATOR not in authrole:
            return found
        return self._combined.get(authrole) or self._combine(authrole)

    def _made(self, role: Role) -> RolePermissions | AskingRole:
        if role.authorizer is None:
            return RolePermissions(role.name, role, self._realm.config.options.uri_check)
        authorizer = Authorizer(self._router, self._realm, role, role.authorizer)
        return AskingRole(self._realm, role.name, (role.name,), (authorizer,), forwards=role.forwards)

    def _combine(self, authrole: str) -> RoleInRealm | None:
        names = tuple(dict.fromkeys(name.strip() for name in authrole.split(SEPARATOR)))
        parts = [self._found[name] for name in names if name in self._found]
        if len(parts) < len(names):
            return None
        if len(self._combined) >= MOST_COMBINED:
            self._combined.clear()
        combined = self._combined[authrole] = parts[0] if len(parts) == 1 else self._together(names, parts)
        return combined

    def _together(self, names: tuple[str, ...], parts: list[RolePermissions | AskingRole]) -> RoleInRealm:
        authrole = SEPARATOR.join(names)
        known_as = (*names, authrole)
        static = tuple(part for part in parts if isinstance(part, RolePermissions))
        given: Permissions | None = SeveralRoles(authrole, known_as, static) if static else None
        asking = tuple(
            authorizer for part in parts if isinstance(part, AskingRole) for authorizer in part.authorizers
        )
        if not asking and isinstance(given, SeveralRoles):
            return given
        forwards = any(part.forwards for part in parts)
        return AskingRole(self._realm, authrole, known_as, asking, given, forwards)

    # --- changes -----------------------------------------------------------------------------------------------

    def set(self, role: Role) -> None:
        """Add a role, or give one other permissions. Raises ValueError for a name that no role can have."""
        name = role.name
        if not name or name == TRUSTED or SEPARATOR in name:
            raise ValueError(f"{name!r} is no name for a role")
        if self.declared.get(name) == role:
            return
        self.declared[name] = role
        self._found[name] = self._made(role)
        self._combined.clear()
        for session in self._sessions(name):
            self._change(session)

    def remove(self, name: str) -> None:
        """Take a role away: its sessions end. Raises LookupError if there is none of that name."""
        if name not in self.declared:
            raise LookupError(f"realm '{self._realm.name}' has no role '{name}'")
        del self.declared[name], self._found[name]
        self._combined.clear()
        for session in self._sessions(name):
            session.goodbye(NO_SUCH_ROLE, f"the role '{name}' was taken out of this realm")

    def _sessions(self, name: str) -> list[RouterSession]:
        return [session for session in self._realm.sessions.values() if name in session.permissions.roles]

    def _change(self, session: RouterSession) -> None:
        """Give a session what its authrole gives now."""
        realm, before = self._realm, session.permissions
        found = self.find(before.name)
        if session.realm is not realm or found is None:
            return
        session.switch(realm.handlers)
        session.permissions = found.joined(session)
        testaments = realm.meta and realm.meta.testaments.get(session)
        topics = sorted(testaments.topics()) if testaments else ()
        has: deque[_Entry] = deque([*session.subscriptions.values(), *session.registrations.values(), *topics])
        self._review(session, session.permissions, has)
        before.replaced()

    def _review(self, session: RouterSession, permissions: Permissions, left: deque[_Entry]) -> None:
        """Look at what a session has, one after another; where an authorizer is asked, go on with its answer."""
        while left and session.realm is self._realm and session.permissions is permissions:
            entry = left.popleft()

            def told(granted: bool, entry: _Entry = entry) -> None:
                self._apply(session, permissions, entry, granted)
                self._review(session, permissions, left)

            granted = permissions.decide(*_claim(entry), told)
            if granted is None:
                return
            self._apply(session, permissions, entry, granted)

    def _apply(self, session: RouterSession, permissions: Permissions, entry: _Entry, granted: bool) -> None:
        """Leave a session what it has, asked about URI by URI if need be, or take it away."""
        if isinstance(entry, str):
            return  # a testament is looked at again when its time has come
        if isinstance(entry, Subscription):
            if session not in entry.sessions:
                return
            if not granted:
                self._realm.broker.revoke(session, entry, REVOKED)
            elif not permissions.is_uniform(entry.uri, entry.match, "subscribe"):
                entry.guard(session)
            elif entry.guarded:
                entry.guarded.discard(session)
        elif entry.id in session.registrations:
            if granted:
                callee = next(callee for callee in entry.callees if callee.session is session)
                callee.guarded = not permissions.is_uniform(entry.uri, entry.match, "register")
            else:
                self._realm.dealer.revoke(session, entry, REVOKED)


def _claim(entry: _Entry) -> tuple[Action, str, Match]:
    if isinstance(entry, str):
        return "publish", entry, "exact"
    return "subscribe" if isinstance(entry, Subscription) else "register", entry.uri, entry.match
