"""Payload passthru: payloads that only the two ends understand, and the attributes that say how (`ppt_*`).

The router hands both on as they are. What it sees to is who takes part: a sender that uses it without having announced
it breaks the protocol, and a receiver of a call or result that has not announced it gets neither. It is in use where
`ppt_scheme` is not empty. (Spec, "Payload Passthru Mode".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from edge_router.wamp.errors import FEATURE_NOT_SUPPORTED, ProtocolViolation, WampError
from edge_router.wamp.messages import Passthru, ResultDetails, YieldOptions

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession

_FEATURE: Final = "payload_passthru_mode"


def attributes(options: Passthru) -> dict[str, Any]:
    """The attributes of passthru, to be put into other options or details."""
    return {
        "ppt_scheme": options.ppt_scheme,
        "ppt_serializer": options.ppt_serializer,
        "ppt_cipher": options.ppt_cipher,
        "ppt_keyid": options.ppt_keyid,
    }


def refuse_unannounced(session: RouterSession, role: Literal["caller", "callee", "publisher"]) -> None:
    """Raises ProtocolViolation for a sender that has not announced passthru in this role."""
    if not understands(session, role):
        raise ProtocolViolation(f"ppt_scheme is used by a {role} that did not announce {_FEATURE} in HELLO")


def understands(session: RouterSession, role: Literal["caller", "callee", "publisher"]) -> bool:
    """Whether a session has announced passthru in a role."""
    return f"{role}.{_FEATURE}" in session.features


def result_details(options: YieldOptions, caller: RouterSession) -> ResultDetails | None:
    """RESULT.Details for the caller; None: it would not understand the result, and gets `not_understood` instead.

    The specification has the dealer answer the callee with that error, too. No client knows an ERROR for a YIELD; the
    ones that exist end their session for it, so anybody's call could end a callee's.
    """
    if not understands(caller, "caller"):
        return None
    return ResultDetails(progress=options.progress, **attributes(options))


def not_understood(options: YieldOptions) -> WampError:
    """What a caller gets in place of a result that it would not understand."""
    return WampError(FEATURE_NOT_SUPPORTED, f"the result is in payload passthru mode ({options.ppt_scheme})")
