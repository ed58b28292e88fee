"""The method `peercred`: whoever connects to a Unix socket is who the kernel says (unix(7), SO_PEERCRED).

It asks nothing, so clients need not know it: who offers `anonymous`, or no authmethods at all, is taken by it too.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_router.auth.denial import denied
from edge_router.config.schema import PeerCredentialsAuth
from edge_router.router.interfaces import Accepted, Authenticator, Decision, Login
from edge_router.wamp.errors import WampError

#: as `transports.peername` writes it; nothing else begins with `unix:`
_PEER: Final = re.compile(r"unix:pid=\d+,uid=(\d+),gid=(\d+)\Z")


class PeerCredentials:
    """The method `peercred`. config: which users and groups have which roles. directory, entropy: unused."""

    def __init__(
        self,
        config: PeerCredentialsAuth,
        directory: Path = Path(),  # noqa: ARG002 - as for every method
        entropy: Callable[[int], bytes] = os.urandom,  # noqa: ARG002
    ) -> None:
        self._config = config

    def hello(self, login: Login) -> Accepted:
        """Accept a process by its user, then by its groups in the order of the configuration."""
        found = _PEER.match(login.transport.peer)
        if found is None:
            raise denied()
        uid, gid = int(found[1]), int(found[2])
        name = _name_of(uid)
        role = self._config.users.get(name) or self._config.users.get(str(uid)) or self._role_by_group(name, gid)
        if role is None:
            raise denied()
        return Accepted(name, role, "peercred")

    def _role_by_group(self, name: str, gid: int) -> str | None:
        groups = self._config.groups
        if not groups:
            return None
        try:
            member_of = set(os.getgrouplist(name, gid))
        except KeyError:
            member_of = {gid}
        return next((role for group, role in groups.items() if _gid_of(group) in member_of), None)


class OrAnonymous:
    """What `anonymous` means where there is `peercred`: it first, and for others whatever `anonymous` is."""

    def __init__(self, first: Authenticator, other: Authenticator | None) -> None:
        self._first = first
        self._other = other

    def hello(self, login: Login) -> Decision | None:
        """As the first decides, or the other one if that refuses."""
        try:
            return self._first.hello(login)
        except WampError:
            if self._other is None:
                raise
            return self._other.hello(login)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _gid_of(group: str) -> int | None:
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
