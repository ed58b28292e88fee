"""One call on its way from one end to the other, message by message.

INVOCATION becomes CALL, RESULT becomes YIELD, ERROR stays one, INTERRUPT becomes CANCEL; parts of a call and
progressive results go the same way. The time that a call has is kept here; what is left of it, the other end is told.
(Spec, "Call Canceling", "Call Timeouts", "Progressive Call Results", "Progressive Call Invocations".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw

from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink import trail
from edge_router.uplink.outlet import Standing
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import (
    CANCELED,
    FEATURE_NOT_SUPPORTED,
    INVALID_PAYLOAD,
    NETWORK_FAILURE,
    TIMEOUT,
    TranscodeError,
    WampError,
)
from edge_router.wamp.messages import CallOptions, CancelMode, Error, Invocation, Result, YieldOptions
from edge_router.wamp.payload import transcode_raw

#: of a call that waits for the link: parts of it that are kept
MOST_PARTS: Final = 100


class Relay:
    """One call.

    source: the end that it came from. invocation: how it came. procedure: what it is called at the other end. clock:
    for its time. ended: called when it is over.
    """

    def __init__(
        self,
        source: LinkSession,
        invocation: Invocation,
        procedure: str,
        clock: Clock,
        ended: Callable[[Relay], object],
    ) -> None:
        self.procedure = procedure
        self._source = source
        self._request = invocation.request
        self._details = invocation.details
        self._parts = [invocation]
        self._clock = clock
        self._ended = ended
        self._target: LinkSession | None = None
        self._standing: Standing | None = None
        self._call = 0
        #: whether it may have to be made again, without `forward_for` or `disclose_me`
        self._on_trial = self._disclosed = False
        #: whether the caller waits no more, but for what becomes of it
        self._canceled = False
        timeout = invocation.details.timeout
        self._ends_at = clock.seconds() + timeout / 1000 if timeout else 0.0
        self._timer: Delayed | None = clock.callLater(timeout / 1000, self._timed_out) if timeout else None

    # --- the way there -----------------------------------------------------------------------------------------

    def go(self, target: LinkSession, standing: Standing) -> bool:
        """Call at the other end. Result: whether it has begun; if not, it was answered."""
        self._target, self._standing = target, standing
        if self._details.progress and not target.can("dealer", "progressive_call_invocations"):
            text = "the router at the other end takes no call in parts (progressive_call_invocations)"
            return self._refuse(WampError(FEATURE_NOT_SUPPORTED, text))
        return self._begin()

    def _begin(self) -> bool:
        first, *others = self._parts
        target = self._target
        assert target is not None
        try:
            self._call = target.call_raw(self.procedure, self._options(), *self._payload(first), self)
            for part in others:
                self._go_on(part)
        except WampError as problem:
            self._cancel()
            return self._refuse(problem)
        if not self._on_trial:
            self._parts.clear()
        return True

    def _options(self) -> CallOptions:
        details, standing = self._details, self._standing
        assert standing is not None
        forwarded = standing.may_forward is not False
        self._disclosed = forwarded and details.caller is not None and standing.may_disclose(self.procedure)
        self._on_trial = standing.may_forward is None or self._disclosed
        left = max(1, round(1000 * (self._ends_at - self._clock.seconds()))) if self._ends_at else 0
        return CallOptions(
            ppt_scheme=details.ppt_scheme,
            ppt_serializer=details.ppt_serializer,
            ppt_cipher=details.ppt_cipher,
            ppt_keyid=details.ppt_keyid,
            receive_progress=details.receive_progress,
            timeout=left,
            disclose_me=self._disclosed,
            progress=details.progress,
            forward_for=trail.of_call(details, self._source) if forwarded else None,
        )

    def goes_on(self, message: Invocation) -> None:
        """The next part of the call."""
        try:
            if self._target is None or self._on_trial:
                self._keep(message)
            if self._target is not None:
                self._go_on(message)
        except WampError as problem:
            self._cancel()
            self._refuse(problem)

    def _keep(self, message: Invocation) -> None:
        if len(self._parts) >= MOST_PARTS:
            raise WampError(FEATURE_NOT_SUPPORTED, f"the link keeps {MOST_PARTS} parts of a call that waits")
        self._parts.append(message)

    def _go_on(self, message: Invocation) -> None:
        assert self._target is not None
        options = CallOptions(receive_progress=self._details.receive_progress, progress=message.details.progress)
        self._target.call_on(self._call, self.procedure, options, *self._payload(message))

    def _payload(self, message: Invocation) -> tuple[Raw, Raw]:
        assert self._target is not None
        return _transcoded(message, self._source, self._target)

    # --- the way back ------------------------------------------------------------------------------------------

    def result(self, message: Result) -> None:
        """A result, progressive or final."""
        self._taken()
        details = message.details
        if details.progress and not self._details.receive_progress:
            return  # the router here would end the session of a link that hands on what nobody has asked for
        options = YieldOptions(
            ppt_scheme=details.ppt_scheme,
            ppt_serializer=details.ppt_serializer,
            ppt_cipher=details.ppt_cipher,
            ppt_keyid=details.ppt_keyid,
            progress=details.progress,
        )
        assert self._target is not None
        try:
            payload = _transcoded(message, self._target, self._source)
            if not details.progress:
                self._end()
            elif self._timer is not None:
                self._restart_timer()
            self._source.yield_raw(self._request, options, *payload)
        except WampError as problem:
            if details.progress:
                self._cancel()
            self._refuse(problem)

    def refused(self, message: Error) -> None:
        """An error, the final answer; unless the router only would not be told for whom the call is."""
        assert self._target is not None
        standing, target = self._standing, self._target
        assert standing is not None
        if self._on_trial and standing.refused(
            self.procedure, message.uri, target.details_of(message), self._disclosed
        ):
            if self._canceled:
                self._refuse(WampError(CANCELED, "the call was canceled before it had begun"))
            else:
                self._begin()
            return
        self._taken()
        self._end()
        try:
            payload = _transcoded(message, self._target, self._source)
        except WampError as problem:
            self._source.fail(self._request, problem)
            return
        self._source.fail_raw(self._request, message.uri, message.details, *payload)

    def lost(self) -> None:
        """The other end is gone; whether the call was worked on, nobody knows."""
        self._refuse(WampError(NETWORK_FAILURE, "the link went down while the call was under way"))

    def _taken(self) -> None:
        """The other end has accepted the call."""
        if self._on_trial and self._standing is not None:
            self._standing.taken()
        self._on_trial = False
        self._parts.clear()

    # --- ending early ------------------------------------------------------------------------------------------

    def interrupted(self, mode: CancelMode) -> None:
        """The caller waits no more. With `kill` it waits for what the callee says to that."""
        if self._target is None:
            self._refuse(WampError(CANCELED, "the call was canceled while it waited for the link"))
            return
        forget, self._canceled = mode != "kill", True
        if forget:
            self._source.forget(self._request)
            self._end()
        self._target.cancel(self._call, mode, forget)

    def left(self) -> None:
        """The end where it came from is gone."""
        self._end()
        self._cancel()

    def give_up(self, error: WampError) -> None:
        """It has waited long enough for the link."""
        self._refuse(error)

    def _timed_out(self) -> None:
        self._timer = None
        self._cancel()
        self._refuse(WampError(TIMEOUT, f"no result within {self._details.timeout} ms"))

    def _cancel(self) -> None:
        """Tell the other end, if it knows of the call, that nobody waits for an answer."""
        call, self._call = self._call, 0
        if self._target is not None and call:
            self._target.cancel(call, "killnowait", forget=True)

    def _restart_timer(self) -> None:
        self._stop_timer()
        self._timer = self._clock.callLater(self._details.timeout / 1000, self._timed_out)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _refuse(self, error: WampError) -> bool:
        self._end()
        self._source.fail(self._request, error)
        return False

    def _end(self) -> None:
        self._stop_timer()
        self._ended(self)


def _transcoded(message: Any, source: LinkSession, target: LinkSession) -> tuple[Raw, Raw]:
    """The payload of a message in the encoding of the other end. Raises WampError if it has no form there."""
    if source.codec is target.codec:
        return message.args, message.kwargs
    try:
        return (
            transcode_raw(message.args, source.codec, target.codec),
            transcode_raw(message.kwargs, source.codec, target.codec),
        )
    except TranscodeError as problem:
        raise WampError(INVALID_PAYLOAD, str(problem)) from None
