"""What a transport is given by the node, and what every transport is.

Construction does nothing; `start` listens and may fail (port busy, no permission); `stop` is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred

from edge_router.config.schema import Auth, Cookie, Limits
from edge_router.router.interfaces import Peer, ReceivingSession
from edge_router.transports.outbox import Outbox


def _no_realms(realm: str, _role: str, _authid: str) -> Any:
    raise LookupError(f"there is no realm '{realm}'")


class Host(Struct, frozen=True):
    """The node, as its transports see it.

    reactor: Twisted's, also the clock. outbox: collects what peers are sent while one read is handled. attach: opens
    a router session for a peer. directory: the node directory; paths of the configuration are relative to it.
    info: facts about the node for its info page (JSON-like). join: joins a realm for a part of the node itself: realm,
    role and authid -> a `client.session.Session`; raises LookupError if there is no such realm or role.
    jar: of cookies, an `auth.jar.Jar`, for a section `cookie`.
    """

    reactor: Any
    outbox: Outbox
    attach: Callable[[Peer, Auth | None, Limits], ReceivingSession]
    directory: Path
    info: Callable[[], dict[str, Any]]
    join: Callable[[str, str, str], Any] = _no_realms
    jar: Callable[[Cookie], Any] | None = None


class Transport(Protocol):
    """One item of a router's `transports`."""

    def start(self) -> Deferred[str]:
        """Listen. Result: where, as the operator would write it (`tcp4:127.0.0.1:8080`, `unix:/run/x.sock`).

        The Deferred fails with `listen.CannotListen` whose text names the place and the reason.
        """

    @property
    def reloads(self) -> bool:
        """Whether `reload` has anything to do."""

    def reload(self) -> None:
        """Read certificates and keys again, for connections to come; those that are there stay.

        Raises `listen.CannotListen` if they cannot be used, and nothing has changed then.
        """

    def statistics(self) -> dict[str, int]:
        """Figures of the port, JSON-like: connections, messages and bytes of both ways."""

    def stop(self) -> Deferred[None]:
        """Stop listening and drop what is still connected. Sessions were told GOODBYE before by the node."""
