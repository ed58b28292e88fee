"""What a session may do, in the form that broker and dealer ask for it.

Who decides is behind it: the permissions of a role (see `permissions`), or a procedure of the realm that is asked.
(Spec, "Authorization" and "Reserved URIs".)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from edge_router.wamp.errors import INVALID_URI, NOT_AUTHORIZED, WampError
from edge_router.wamp.messages import Match
from edge_router.wamp.uris import MAX_URI_LENGTH, UriCheck, is_valid

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession

Action: TypeAlias = Literal["call", "register", "publish", "subscribe"]

#: what the URIs of the protocol begin with
RESERVED: Final = "wamp."


class Grant(Protocol):
    """What may be done with one URI or pattern, and who is made known to the receiver.

    disclose_*: always. may_disclose_*: if the message asks for it (`disclose_me`).
    """

    @property
    def call(self) -> bool: ...
    @property
    def register(self) -> bool: ...
    @property
    def publish(self) -> bool: ...
    @property
    def subscribe(self) -> bool: ...
    @property
    def disclose_caller(self) -> bool: ...
    @property
    def disclose_publisher(self) -> bool: ...
    @property
    def may_disclose_caller(self) -> bool: ...
    @property
    def may_disclose_publisher(self) -> bool: ...


class Permissions(Protocol):
    """What a session may do, as broker and dealer ask for it.

    name: its authrole. roles: what that consists of. forwards: whether it may hand on what others send. remembered:
    grants by URI that need no asking.
    """

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def forwards(self) -> bool: ...
    @property
    def remembered(self) -> Mapping[str, Grant]: ...

    def grant(self, uri: str) -> Grant:
        """What may be done with this URI. Raises WampError `invalid_uri`."""

    def grant_pattern(self, uri: str, match: Match) -> Grant:
        """What may be done with a pattern. Raises WampError `invalid_uri`."""

    def is_uniform(self, uri: str, match: Match, action: Action) -> bool:
        """Whether an action granted for a pattern is granted for everything that the pattern matches.

        Where not, `grant` has to be asked for each URI that comes. In doubt it is not.
        """

    def refuse(self, action: Action, uri: str) -> WampError:
        """The error for an action that is not granted. It says nothing about what exists."""

    def left(self) -> None:
        """The session has left the realm."""

    def replaced(self) -> None:
        """The session has got other permissions."""

    def decide(self, action: Action, uri: str, match: Match, told: Callable[[bool], None]) -> bool | None:
        """Whether what the session has is still granted: a pattern, or the topic of a testament. None: told later."""


class StaticGrant(Struct, frozen=True, gc=False):
    """A grant that is decided."""

    call: bool
    register: bool
    publish: bool
    subscribe: bool
    disclose_caller: bool
    disclose_publisher: bool
    may_disclose_caller: bool = True
    may_disclose_publisher: bool = True


DENIED: Final = StaticGrant(False, False, False, False, False, False)
EVERYTHING: Final = StaticGrant(True, True, True, True, False, False)


class RoleInRealm(Protocol):
    """What a login gives."""

    @property
    def name(self) -> str: ...

    def joined(self, session: RouterSession) -> Permissions:
        """The permissions of a session that has just got this role: its own, or those of all sessions of the role."""


def refuse_invalid(uri: str, match: Match, check: UriCheck) -> None:
    """Raises WampError `invalid_uri` if it is none."""
    if not is_valid(uri, match, check):
        shown = uri if len(uri) <= 80 else f"{uri[:80]}... ({len(uri)} characters, at most {MAX_URI_LENGTH})"
        raise WampError(INVALID_URI, f"{shown!r} is no URI for the matching policy {match!r} ({check} check)")


def refusal(role: str, action: Action, uri: str) -> WampError:
    """The error for an action that is not granted."""
    return WampError(NOT_AUTHORIZED, f"role '{role}' may not {action} '{uri}'")


def is_reserved(uri: str) -> bool:
    """Whether a URI, or all that a pattern matches, belongs to the protocol."""
    return (uri + ".").startswith(RESERVED)
