"""The router: its realms, and what all of them share (ids, clock, randomness, counters)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

import edge_router
from edge_router.config.schema import Limits
from edge_router.config.schema import Realm as RealmConfig
from edge_router.router.interfaces import Answered, Authenticator, Clock, Failed, Peer, Visit
from edge_router.router.realm import Realm
from edge_router.router.session import RouterSession
from edge_router.wamp.errors import CLOSE_LOGOUT, CLOSE_REALM, NO_SUCH_REALM, WampError
from edge_router.wamp.ids import random_ids, sequential_ids


class Router:
    """Realms, and sessions on their way into them.

    clock: for timeouts. entropy: gives random bytes. on_refused: told of each session that is refused or aborted, with
    the reason (an error URI) and a sentence; for the log. now: the wall clock, seconds since 1970. on_complaint: told
    in a sentence what keeps the router from its work and is not its own fault, such as an authorizer that fails; for
    the log.
    """

    def __init__(
        self,
        clock: Clock,
        entropy: Callable[[int], bytes] = os.urandom,
        on_refused: Callable[[RouterSession, str, str], None] | None = None,
        now: Callable[[], float] = time.time,
        on_complaint: Callable[[str], None] | None = None,
    ) -> None:
        self.clock = clock
        self.now = now
        self.agent = f"edge-router-{edge_router.__version__}"
        self.realms: dict[str, Realm] = {}
        self.global_ids = random_ids(entropy)
        self.router_ids = sequential_ids()
        self.random = Random(entropy(16))
        self.aborted = 0
        #: why nobody may join any more; empty while everybody may
        self.closing = ""
        self._on_refused = on_refused
        self._on_complaint = on_complaint

    def add_realm(self, config: RealmConfig) -> Realm:
        """Open a realm."""
        realm = self.realms[config.name] = Realm(self, config)
        return realm

    def close_realm(self, name: str, message: str) -> list[RouterSession]:
        """Close a realm: its sessions end. message: told to them. Result: the sessions. Raises KeyError if there is
        no realm of that name.
        """
        realm = self.realms.pop(name)
        told = list(realm.sessions.values())
        for session in told:
            session.goodbye(CLOSE_REALM, message)
        return told

    def attach(self, peer: Peer, authenticators: Mapping[str, Authenticator], limits: Limits) -> RouterSession:
        """A session for a peer that has just connected; it joins a realm by its HELLO."""
        return RouterSession(self, peer, authenticators, limits)

    def ask(
        self,
        realm: str,
        procedure: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        answered: Answered,
        failed: Failed,
        timeout: int,
    ) -> None:
        """Call a procedure for the router itself; see `interfaces.Inquirer`."""
        found = self.realms.get(realm)
        if found is None:
            error = WampError(NO_SUCH_REALM, f"there is no realm '{realm}'")
            self.clock.callLater(0, partial(failed, error))
        else:
            found.inquiries.ask(procedure, args, kwargs, answered, failed, timeout)

    def log_out(self, cookie: Visit) -> None:
        """Forget who has logged in with a cookie, and end the other sessions of that browser."""
        cookie.forget()
        for session in [session for realm in self.realms.values() for session in realm.sessions.values()]:
            other = session.peer.details.cookie
            if other is not None and other.name == cookie.name:
                session.goodbye(CLOSE_LOGOUT)

    def refused(self, session: RouterSession, reason: str, message: str) -> None:
        """Count and tell a session that ended with ABORT."""
        self.aborted += 1
        if self._on_refused is not None:
            self._on_refused(session, reason, message)

    def complain(self, text: str) -> None:
        """Tell the operator of something that is not the router's own fault."""
        if self._on_complaint is not None:
            self._on_complaint(text)

    def goodbye(self, reason: str) -> list[RouterSession]:
        """End all sessions of all realms, and let nobody join any more. Result: the sessions that were told."""
        self.closing = reason
        told = [session for realm in self.realms.values() for session in realm.sessions.values()]
        for session in told:
            session.goodbye(reason)
        return told
