"""A WAMP session as an application sees it: publish, subscribe, call, register; answers are Deferreds.

It knows messages and an encoding, not how they travel: `local` and `connect` hand `receive` what comes in and give it a
`send`. Payloads are lists and dicts of plain values here, encoded when they leave.
(Spec, "Basic Profile"; the names are the spec's.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final

from msgspec import Raw
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from edge_router.client.payloads import payload_of, result_of
from edge_router.client.requests import Request, Requests
from edge_router.client.serving import Serving
from edge_router.client.subscriptions import Subscriptions
from edge_router.client.values import CallError, Received, Registration, Result, Subscription
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import (
    NETWORK_FAILURE,
    TranscodeError,
)
from edge_router.wamp.messages import (
    Abort,
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
)
from edge_router.wamp.messages import Result as ResultMessage


class Session:
    """One session.

    codec: the encoding of payloads. send: takes messages; raises CallError for one that cannot leave. close: ends the
    connection in order after GOODBYE. id, realm, authid, authrole, authmethod: as the router said, where it did; roles:
    what it announced of itself. on_leave: is told once why the session ended: a URI, or a sentence about the
    connection.
    """

    log = Logger()

    def __init__(
        self,
        codec: Codec,
        send: Callable[[Message], None],
        close: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        self.id = 0
        self.realm = self.authid = self.authrole = self.authmethod = ""
        self.roles: Mapping[str, Any] = {}
        self.on_leave: Callable[[str], object] | None = None
        self._codec = codec
        self._send = send
        self._close = close
        self._open = True
        self._ids = count(1)
        self._requests = Requests(send, self._canceled)
        self._subscriptions = Subscriptions()
        self._serving = Serving(codec, send)

    @property
    def is_open(self) -> bool:
        """Whether the session still is one."""
        return self._open

    # --- what the application calls ----------------------------------------------------------------------------

    def publish(
        self, topic: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Deferred[int] | None:
        """Publish an event.

        options: attributes of PUBLISH.Options (`acknowledge=True`, `exclude_me=False`, `retain=True`, ...).
        Result: None; with `acknowledge`, a Deferred of the publication id that fails with CallError.
        Raises TranscodeError for a payload that has no form on the wire; without `acknowledge`, CallError if the event
        cannot leave: it is too long, too much waits already, or the session is over.
        """
        request = next(self._ids)
        message = Publish(request, PublishOptions(**options), topic, *self._payload(args, kwargs))
        if message.options.acknowledge:
            return self._request(message, Request(lambda answer: answer.publication))
        if not self._open:
            raise _over()
        self._send(message)
        return None

    def subscribe(
        self, topic: str, handler: Callable[[Received], object], match: Match = "exact", get_retained: bool = False
    ) -> Deferred[Subscription]:
        """Have `handler` called with each event.

        get_retained: and with the events that the router has retained. Result: a Subscription; fails with CallError.
        """

        pattern = (topic, match)

        def done(answer: Subscribed) -> Subscription:
            subscription = Subscription(self, answer.subscription, pattern, handler)
            self._subscriptions.answered(pattern, subscription)
            return subscription

        self._subscriptions.begin(pattern)
        options = SubscribeOptions(match=match, get_retained=get_retained)
        request = Request(done, lambda: self._forget(self._subscriptions.answered(pattern, None)), self.unsubscribe)
        return self._request(Subscribe(next(self._ids), options, topic), request)

    def unsubscribe(self, subscription: Subscription) -> Deferred[None]:
        """End a subscription; of several with one pattern, only the last is told to the router."""
        if not self._subscriptions.remove(subscription):
            return succeed(None)
        return self._request(Unsubscribe(next(self._ids), subscription.id), Request(_nothing))

    def _forget(self, subscription_id: int | None) -> None:
        """Nobody waits for the end of this subscription."""
        if subscription_id is not None:
            ended = self._request(Unsubscribe(next(self._ids), subscription_id), Request(_nothing))
            ended.addErrback(lambda failure: failure.trap(CallError))

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
            self._serving.add(registration)
            return registration

        request = Request(done, undo=self.unregister)
        return self._request(Register(next(self._ids), RegisterOptions(**options), procedure), request)

    def unregister(self, registration: Registration) -> Deferred[None]:
        """Serve a procedure no more."""
        self._serving.remove(registration.id)
        return self._request(Unregister(next(self._ids), registration.id), Request(_nothing))

    def call(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: int = 0,
        on_progress: Callable[[Result], object] | None = None,
        **options: Any,
    ) -> Deferred[Result]:
        """Call a procedure.

        timeout: milliseconds; 0 waits for ever. on_progress: takes progressive results. options: other attributes of
        CALL.Options. Canceling the Deferred cancels the call. Result: a Result; fails with CallError.
        Raises TranscodeError for a payload that has no form on the wire.
        """
        wanted = CallOptions(timeout=timeout, receive_progress=on_progress is not None, **options)
        message = Call(next(self._ids), wanted, procedure, *self._payload(args, kwargs))
        return self._request(message, Request(self._result, on_progress=on_progress))

    def leave(self, reason: str = "wamp.close.normal") -> Deferred[None]:
        """Say GOODBYE. What waits for an answer fails. Idempotent. Result: when everything has left."""
        if self._open:
            self._send(Goodbye(CloseDetails(), reason))
            self.lost(reason)
        return self._close()

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
        self._requests.lose(CallError(NETWORK_FAILURE, f"the session ended: {reason}"))
        self._serving.stop()
        self._subscriptions.clear()
        if self.on_leave is not None:
            self.on_leave(reason)

    # --- requests ----------------------------------------------------------------------------------------------

    def _request(self, message: Any, request: Request) -> Deferred[Any]:
        return self._requests.ask(message, request) if self._open else fail(_over())

    def _canceled(self, kind: type[Message], request: int) -> None:
        """The application waits no more: a call is canceled at the router too."""
        if kind is Call:
            self._send(Cancel(request, CancelOptions(mode="killnowait")))

    def _on_error(self, message: Error) -> None:
        error = CallError(message.uri)
        try:
            payload = self._result(message)
        except TranscodeError as problem:
            payload = Result((str(problem),))
        # not by way of the constructor: keywords are the other side's, and may be `uri` or no strings at all
        error.error_args, error.error_kwargs = payload.args, payload.kwargs
        self._requests.refused(message.kind, message.request, error)

    def _on_result(self, message: ResultMessage) -> None:
        if not message.details.progress:
            self._requests.answered(Call, message)
            return
        on_progress = self._requests.progress_of(Call, message.request)
        if on_progress is not None:
            self._guarded(lambda result: on_progress(self._result(result)), message)

    def _on_goodbye(self, message: Goodbye) -> None:
        self._send(Goodbye(CloseDetails(), "wamp.close.goodbye_and_out"))
        self.lost(message.reason)

    def _on_abort(self, message: Abort) -> None:
        self.lost(f"{message.reason}: {message.details.message}" if message.details.message else message.reason)

    def _on_unsubscribed(self, message: Unsubscribed) -> None:
        if message.request:
            self._requests.answered(Unsubscribe, message)
            return
        for subscription in self._subscriptions.revoked(message.details.subscription or 0):
            self._report_revoked("subscription", subscription.topic, message.details.reason)

    def _on_unregistered(self, message: Unregistered) -> None:
        if message.request:
            self._requests.answered(Unregister, message)
            return
        registration = self._serving.remove(message.details.registration or 0)
        if registration is not None:
            self._report_revoked("registration", registration.procedure, message.details.reason)

    def _report_revoked(self, what: str, uri: str, reason: str | None) -> None:
        self.log.warn("the router ended the {what} of {uri}: {reason}", what=what, uri=uri, reason=reason)

    # --- events ------------------------------------------------------------------------------------------------

    def _on_event(self, message: Event) -> None:
        for subscription in self._subscriptions.of(message.subscription):
            self._guarded(self._hand_over, message, subscription)

    def _hand_over(self, message: Event, subscription: Subscription) -> None:
        payload = self._result(message)
        topic = message.details.topic or subscription.topic
        received = Received(topic, list(payload.args), dict(payload.kwargs), message.publication, message.details)
        subscription.handler(received)

    def _guarded(self, handler: Callable[..., object], *arguments: Any) -> None:
        try:
            handler(*arguments)
        except Exception:  # noqa: BLE001 - the application's mistake must not end the session
            self.log.failure("a handler failed")

    # --- payloads ----------------------------------------------------------------------------------------------

    def _payload(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> tuple[Raw, Raw]:
        return payload_of(self._codec, args, kwargs)

    def _result(self, message: Any) -> Result:
        return result_of(self._codec, message)


def _nothing(_answer: Any) -> None:
    return None


def _over() -> CallError:
    return CallError(NETWORK_FAILURE, "the session is over")


_HANDLERS: Final[dict[type[Message], Callable[[Session, Any], None]]] = {
    Event: Session._on_event,
    Invocation: lambda session, message: session._serving.invoke(message),
    Interrupt: lambda session, message: session._serving.interrupt(message),
    ResultMessage: Session._on_result,
    Error: Session._on_error,
    Goodbye: Session._on_goodbye,
    Abort: Session._on_abort,
    Published: lambda session, message: session._requests.answered(Publish, message),
    Subscribed: lambda session, message: session._requests.answered(Subscribe, message),
    Unsubscribed: Session._on_unsubscribed,
    Registered: lambda session, message: session._requests.answered(Register, message),
    Unregistered: Session._on_unregistered,
}
