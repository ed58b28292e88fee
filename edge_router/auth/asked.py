"""Users that somebody else knows: a procedure (`type: dynamic`) or a function in Python (`type: function`).

Both are asked with (realm, authid, details), and give a role, or a mapping with `role` and, as the method needs it,
`secret`, `pubkey` and so on; `authid`, `realm` and `extra` (for WELCOME) if they like. An application's error, None or
False refuse the client. Everything else means that nobody could decide: the operator is told why, the client is not.
(Crossbar's authenticators; spec, "Authentication Methods", `wamp.error.authentication_failed`.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct, ValidationError, convert, structs

from edge_router.auth.denial import denied
from edge_router.router.interfaces import Accepted, Decision, Login, TransportDetails
from edge_router.router.pending import Pending
from edge_router.wamp.errors import (
    AUTHENTICATION_DENIED,
    AUTHENTICATION_FAILED,
    INVALID_ARGUMENT,
    NO_SUCH_PRINCIPAL,
    NOT_AUTHORIZED,
    WampError,
)

#: asks with realm, authid and details; what comes back is as they gave it
Ask: TypeAlias = Callable[[str | None, str | None, dict[str, Any]], Pending[Any]]

#: of a text that a client is told, in characters
MOST_TEXT: Final = 200
#: what a refusal is called by whoever knows WAMP's names; all others of these are failures
_REFUSALS: Final = (AUTHENTICATION_DENIED, NOT_AUTHORIZED, NO_SUCH_PRINCIPAL)


class Found(Struct, frozen=True):
    """What is known of a user. accepted: who it is. principal: what proves it, as the method wants it."""

    accepted: Accepted
    principal: Any


class Principals(Protocol):
    """Asks for a user. login: what it says of itself. cls: what proves it, a struct. more: details beyond HELLO."""

    def __call__(self, login: Login, cls: type[Struct] | None = None, **more: Any) -> Pending[Found]: ...


#: how a method logs in a user that somebody else knows
Steps: TypeAlias = Callable[[Login, Principals], Decision]


class Asked:
    """A method whose users somebody else knows.

    steps: of the method. ask: asks. provider: `dynamic` or `function`. default_role: of users for whom none is given.
    report: told, in a sentence, why nobody could decide.
    """

    def __init__(
        self, steps: Steps, ask: Ask, provider: str, default_role: str | None, report: Callable[[str], object]
    ) -> None:
        self._steps = steps
        self._ask = ask
        self._provider = provider
        self._default_role = default_role
        self._report = report

    def hello(self, login: Login) -> Decision:
        """As the method has it; what it needs to know is asked for."""
        return self._steps(login, self._principal)

    def _principal(self, login: Login, cls: type[Struct] | None = None, **more: Any) -> Pending[Found]:
        told = {
            "session": login.session,
            "authmethod": login.method,
            "authextra": login.authextra,
            "authprovider": self._provider,
            "transport": shown(login.transport),
            **more,
        }
        said = self._ask(login.realm, login.authid, told)
        return said.map(partial(self._found, login, cls), self._judged)

    def _found(self, login: Login, cls: type[Struct] | None, said: object) -> Found:
        if said is None or said is False:
            raise denied()
        if isinstance(said, str):
            said = {"role": said}
        if not isinstance(said, dict):
            raise _unusable(f"it gave {type(said).__name__}; a role or a mapping would be right")
        authid, role = said.get("authid", login.authid), said.get("role", self._default_role)
        realm, extra = said.get("realm"), said.get("extra")
        if isinstance(role, list) and all(isinstance(name, str) for name in role):
            role = ",".join(role)
        if not isinstance(role, str) or not role:
            raise _unusable("it gave no `role`, and there is no `default-role`")
        if not isinstance(authid, str):
            raise _unusable("it gave no `authid`, and the client has not said one")
        if not isinstance(realm, str | None) or not isinstance(extra, dict | None):
            raise _unusable("of what it gave, `realm` is no text or `extra` no mapping")
        principal = None if cls is None else _read(cls, said)
        return Found(Accepted(authid, role, self._provider, extra, realm), principal)

    def _judged(self, error: WampError) -> WampError:
        """What the client is told of an error."""
        if error.uri in _REFUSALS or not error.uri.startswith("wamp."):
            text = error.error_args[0] if error.error_args else None
            return WampError(AUTHENTICATION_DENIED, text[:MOST_TEXT]) if isinstance(text, str) and text else denied()
        self._report(str(error))
        return WampError(AUTHENTICATION_FAILED, "nobody could decide about this login; the router's log says why")


def accepted(found: Found) -> Accepted:
    """For methods that need no proof beyond what was asked."""
    return found.accepted


def shown(transport: TransportDetails) -> dict[str, Any]:
    """How a client is connected, as authenticators are told; Crossbar's names."""
    details: dict[str, Any] = {
        "type": transport.kind,
        "protocol": transport.protocol,
        "peer": transport.peer,
        "is_secure": transport.secure,
    }
    certificate = transport.certificate
    if certificate is not None:
        details["client_cert"] = {
            "subject": certificate.subject, "sha256": certificate.sha256, "sha1": certificate.sha1
        }  # fmt: skip
    return details


def _read(cls: type[Struct], said: dict[Any, Any]) -> Struct:
    """What proves a user, out of a mapping that may hold more. Hyphens in names may be underscores."""
    plain = {str(key).replace("_", "-"): value for key, value in said.items()}
    names = [field.encode_name for field in structs.fields(cls)]
    given = {name: plain[name.replace("_", "-")] for name in names if plain.get(name.replace("_", "-")) is not None}
    try:
        return convert(given, cls)
    except (ValidationError, ValueError) as problem:
        raise _unusable(f"what it gave does not do: {problem}") from None


def _unusable(text: str) -> WampError:
    return WampError(INVALID_ARGUMENT, text)
