"""Nodes that log in with a key of their own: known ones, and those that an invitation makes known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from edge_router.auth.denial import denied
from edge_router.auth.principal import accepted_as
from edge_router.auth.roster import Full, Roster, Unreadable
from edge_router.config.schema import Enrolment
from edge_router.router.interfaces import Accepted, Login
from edge_router.wamp.enrolment import PROOF
from edge_router.wamp.errors import AUTHENTICATION_FAILED, WampError

#: who it is, and what is to be done once it has proved to have the key
Found: TypeAlias = tuple[Accepted | None, Callable[[], None] | None]


class Enrolled:
    """config: its section. directory: of the file."""

    def __init__(self, config: Enrolment, directory: Path) -> None:
        self._config = config
        self._roster = Roster(directory / config.path, config.limit)

    def find(self, login: Login, pubkey: bytes) -> Found:
        """The node that has this key, or that a code vouches for. Raises WampError if the file cannot be used."""
        try:
            name = self._roster.named(pubkey)
            if name is not None:
                return self._accepted(name, login), None
            given = login.authextra.get(PROOF)
            name = self._roster.invited(pubkey, given) if isinstance(given, str) and given.isascii() else None
        except (OSError, Unreadable) as problem:
            raise _unusable(problem) from None
        return (None, None) if name is None else (self._accepted(name, login), partial(self._enrol, name, pubkey))

    def _accepted(self, name: str, login: Login) -> Accepted | None:
        if login.authid not in (None, name):
            return None
        return accepted_as(name, self._config.role, self._config.realm, login)

    def _enrol(self, name: str, pubkey: bytes) -> None:
        try:
            if not self._roster.enrol(name, pubkey):
                raise denied()
        except (OSError, Unreadable, Full) as problem:
            raise _unusable(problem) from None


def _unusable(problem: Exception) -> WampError:
    """The client learns no more of the router's files than it must."""
    if isinstance(problem, OSError):
        why = problem.strerror or type(problem).__name__
    else:
        why = str(problem) if isinstance(problem, Full) else "it is damaged"
    return WampError(AUTHENTICATION_FAILED, f"the router's list of nodes cannot be used: {why}")
