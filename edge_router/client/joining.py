"""From HELLO to WELCOME, the client's part, without I/O.

(Spec, "Session Establishment", "Authentication Methods", "Feature Announcement".)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_router import __version__
from edge_router.client.failures import CannotConnect, CannotLogIn, Refused
from edge_router.client.logins import Channel, Login
from edge_router.wamp.messages import (
    Abort,
    Authenticate,
    Challenge,
    Goodbye,
    Hello,
    HelloDetails,
    Message,
    Welcome,
)


def _features(*names: str) -> dict[str, Any]:
    return {"features": dict.fromkeys(names, True)}


#: what `Session` does
ROLES: Final = {
    "publisher": _features("publisher_exclusion", "publisher_identification", "subscriber_blackwhite_listing"),
    "subscriber": _features(
        "event_retention", "pattern_based_subscription", "publisher_identification", "subscription_revocation"
    ),
    "caller": _features("call_canceling", "call_timeout", "caller_identification", "progressive_call_results"),
    "callee": _features(
        "call_canceling",
        "caller_identification",
        "pattern_based_registration",
        "progressive_call_results",
        "registration_revocation",
        "shared_registration",
    ),
}


class Joining:
    """One session on its way in.

    realm: that it joins; None: whichever the router infers. logins: the methods, best first. channel: of the
    connection. roles: what the session can do.
    """

    def __init__(
        self, realm: str | None, logins: Sequence[Login], channel: Channel, roles: Mapping[str, Any] = ROLES
    ) -> None:
        self._roles = roles
        self._realm = realm
        self._logins = logins
        self._channel = channel
        self._asked: Login | None = None

    def hello(self) -> Hello:
        """The first message. Raises CannotLogIn."""
        extra: dict[str, Any] = {}
        for login in self._logins:
            extra |= login.hello(self._channel)
        details = HelloDetails(
            roles=dict(self._roles),
            authmethods=tuple(name for login in self._logins for name in login.methods),
            authid=next((login.authid for login in self._logins if login.authid is not None), None),
            authextra=extra or None,
            agent=f"edge-router/{__version__}",
        )
        return Hello(self._realm, details)

    def receive(self, message: Message) -> Message:
        """Take what the router says. Result: the message to answer with, or WELCOME itself when the session is there.

        Raises ConnectFailed: Refused for ABORT, NotTrusted for a router that does not prove what it has to.
        """
        if isinstance(message, Challenge):
            self._asked = self._login(message.method)
            return Authenticate(*self._asked.answer(message.extra))
        if isinstance(message, Welcome):
            self._check(message)
            return message
        if isinstance(message, Abort | Goodbye):
            raise Refused(message.reason, message.details.message)
        raise CannotConnect(f"the router sent {type(message).__name__.upper()} where WELCOME would be right")

    def _login(self, method: str) -> Login:
        for login in self._logins:
            if method in login.methods:
                return login
        raise CannotLogIn(f"the router asks for {method[:40]!r}, which was not offered")

    def _check(self, welcome: Welcome) -> None:
        """A router that was to prove something may not leave that out by letting us in without a question."""
        login = self._asked
        if login is None:
            method = welcome.details.authmethod
            login = next((login for login in self._logins if method in login.methods), None) or self._logins[0]
        login.welcome(welcome.details.authextra or {})
