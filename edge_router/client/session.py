"""A WAMP session as an application sees it: publish, subscribe, call, register; answers are Deferreds.

It knows messages and an encoding, not how they travel: `local` and later transports hand `receive` what comes in and
give it a `send`. Payloads are lists and dicts of plain values here, encoded when they leave.
(Spec, "Basic Profile"; the names are the spec's.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final

from msgspec import Raw, Struct
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.values import CallError, Invoked, Received, Registration, Result, Subscription
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import CANCELED, NETWORK_FAILURE, RUNTIME_ERROR, TranscodeError, WampError
from edge_router.wamp.messages import (
    CODES,
    EMPTY,
    Call,
    CallOptions,
    Cancel,
    CancelOptions,
    CloseDetails,
    Error,
    Event,
    Goodbye,
    Interrupt,
    Invocation,
    Match,
    Message,
    Passthru,
    Publish,
    Published,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unregister,
    Unregistered,
    Unsubscribe,
    Unsubscribed,
    Yield,
    YieldOptions,
)
from edge_router.wamp.messages import Result as ResultMessage

_INVOCATION: Final = CODES[Invocation]


class _Pending(Struct):
    """A request that waits for its answer. `done` makes the result out of the answering message."""

    result: Deferred[Any]
    done: Callable[[Any], Any]
    on_progress: Callable[[Result], object] | None = None


class Session:
    """One session.

    codec: the encoding of payloads. send: takes messages. id, realm, authid, authrole: as the router said.
    """

    log = Logger()

    def __init__(self, codec: Codec, send: Callable[[Message], None]) -> None:
        self.id = 0
        self.realm = ""
        self.on_leave: Callable[[str], object] | None = None
        self._codec = codec
        self._send = send
        self._open = True
        self._ids = count(1)
        self._pending: dict[tuple[int, int], _Pending] = {}
        self._subscriptions: dict[int, list[Subscription]] = {}
        self._registrations: dict[int, Registration] = {}
        self._working: dict[int, Deferred[Any]] = {}

    # --- what the application calls ----------------------------------------------------------------------------

    def publish(
        self, topic: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Deferred[int] | None:
        """Publish an event.

        options: attributes of PUBLISH.Options (`acknowledge=True`, `exclude_me=False`, `retain=True`, ...).
        Result: None; with `acknowledge`, a Deferred of the publication id that fails with CallError.
        Raises TranscodeError for a payload that has no form on the wire.
        """
        request = next(self._ids)
        message = Publish(request, PublishOptions(**options), topic, *self._payload(args, kwargs))
        if not message.options.acknowledge:
            self._send(message)
            return None
        return self._request(message, lambda answer: answer.publication)

    def subscribe(
        self, topic: str, handler: Callable[[Received], object], match: Match = "exact", get_retained: bool = False
    ) -> Deferred[Subscription]:
        """Have `handler` called with each event.

        get_retained: and with the events that the router has retained. Result: a Subscription; fails with CallError.
        """

        def done(answer: Subscribed) -> Subscription:
            subscription = Subscription(self, answer.subscription, topic, handler)
            self._subscriptions.setdefault(subscription.id, []).append(subscription)
            return subscription

        options = SubscribeOptions(match=match, get_retained=get_retained)
        return self._request(Subscribe(next(self._ids), options, topic), done)

    def unsubscribe(self, subscription: Subscription) -> Deferred[None]:
        """End a subscription; of several with one pattern, only the last is told to the router."""
        handlers = self._subscriptions.get(subscription.id, [])
        if subscription in handlers:
            handlers.remove(subscription)
        if handlers:
            return _fired(None)
        self._subscriptions.pop(subscription.id, None)
        return self._request(Unsubscribe(next(self._ids), subscription.id), _nothing)

    def register(
        self, procedure: str, handler: Callable[..., Any], details: bool = False, **options: Any
    ) -> Deferred[Registration]:
        """Serve a procedure.

        handler: called with the call's args and kwargs, after an `Invoked` if `details`; gives a value, a Result or a
        Deferred of either, or raises CallError. options: attributes of REGISTER.Options (`match`, `invoke`, ...).
        Result: a Registration; fails with CallError.
        """

        def done(answer: Registered) -> Registration:
            registration = Registration(self, answer.registration, procedure, handler, details)
            self._registrations[registration.id] = registration
            return registration

        return self._request(Register(next(self._ids), RegisterOptions(**options), procedure), done)

    def unregister(self, registration: Registration) -> Deferred[None]:
        """Serve a procedure no more."""
        self._registrations.pop(registration.id, None)
        return self._request(Unregister(next(self._ids), registration.id), _nothing)

    def call(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: int = 0,
        on_progress: Callable[[Result], object] | None = None,
    ) -> Deferred[Result]:
        """Call a procedure.

        timeout: milliseconds; 0 waits for ever. on_progress: takes progressive results. Canceling the Deferred cancels
        the call. Result: a Result; fails with CallError.
        """
        request = next(self._ids)
        options = CallOptions(timeout=timeout, receive_progress=on_progress is not None)
        message = Call(request, options, procedure, *self._payload(args, kwargs))
        return self._request(message, self._result, on_progress)

    def leave(self, reason: str = "wamp.close.normal") -> None:
        """Say GOODBYE. What waits for an answer fails. Idempotent."""
        if self._open:
            self._send(Goodbye(CloseDetails(), reason))
            self.lost(reason)

    # --- what the transport calls ------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Take one message, its payload in the session's encoding."""
        handler = _HANDLERS.get(type(message))
        if handler is not None and self._open:
            handler(self, message)

    def lost(self, reason: str) -> None:
        """The session is over: what waits for an answer fails, what works for a caller is canceled. Idempotent."""
        if not self._open:
            return
        self._open = False
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            waiting.result.errback(CallError(NETWORK_FAILURE, f"the session ended: {reason}"))
        working, self._working = self._working, {}
        for work in working.values():
            work.cancel()
        self._subscriptions.clear()
        self._registrations.clear()
        if self.on_leave is not None:
            self.on_leave(reason)

    # --- requests ----------------------------------------------------------------------------------------------

    def _request(
        self, message: Any, done: Callable[[Any], Any], on_progress: Callable[[Result], object] | None = None
    ) -> Deferred[Any]:
        key = (CODES[type(message)], message.request)
        result: Deferred[Any] = Deferred(lambda _: self._cancel(key))
        if not self._open:
            result.errback(CallError(NETWORK_FAILURE, "the session is over"))
            return result
        self._pending[key] = _Pending(result, done, on_progress)
        self._send(message)
        return result

    def _cancel(self, key: tuple[int, int]) -> None:
        """The application canceled a Deferred: a call is canceled at the router, of the rest the answer is ignored."""
        self._pending.pop(key, None)
        if key[0] == CODES[Call]:
            self._send(Cancel(key[1], CancelOptions(mode="killnowait")))

    def _answered(self, kind: type[Message], message: Any) -> None:
        pending = self._pending.pop((CODES[kind], message.request), None)
        if pending is not None:
            pending.result.callback(pending.done(message))

    def _on_error(self, message: Error) -> None:
        pending = self._pending.pop((message.kind, message.request), None)
        if pending is not None:
            payload, error = self._result(message), CallError(message.uri)
            # not by way of the constructor: keywords are the other side's, and may be `uri` or no strings at all
            error.error_args, error.error_kwargs = payload.args, payload.kwargs
            pending.result.errback(error)

    def _on_result(self, message: ResultMessage) -> None:
        if not message.details.progress:
            self._answered(Call, message)
            return
        pending = self._pending.get((CODES[Call], message.request))
        if pending is not None and pending.on_progress is not None:
            self._guarded(pending.on_progress, self._result(message))

    def _on_goodbye(self, message: Goodbye) -> None:
        self._send(Goodbye(CloseDetails(), "wamp.close.goodbye_and_out"))
        self.lost(message.reason)

    def _on_unsubscribed(self, message: Unsubscribed) -> None:
        if message.request:
            self._answered(Unsubscribe, message)
            return
        for subscription in self._subscriptions.pop(message.details.subscription or 0, ()):
            self._report_revoked("subscription", subscription.topic, message.details.reason)

    def _on_unregistered(self, message: Unregistered) -> None:
        if message.request:
            self._answered(Unregister, message)
            return
        registration = self._registrations.pop(message.details.registration or 0, None)
        if registration is not None:
            self._report_revoked("registration", registration.procedure, message.details.reason)

    def _report_revoked(self, what: str, uri: str, reason: str | None) -> None:
        self.log.warn("the router ended the {what} of {uri}: {reason}", what=what, uri=uri, reason=reason)

    # --- events and invocations --------------------------------------------------------------------------------

    def _on_event(self, message: Event) -> None:
        for subscription in tuple(self._subscriptions.get(message.subscription, ())):
            payload = self._result(message)
            topic = message.details.topic or subscription.topic
            received = Received(
                topic, list(payload.args), dict(payload.kwargs), message.publication, message.details
            )
            self._guarded(subscription.handler, received)

    def _guarded(self, handler: Callable[[Any], object], argument: Any) -> None:
        try:
            handler(argument)
        except Exception:  # noqa: BLE001 - the application's mistake must not end the session
            self.log.failure("a handler failed")

    def _on_invocation(self, message: Invocation) -> None:
        registration = self._registrations.get(message.registration)
        if registration is None:
            self._answer_error(message.request, CallError(CANCELED, "the procedure was just unregistered"))
            return
        payload = self._result(message)
        args = payload.args
        if registration.details:
            progress = self._progress(message.request) if message.details.receive_progress else None
            procedure = message.details.procedure or registration.procedure
            args = [Invoked(procedure, message.details, progress), *args]
        request, handler, kwargs = message.request, registration.handler, payload.kwargs
        self._working[request] = _fired(None)  # a handler may send progressive results, or leave, before it returns
        work: Deferred[Any] = maybeDeferred(lambda: handler(*args, **kwargs))
        if request in self._working:
            self._working[request] = work
        work.addCallback(self._payload_of)
        work.addCallbacks(self._finished, self._failed, callbackArgs=(request,), errbackArgs=(request,))

    def _progress(self, request: int) -> Callable[..., None]:
        def progress(*args: Any, **kwargs: Any) -> None:
            if request in self._working:
                self._send(Yield(request, YieldOptions(progress=True), *self._payload(args, kwargs)))

        return progress

    def _payload_of(self, value: Any) -> tuple[Raw, Raw]:
        result = value if isinstance(value, Result) else Result(() if value is None else (value,))
        return self._payload(result.args, result.kwargs)

    def _finished(self, payload: tuple[Raw, Raw], request: int) -> None:
        if self._working.pop(request, None) is not None:
            self._send(Yield(request, YieldOptions(), *payload))

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
            payload = self._payload(error.error_args, error.error_kwargs)
        except TranscodeError as problem:  # the error itself is worth more than what it carries
            payload = self._payload([str(problem)], None)
        self._send(Error(_INVOCATION, request, Passthru(), error.uri, *payload))

    def _on_interrupt(self, message: Interrupt) -> None:
        work = self._working.get(message.request)
        if work is None:
            return
        if message.options.mode != "kill":  # nobody waits for the answer
            del self._working[message.request]
        work.cancel()

    # --- payloads ----------------------------------------------------------------------------------------------

    def _payload(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> tuple[Raw, Raw]:
        dumps = self._codec.dumps
        return dumps(list(args)) if args else EMPTY, dumps(dict(kwargs)) if kwargs else EMPTY

    def _result(self, message: Any) -> Result:
        loads = self._codec.loads
        return Result(loads(message.args) if message.args else (), loads(message.kwargs) if message.kwargs else {})


def _nothing(_answer: Any) -> None:
    return None


def _fired(value: Any) -> Deferred[Any]:
    fired: Deferred[Any] = Deferred()
    fired.callback(value)
    return fired


_HANDLERS: Final[dict[type[Message], Callable[[Session, Any], None]]] = {
    Event: Session._on_event,
    Invocation: Session._on_invocation,
    Interrupt: Session._on_interrupt,
    ResultMessage: Session._on_result,
    Error: Session._on_error,
    Goodbye: Session._on_goodbye,
    Published: lambda session, message: session._answered(Publish, message),
    Subscribed: lambda session, message: session._answered(Subscribe, message),
    Unsubscribed: Session._on_unsubscribed,
    Registered: lambda session, message: session._answered(Register, message),
    Unregistered: Session._on_unregistered,
}
