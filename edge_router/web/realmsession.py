"""A service's session in a realm: joined when it is first needed, and again if the router has ended it."""

from __future__ import annotations

from edge_router.client.session import Session
from edge_router.transports.host import Host


class RealmSession:
    """One session of a service.

    host: the node. realm, role: as configured. authid: what the session is known by.
    """

    def __init__(self, host: Host, realm: str, role: str, authid: str) -> None:
        self._host = host
        self._joining = (realm, role, authid)
        self._session: Session | None = None

    def get(self) -> Session:
        """The session, joined. Raises LookupError if the realm or the role is not there (any more)."""
        if self._session is None:
            session: Session = self._host.join(*self._joining)
            session.on_leave = self._left
            self._session = session
        return self._session

    def _left(self, _reason: str) -> None:
        self._session = None

    def stop(self) -> None:
        """Leave the realm. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            session.leave()
