"""Where events leave: published at one end, in its encoding, for those that they come from.

The first event of a topic is acknowledged: that the role may not publish there would go unnoticed else. So would it
that the router does not let this session say for whom it publishes (`forward_for`); then events go without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from edge_router.uplink.keeping import SEND_AGAIN
from edge_router.uplink.session import LinkSession
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import (
    DISCLOSE_ME_DISALLOWED,
    INVALID_PAYLOAD,
    NETWORK_FAILURE,
    OPTION_NOT_ALLOWED,
    UNAVAILABLE,
    TranscodeError,
    WampError,
)
from edge_router.wamp.messages import PublishOptions
from edge_router.wamp.payload import transcode_raw

#: topics that are known to be allowed
MOST_KNOWN: Final = 10_000


class Standing:
    """What a router lets a session of this link do. say: takes a sentence for the operator.

    may_forward: whether it may say for whom it publishes and calls; None: nobody knows yet.

    Who sent something is asked to be made known (`disclose_me`) where the other end has made it known; where the router
    refuses that, it goes without.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self.may_forward: bool | None = None
        #: topics and procedures for which `disclose_me` was refused
        self._undisclosed: set[str] = set()
        self._say = say

    def may_disclose(self, name: str) -> bool:
        """Whether `disclose_me` can be asked for."""
        return name not in self._undisclosed

    def refused(self, name: str, uri: str, details: Mapping[str, Any], disclosed: bool) -> bool:
        """A message with `forward_for` was refused. name: of its topic or procedure. details: keywords of the error;
        `reason` tells a role that may not forward from a circle that must not be. disclosed: whether it had
        `disclose_me`. Result: whether it is to be sent again, with what this says now.
        """
        if uri == DISCLOSE_ME_DISALLOWED and disclosed:
            if len(self._undisclosed) >= MOST_KNOWN:
                self._undisclosed.clear()
            self._undisclosed.add(name)
            return True
        if uri != OPTION_NOT_ALLOWED or details.get("reason") != "role" or self.may_forward:
            return False
        if self.may_forward is None:
            self._say(
                "the router does not let this session say for whom it hands on: nobody is made known, and circles are"
                " not noticed. In an edge-router, give its role `forwards: true`"
            )
        self.may_forward = False
        return True

    def taken(self) -> None:
        """A message with `forward_for` was taken."""
        if self.may_forward is None:
            self.may_forward = True


class Outlet:
    """One end, while it is there.

    session: at that end. standing: of the session. refused: is told in words what cannot be published.
    """

    def __init__(self, session: LinkSession, standing: Standing, refused: Callable[[str], object]) -> None:
        self._session = session
        self._standing = standing
        self._refused = refused
        self._known: set[str] = set()
        #: events handed to the router, and those that it refused or could not take
        self.sent = self.dropped = 0

    def publish(self, topic: str, options: PublishOptions, args: Raw, kwargs: Raw, codec: Codec) -> None:
        """Publish an event. codec: the encoding of its payload. Never raises: what cannot leave is counted."""
        acknowledged = topic not in self._known or self._standing.may_forward is None
        try:
            published = self._send(topic, replace(options, acknowledge=acknowledged), args, kwargs, codec)
        except WampError as problem:
            self._lost(topic, problem)
            return
        if published is not None:
            published.addCallbacks(self._published, self._failed, callbackArgs=(topic,), errbackArgs=(topic,))

    def deliver(self, topic: str, options: PublishOptions, args: Raw, kwargs: Raw, codec: Codec) -> Deferred[Any]:
        """Publish an event, acknowledged. Result: fires when PUBLISHED has come; fails with CallError; see
        `keeping.Sender`.
        """
        try:
            published = self._send(topic, replace(options, acknowledge=True), args, kwargs, codec, delivers=True)
        except WampError as problem:
            return fail(problem)
        assert published is not None
        return published

    def _send(
        self, topic: str, options: PublishOptions, args: Raw, kwargs: Raw, codec: Codec, delivers: bool = False
    ) -> Deferred[Any] | None:
        """delivers: what is to be sent again is for the caller to send, in its order. Raises WampError."""
        session, standing = self._session, self._standing
        if codec is not session.codec:
            try:
                args, kwargs = (transcode_raw(raw, codec, session.codec) for raw in (args, kwargs))
            except TranscodeError as problem:
                raise WampError(INVALID_PAYLOAD, str(problem)) from None
        if options.disclose_me and not (standing.may_forward is not False and standing.may_disclose(topic)):
            options = replace(options, disclose_me=False)
        if standing.may_forward is False:
            options = replace(options, forward_for=None, origin=None, replayed=False)
        published = session.publish_raw(topic, options, args, kwargs)
        self.sent += 1
        if published is not None and (options.forward_for or options.origin):

            def taken(answer: Any) -> Any:
                standing.taken()
                return answer

            def again(failure: Failure) -> Any:
                problem = failure.value
                if not isinstance(problem, WampError) or not standing.refused(
                    topic, problem.uri, problem.error_kwargs, options.disclose_me
                ):
                    return failure
                self.sent -= 1
                if delivers:
                    raise WampError(SEND_AGAIN, str(problem))
                return self._send(topic, options, args, kwargs, session.codec)

            published.addCallbacks(taken, again)
        return published

    def _published(self, _publication: object, topic: str) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(topic)

    def _failed(self, failure: Failure, topic: str) -> None:
        problem = failure.value
        if isinstance(problem, WampError):
            self._lost(topic, problem)

    def _lost(self, topic: str, problem: WampError) -> None:
        self.dropped += 1
        if problem.uri == UNAVAILABLE:
            self._refused("the other router reads too slowly: events are dropped")
        elif problem.uri != NETWORK_FAILURE and problem.error_kwargs.get("reason") != "circle":
            self._refused(f"nothing can be published to {topic!r}: {problem}")
