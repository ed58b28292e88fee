"""Testaments: what a session wants to be published when it ends, however that comes about.

There are two buckets as in the spec, though without session resumption a session is detached and destroyed at once: its
`detached` testaments are published before its `destroyed` ones. (Spec, "Session Testament".)
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from edge_router.router.disclosure import disclosure_refused
from edge_router.router.meta_arguments import Arguments
from edge_router.router.passthru import understands
from edge_router.wamp.codecs.codec import as_meant
from edge_router.wamp.errors import INVALID_ARGUMENT, LIMIT_EXCEEDED, TranscodeError, WampError
from edge_router.wamp.messages import EMPTY, Publish, PublishOptions

if TYPE_CHECKING:
    from edge_router.router.broker import Broker
    from edge_router.router.meta import MetaApi, Procedure
    from edge_router.router.session import RouterSession

Scope: TypeAlias = Literal["detached", "destroyed"]

#: bytes that a testament takes besides its payload, about
TESTAMENT: Final = 512


class Testaments:
    """Those of one session.

    most: bytes that they may take.
    """

    __slots__ = ("_most", "_scopes", "_size")

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._scopes: dict[Scope, list[tuple[Publish, int]]] = {"detached": [], "destroyed": []}

    def add(self, scope: Scope, message: Publish, size: int) -> None:
        """Append one. size: bytes of what was sent for it. Raises WampError `limit_exceeded`."""
        size += TESTAMENT
        if self._size + size > self._most:
            raise WampError(
                LIMIT_EXCEEDED, f"a session's testaments may take {self._most} bytes (limits.testaments)"
            )
        self._size += size
        self._scopes[scope].append((message, size))

    def flush(self, scope: Scope) -> None:
        """Forget those of a scope."""
        self._size -= sum(size for _message, size in self._scopes[scope])
        self._scopes[scope].clear()

    def topics(self) -> set[str]:
        """Where they go."""
        return {message.topic for held in self._scopes.values() for message, _size in held}

    def publish(self, session: RouterSession, broker: Broker) -> None:
        """The session has ended: publish all as if it did so itself."""
        for held in self._scopes.values():
            for message, _size in held:
                with suppress(WampError):  # nobody is left to be told that the role may not any more
                    broker.publish(session, message)


def _add(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    topic = arguments.uri(0, "topic")
    args = arguments.find(1, "args", list[Any])
    kwargs = arguments.find(2, "kwargs", dict[str, Any])
    options = _options(arguments.find(3, "publish_options", dict[str, Any]))
    scope = _scope(arguments, 4)
    grant = caller.permissions.grant(topic)
    if not grant.publish:
        raise caller.permissions.refuse("publish", topic)
    if options.disclose_me and not grant.may_disclose_publisher:
        raise disclosure_refused(caller.permissions, "publish", topic)
    if options.forward_for:
        raise WampError(INVALID_ARGUMENT, "argument 'publish_options': forward_for; a testament is nobody else's")
    if options.ppt_scheme and not understands(caller, "publisher"):
        raise WampError(INVALID_ARGUMENT, "argument 'publish_options': ppt_scheme was not announced in HELLO")
    message = Publish(1, options, topic, _payload(caller, args), _payload(caller, kwargs))
    testaments = meta.testaments.get(caller) or Testaments(caller.limits.testaments)
    testaments.add(scope, message, arguments.size)
    meta.testaments[caller] = testaments
    return []


def _flush(meta: MetaApi, caller: RouterSession, arguments: Arguments) -> list[Any]:
    scope = _scope(arguments, 0)
    if caller in meta.testaments:
        meta.testaments[caller].flush(scope)
    return []


def _scope(arguments: Arguments, at: int) -> Scope:
    return arguments.find(at, "scope", Scope) or "destroyed"  # type: ignore[arg-type]


def _options(given: dict[str, Any] | None) -> PublishOptions:
    """As of a PUBLISH, of which nobody can get an acknowledgement."""
    try:
        options = msgspec.convert(as_meant(given or {}, (None,)), PublishOptions)
    except msgspec.ValidationError as problem:
        raise WampError(INVALID_ARGUMENT, f"argument 'publish_options': {problem}") from None
    return replace(options, acknowledge=False)


def _payload(caller: RouterSession, value: Any) -> Raw:
    try:
        return caller.peer.codec.dumps(value) if value else EMPTY
    except TranscodeError as problem:
        raise WampError(INVALID_ARGUMENT, str(problem)) from None


TESTAMENT_PROCEDURES: Final[dict[str, Procedure]] = {
    "wamp.session.add_testament": _add,
    "wamp.session.flush_testaments": _flush,
}
