"""Why no session came about. Each says so in words for an operator."""

from __future__ import annotations


class ConnectFailed(Exception):
    """No session came about; the subclasses say at which step."""


class CannotConnect(ConnectFailed):
    """There is no connection: nobody listens, the name is unknown, what answers speaks something else."""


class NotTrusted(ConnectFailed):
    """The router did not prove to be who it should be: by its certificate, or by its part of the login."""


class CannotLogIn(ConnectFailed):
    """The login that was asked for cannot be done from here."""


class TookTooLong(ConnectFailed):
    """The time for one of the steps is over."""


class Refused(ConnectFailed):
    """The router answered ABORT. uri: the reason. message: what it said besides, if anything."""

    def __init__(self, uri: str, message: str | None) -> None:
        super().__init__(f"the router refused the session: {uri}" + (f": {message}" if message else ""))
        self.uri = uri
        self.message = message
