"""A session that hands messages on as they are: payloads stay the bytes they came in, and nothing waits in a Deferred.

One is joined to the local realm, one to the central one. What an application does by plain values (meta API, status) is
as with any `client.Session`; events and calls that are handed on go past that, to whoever has asked for them here.
(Spec, "Progressive Call Invocations", "Call Timeouts", "Payload Passthru Mode"; what it announces it hands on.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from msgspec import Raw
from twisted.internet.defer import Deferred

from edge_router.client.connection import Speech
from edge_router.client.joining import ROLES
from edge_router.client.payloads import result_of
from edge_router.client.requests import Request
from edge_router.client.session import Session
from edge_router.wamp.errors import NETWORK_FAILURE, RUNTIME_ERROR, TranscodeError, WampError
from edge_router.wamp.features import CLIENT_FEATURES
from edge_router.wamp.messages import (
    CODES,
    EMPTY,
    Call,
    CallOptions,
    Cancel,
    CancelMode,
    CancelOptions,
    Error,
    Event,
    Interrupt,
    Invocation,
    Match,
    Message,
    Passthru,
    Publish,
    PublishOptions,
    Register,
    RegisterOptions,
    Result,
    Subscribe,
    SubscribeOptions,
    Unregister,
    Unregistered,
    Unsubscribe,
    Unsubscribed,
    Yield,
    YieldOptions,
)

_CALL: Final = CODES[Call]
_INVOCATION: Final = CODES[Invocation]

#: by role, what is handed on beside what `client.Session` does
_HANDED_ON: Final = {
    "publisher": ("payload_passthru_mode",),
    "subscriber": ("payload_passthru_mode",),
    "caller": ("payload_passthru_mode", "progressive_call_invocations"),
    "callee": ("call_timeout", "payload_passthru_mode", "progressive_call_invocations"),
}


class Answered(Protocol):
    """A call that was handed on to this end."""

    def result(self, message: Result) -> None:
        """A result, progressive or final."""

    def refused(self, message: Error) -> None:
        """An error, which is final."""

    def lost(self) -> None:
        """The session is over."""


class Invoked(Protocol):
    """A call that came from this end."""

    def goes_on(self, message: Invocation) -> None:
        """The next part of it."""

    def interrupted(self, mode: CancelMode) -> None:
        """It is not wanted any more."""

    def left(self) -> None:
        """The session is over."""


class LinkSession(Session):
    """One end; see `Session` for the arguments."""

    #: what it announces where it joins within the node
    features = CLIENT_FEATURES - {"callee.call_reroute"}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.codec = self._codec
        #: is told in words what the router took away
        self.on_revoked: Callable[[str], object] = lambda _text: None
        self._events: dict[int, Callable[[Event], object]] = {}
        self._served: dict[int, Callable[[Invocation], Invoked | None]] = {}
        self._calls: dict[int, Answered] = {}
        self._invoked: dict[int, Invoked] = {}

    def can(self, role: str, feature: str) -> bool:
        """Whether the router announced a feature; this node's own has them all."""
        details = self.roles.get(role)
        features = details.get("features") if isinstance(details, dict) else None
        return not self.roles or (isinstance(features, dict) and features.get(feature) is True)

    # --- events ------------------------------------------------------------------------------------------------

    def publish_raw(self, topic: str, options: PublishOptions, args: Raw, kwargs: Raw) -> Deferred[int] | None:
        """Publish a payload in this session's encoding.

        Result: None; if the options say `acknowledge`, a Deferred of the publication id that fails with CallError.
        Raises CallError where nothing is acknowledged and it cannot leave.
        """
        message = Publish(next(self._ids), options, topic, args, kwargs)
        if options.acknowledge:
            return self._request(message, Request(lambda answer: answer.publication))
        if not self._open:
            raise WampError(NETWORK_FAILURE, "the session is over")
        self._send(message)
        return None

    def subscribe_raw(
        self, topic: str, match: Match, handler: Callable[[Event], object], get_retained: bool = False
    ) -> Deferred[int]:
        """Subscribe to a pattern that this session subscribes to only once. Result: the id of the subscription."""

        def done(answer: Any) -> int:
            self._events[answer.subscription] = handler
            return int(answer.subscription)

        options = SubscribeOptions(match=match, get_retained=get_retained)
        return self._request(Subscribe(next(self._ids), options, topic), Request(done))

    def unsubscribe_raw(self, subscription: int) -> Deferred[None]:
        """End a subscription."""
        self._events.pop(subscription, None)
        return self._request(Unsubscribe(next(self._ids), subscription), Request(_nothing))

    # --- procedures --------------------------------------------------------------------------------------------

    def register_raw(
        self, procedure: str, options: RegisterOptions, handler: Callable[[Invocation], Invoked | None]
    ) -> Deferred[int]:
        """Offer a procedure. handler: takes INVOCATION, gives who is told what else comes of it; None if it has
        answered. Result: the id of the registration.
        """

        def done(answer: Any) -> int:
            self._served[answer.registration] = handler
            return int(answer.registration)

        return self._request(Register(next(self._ids), options, procedure), Request(done))

    def unregister_raw(self, registration: int) -> Deferred[None]:
        """Offer a procedure no more."""
        self._served.pop(registration, None)
        return self._request(Unregister(next(self._ids), registration), Request(_nothing))

    def call_raw(self, procedure: str, options: CallOptions, args: Raw, kwargs: Raw, caller: Answered) -> int:
        """Call. Result: the request id. Raises CallError if it cannot leave."""
        if not self._open:
            raise WampError(NETWORK_FAILURE, "the session is over")
        request = next(self._ids)
        self._send(Call(request, options, procedure, args, kwargs))
        self._calls[request] = caller
        return request

    def call_on(self, request: int, procedure: str, options: CallOptions, args: Raw, kwargs: Raw) -> None:
        """Send the next part of a call. Raises CallError if it cannot leave."""
        self._send(Call(request, options, procedure, args, kwargs))

    def cancel(self, request: int, mode: CancelMode, forget: bool) -> None:
        """Cancel a call. forget: its answer is not waited for."""
        if forget:
            self._calls.pop(request, None)
        if self._open:
            self._send(Cancel(request, CancelOptions(mode=mode)))

    def yield_raw(self, request: int, options: YieldOptions, args: Raw, kwargs: Raw) -> None:
        """Answer an INVOCATION, for good unless `progress`. Raises CallError if it cannot leave."""
        if not options.progress:
            self._invoked.pop(request, None)
        self._send(Yield(request, options, args, kwargs))

    def fail_raw(self, request: int, uri: str, details: Passthru, args: Raw, kwargs: Raw) -> None:
        """Answer an INVOCATION in the negative. Where the error is too long, its URI has to do."""
        self._invoked.pop(request, None)
        if not self._open:
            return
        try:
            self._send(Error(_INVOCATION, request, details, uri, args, kwargs))
        except WampError:
            self._send(Error(_INVOCATION, request, Passthru(), uri))

    def fail(self, request: int, error: WampError) -> None:
        """Answer an INVOCATION with an error of one's own."""
        args = self.codec.dumps(list(error.error_args)) if error.error_args else EMPTY
        self.fail_raw(request, error.uri, Passthru(), args, EMPTY)

    def details_of(self, error: Error) -> Mapping[str, Any]:
        """The keywords of an error that came; none if they cannot be read."""
        try:
            return result_of(self.codec, error).kwargs
        except TranscodeError:
            return {}

    def forget(self, request: int) -> None:
        """The router waits for no answer to this INVOCATION."""
        self._invoked.pop(request, None)

    # --- what comes --------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Take one message."""
        handler = _RAW.get(type(message))
        if handler is None or not self._open or not handler(self, message):
            super().receive(message)

    def _event(self, message: Event) -> bool:
        handler = self._events.get(message.subscription)
        if handler is not None:
            self._guarded(handler, message)
        return handler is not None

    def _invocation(self, message: Invocation) -> bool:
        under_way = self._invoked.get(message.request)
        if under_way is not None:
            self._guarded(under_way.goes_on, message)
            return True
        handler = self._served.get(message.registration)
        if handler is None:
            return False
        try:
            invoked = handler(message)
        except Exception as problem:  # noqa: BLE001 - the caller is to hear of a bug of ours too
            self.log.failure("a call could not be handed on")
            self.fail(message.request, WampError(RUNTIME_ERROR, f"{type(problem).__name__}: {problem}"))
            return True
        if invoked is not None:
            self._invoked[message.request] = invoked
        return True

    def _interrupt(self, message: Interrupt) -> bool:
        under_way = self._invoked.get(message.request)
        if under_way is not None:
            under_way.interrupted(message.options.mode or "killnowait")
        return under_way is not None

    def _unsubscribed(self, message: Unsubscribed) -> bool:
        details = message.details
        if message.request or self._events.pop(details.subscription or 0, None) is None:
            return False
        self.on_revoked(f"the router ended subscription {details.subscription}: {details.reason}")
        return True

    def _unregistered(self, message: Unregistered) -> bool:
        details = message.details
        if message.request or self._served.pop(details.registration or 0, None) is None:
            return False
        self.on_revoked(f"the router ended registration {details.registration}: {details.reason}")
        return True

    def _result_raw(self, message: Result) -> bool:
        final = not message.details.progress
        caller = self._calls.pop(message.request, None) if final else self._calls.get(message.request)
        if caller is not None:
            self._guarded(caller.result, message)
        return caller is not None

    def _error_raw(self, message: Error) -> bool:
        caller = self._calls.pop(message.request, None) if message.kind == _CALL else None
        if caller is not None:
            self._guarded(caller.refused, message)
        return caller is not None

    def lost(self, reason: str) -> None:
        """The session is over: calls that were handed on to this end fail, those that came from it are canceled."""
        if not self._open:
            return
        super().lost(reason)
        calls, self._calls = self._calls, {}
        invoked, self._invoked = self._invoked, {}
        self._events.clear()
        self._served.clear()
        for caller in calls.values():
            self._guarded(caller.lost)
        for under_way in invoked.values():
            self._guarded(under_way.left)


    def abandon(self, reason: str) -> None:
        """The router is as good as gone: end the session, and close the connection when that can be."""
        self.lost(reason)
        self._close()


def _nothing(_answer: Any) -> None:
    return None


def _roles() -> dict[str, Any]:
    return {
        role: {"features": {**details["features"], **dict.fromkeys(_HANDED_ON[role], True)}}
        for role, details in ROLES.items()
    }


#: what `client.connect` joins a central router with
SPEECH: Final = Speech(LinkSession, _roles())

_RAW: Final[dict[type[Message], Callable[[LinkSession, Any], bool]]] = {
    Event: LinkSession._event,
    Invocation: LinkSession._invocation,
    Interrupt: LinkSession._interrupt,
    Result: LinkSession._result_raw,
    Unsubscribed: LinkSession._unsubscribed,
    Unregistered: LinkSession._unregistered,
    Error: LinkSession._error_raw,
}
