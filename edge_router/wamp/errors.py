"""What can go wrong in WAMP, and the URIs it goes by on the wire.

Two kinds of blame live here. `WampError` is an answer: it becomes one ERROR (or ABORT) message to the peer that
asked. `ProtocolViolation` ends the session: the peer broke the protocol and gets ABORT. Any other exception that
leaves the core is a bug of ours. (WAMP spec, sections "Basic Profile: Protocol Violations" and "Error Handling";
the predefined URIs are those of "Basic Profile: Predefined URIs".)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INVALID_URI = "wamp.error.invalid_uri"
NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
PROCEDURE_ALREADY_EXISTS = "wamp.error.procedure_already_exists"
DIFFERENT_INVOCATION_POLICY = "wamp.error.procedure_exists_with_different_invocation_policy"
NO_SUCH_REGISTRATION = "wamp.error.no_such_registration"
NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription"
INVALID_ARGUMENT = "wamp.error.invalid_argument"
INVALID_PAYLOAD = "wamp.error.invalid_payload"
PAYLOAD_SIZE_EXCEEDED = "wamp.error.payload_size_exceeded"
OPTION_NOT_ALLOWED = "wamp.error.option_not_allowed"
DISCLOSE_ME_DISALLOWED = "wamp.error.option_disallowed.disclose_me"
FEATURE_NOT_SUPPORTED = "wamp.error.feature_not_supported"
NOT_AUTHORIZED = "wamp.error.not_authorized"
AUTHORIZATION_FAILED = "wamp.error.authorization_failed"
CANCELED = "wamp.error.canceled"
TIMEOUT = "wamp.error.timeout"
UNAVAILABLE = "wamp.error.unavailable"
NO_AVAILABLE_CALLEE = "wamp.error.no_available_callee"
NETWORK_FAILURE = "wamp.error.network_failure"
LIMIT_EXCEEDED = "wamp.error.limit_exceeded"
HISTORY_UNAVAILABLE = "wamp.error.history_unavailable"  # Crossbar's; the spec has none for this
RUNTIME_ERROR = "wamp.error.runtime_error"

NO_SUCH_SESSION = "wamp.error.no_such_session"
NO_SUCH_REALM = "wamp.error.no_such_realm"
NO_SUCH_ROLE = "wamp.error.no_such_role"
NO_SUCH_PRINCIPAL = "wamp.error.no_such_principal"
NO_MATCHING_AUTH_METHOD = "wamp.error.no_matching_auth_method"
AUTHENTICATION_DENIED = "wamp.error.authentication_denied"
AUTHENTICATION_FAILED = "wamp.error.authentication_failed"
PROTOCOL_VIOLATION = "wamp.error.protocol_violation"

CLOSE_NORMAL = "wamp.close.normal"
CLOSE_GOODBYE_AND_OUT = "wamp.close.goodbye_and_out"
CLOSE_REALM = "wamp.close.close_realm"
CLOSE_SYSTEM_SHUTDOWN = "wamp.close.system_shutdown"
CLOSE_LOGOUT = "wamp.close.logout"
CLOSE_KILLED = "wamp.close.killed"
CLOSE_SLOW_READER = "wamp.close.slow_reader"


class WampError(Exception):
    """An answer in the negative: one ERROR message to the peer that asked.

    uri: the error URI (one of this module's constants, or an application's own).
    args, kwargs: the error's payload, plain JSON-like values.
    """

    def __init__(self, uri: str, /, *args: Any, **kwargs: Any) -> None:
        super().__init__(uri, *args)
        self.uri = uri
        self.error_args: Sequence[Any] = args
        self.error_kwargs: Mapping[str, Any] = kwargs

    def __str__(self) -> str:
        return f"{self.uri}: {' '.join(map(str, self.error_args))}" if self.error_args else self.uri


class ProtocolViolation(Exception):
    """The peer broke the protocol; its session ends with ABORT `wamp.error.protocol_violation`.

    message: one sentence for the peer's log that says what was found and what would be right.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TranscodeError(Exception):
    """A payload that its own encoding allows cannot be said in another (for example an integer over 64 bit)."""
