"""The procedures that a session serves, and the invocations that are being worked on.

(Spec, "Registering and Unregistering", "Calling and Invocations", "Call Canceling", "Progressive Call Results".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.payloads import payload_of, result_of
from edge_router.client.values import CallError, Invoked, Registration, Result
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import CANCELED, INVALID_PAYLOAD, RUNTIME_ERROR, TranscodeError, WampError
from edge_router.wamp.messages import (
    CODES,
    Error,
    Interrupt,
    Invocation,
    Message,
    Passthru,
    Yield,
    YieldOptions,
)

_INVOCATION: Final = CODES[Invocation]


class Serving:
    """Those of one session. codec: the encoding of payloads. send: takes messages."""

    log = Logger(namespace="edge_router.client")

    def __init__(self, codec: Codec, send: Callable[[Message], None]) -> None:
        self._codec = codec
        self._send = send
        self._registrations: dict[int, Registration] = {}
        self._working: dict[int, Deferred[Any]] = {}

    def add(self, registration: Registration) -> None:
        """The router has registered a procedure."""
        self._registrations[registration.id] = registration

    def remove(self, registration_id: int) -> Registration | None:
        """Serve a procedure no more. Result: what it was."""
        return self._registrations.pop(registration_id, None)

    def stop(self) -> None:
        """The session is over: what works for a caller is canceled."""
        working, self._working = self._working, {}
        for work in working.values():
            work.cancel()
        self._registrations.clear()

    def invoke(self, message: Invocation) -> None:
        """Have the handler work on a call; its answer leaves when it is there."""
        registration = self._registrations.get(message.registration)
        if registration is None:
            self._answer_error(message.request, CallError(CANCELED, "the procedure was just unregistered"))
            return
        try:
            payload = result_of(self._codec, message)
        except TranscodeError as problem:
            self._answer_error(message.request, CallError(INVALID_PAYLOAD, str(problem)))
            return
        args = payload.args
        if registration.details:
            progress = self._progress(message.request) if message.details.receive_progress else None
            procedure = message.details.procedure or registration.procedure
            args = [Invoked(procedure, message.details, progress), *args]
        request, handler, kwargs = message.request, registration.handler, payload.kwargs
        self._working[request] = succeed(None)  # a handler may send progressive results, or leave, before it returns
        work: Deferred[Any] = maybeDeferred(lambda: handler(*args, **kwargs))
        if request in self._working:
            self._working[request] = work
        work.addCallback(self._payload_of)
        work.addCallbacks(self._finished, self._failed, callbackArgs=(request,), errbackArgs=(request,))

    def _progress(self, request: int) -> Callable[..., None]:
        def progress(*args: Any, **kwargs: Any) -> None:
            if request in self._working:
                self._send(Yield(request, YieldOptions(progress=True), *payload_of(self._codec, args, kwargs)))

        return progress

    def _payload_of(self, value: Any) -> tuple[Raw, Raw]:
        result = value if isinstance(value, Result) else Result(() if value is None else (value,))
        return payload_of(self._codec, result.args, result.kwargs)

    def _finished(self, payload: tuple[Raw, Raw], request: int) -> None:
        if self._working.pop(request, None) is None:
            return
        try:
            self._send(Yield(request, YieldOptions(), *payload))
        except WampError as error:  # it is too long for the router
            self._answer_error(request, error)

    def _failed(self, failure: Failure, request: int) -> None:
        if self._working.pop(request, None) is None:
            return
        error = failure.value
        if isinstance(error, CancelledError):
            error = CallError(CANCELED, "the call was canceled")
        elif not isinstance(error, WampError):
            self.log.failure("a procedure failed", failure=failure)
            error = CallError(RUNTIME_ERROR, f"{type(error).__name__}: {error}")
        self._answer_error(request, error)

    def _answer_error(self, request: int, error: WampError) -> None:
        try:
            payload = payload_of(self._codec, error.error_args, error.error_kwargs)
        except TranscodeError as problem:  # the error itself is worth more than what it carries
            payload = payload_of(self._codec, [str(problem)], None)
        try:
            self._send(Error(_INVOCATION, request, Passthru(), error.uri, *payload))
        except WampError:
            self._send(Error(_INVOCATION, request, Passthru(), error.uri))

    def interrupt(self, message: Interrupt) -> None:
        """The caller waits no more: cancel the work."""
        work = self._working.get(message.request)
        if work is None:
            return
        if message.options.mode != "kill":  # nobody waits for the answer
            del self._working[message.request]
        work.cancel()
