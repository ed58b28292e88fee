"""Logging in, from the client's end: what a method says in HELLO, answers to CHALLENGE, and expects in WELCOME.

The methods without arithmetic are here; the others have a file each, loaded when they are used.
(Spec, "Authentication Methods".)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from edge_router import registry
from edge_router.client.failures import CannotLogIn
from edge_router.config.schema.connecting import AnonymousLogin, ClientAuth, TicketLogin, TlsLogin
from edge_router.config.secret import Missing, secret_text

#: gives what both ends of this TLS connection know and nobody else has, by the kind of channel binding; or None
Channel: TypeAlias = Callable[[str], bytes | None]


class Login(Protocol):
    """One method.

    methods: its names, for HELLO. authid: who.
    """

    methods: tuple[str, ...]
    authid: str | None

    def hello(self, channel: Channel, /) -> dict[str, Any]:
        """The method's part of authextra in HELLO. Raises CannotLogIn."""

    def answer(self, extra: dict[str, Any], /) -> tuple[str, dict[str, Any]]:
        """Signature and extra of AUTHENTICATE. extra: of CHALLENGE. Raises ConnectFailed."""

    def welcome(self, authextra: dict[str, Any], /) -> None:
        """Check what the router has to prove. authextra: of WELCOME. Raises NotTrusted."""


class Unasked:
    """A method that says who it is in HELLO and is asked nothing."""

    def __init__(self, method: str, config: AnonymousLogin | TlsLogin) -> None:
        self.methods: tuple[str, ...] = (method,)
        self.authid = config.authid

    def hello(self, _channel: Channel) -> dict[str, Any]:
        return {}

    def answer(self, _extra: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        raise CannotLogIn(f"the router asks for a proof, which {self.methods[0]!r} has none of")

    def welcome(self, _authextra: dict[str, Any]) -> None:
        """The router has nothing to prove."""


class Ticket:
    """The method `ticket`: the secret is sent as it is."""

    methods: tuple[str, ...] = ("ticket",)

    def __init__(self, config: TicketLogin, directory: Path) -> None:
        self.authid: str | None = config.authid
        self._ticket = secret_text(config.ticket, directory)

    def hello(self, _channel: Channel) -> dict[str, Any]:
        return {}

    def answer(self, _extra: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return self._ticket, {}

    def welcome(self, _authextra: dict[str, Any]) -> None:
        """The router has nothing to prove."""


_APART: Final = {
    "cryptosign": "edge_router.client.cryptosign:Cryptosign",
    "scram": "edge_router.client.scram:Scram",
    "wampcra": "edge_router.client.wampcra:WampCra",
}


def logins_of(auth: ClientAuth | None, directory: Path) -> list[Login]:
    """The methods of a configuration, those first that prove most.

    directory: the node directory, of files with secrets. Raises CannotLogIn if a secret cannot be had, a library is
    missing, or the methods are for more than one user.
    """
    logins: list[Login] = []
    for name in ClientAuth.__struct_fields__:
        config = getattr(auth, name, None)
        if config is not None:
            logins.append(_login(name, config, directory))
    authids = {login.authid for login in logins if login.authid is not None}
    if len(authids) > 1:
        raise CannotLogIn(f"one session is one user's, and here are {', '.join(sorted(authids))}; give all one authid")
    return logins or [Unasked("anonymous", AnonymousLogin())]


def _login(name: str, config: Any, directory: Path) -> Login:
    try:
        if name in _APART:
            login: Login = registry.load(_APART[name])(config, directory)
        else:
            login = Ticket(config, directory) if name == "ticket" else Unasked(name, config)
    except Missing as problem:
        raise CannotLogIn(f"{name}: {problem}") from None
    except ImportError as problem:
        raise CannotLogIn(f"{name} needs the Python package {problem.name!r}, which is not installed") from None
    return login
