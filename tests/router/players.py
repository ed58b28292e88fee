"""Players of the bare core that speak in typed messages: `alice.sends(Publish(...))`, `alice.gets(Event(...))`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Raw
from msgspec.structs import astuple
from twisted.internet.task import Clock

from edge_router.auth.anonymous import Anonymous
from edge_router.config.schema import Allow, AnonymousAuth, Limits, MemoryStore, Permission, Realm, RealmOptions, Role
from edge_router.router.interfaces import TransportDetails
from edge_router.router.router import Router
from edge_router.wamp.codecs import MSGPACK, Codec
from edge_router.wamp.errors import INVALID_PAYLOAD, TranscodeError, WampError
from edge_router.wamp.messages import EMPTY, Hello, HelloDetails, Message, Welcome
from edge_router.wamp.outgoing import Outgoing
from edge_router.wamp.payload import transcode

EVERYTHING = Allow(call=True, register=True, publish=True, subscribe=True)
FEATURES = {
    "callee": {
        "features": {
            "call_canceling": True,
            "call_reroute": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
        }
    },
    "caller": {"features": {"progressive_call_invocations": True}},
}


def open_realm(
    name: str = "realm1", roles: Sequence[Role] = (), store: MemoryStore | None = None, **options: Any
) -> Realm:
    """A realm where the role `anonymous` may do everything, unless roles are given."""
    everything = [Permission(uri="", match="prefix", allow=EVERYTHING)]
    return Realm(
        name=name,
        options=RealmOptions(**options),
        roles=list(roles) or [Role(name="anonymous", permissions=everything)],
        store=store or MemoryStore(),
    )


def make_router(*realms: Realm, clock: Clock | None = None) -> Router:
    """A router with these realms, or with an open one."""
    router = Router(clock or Clock())
    for realm in realms or (open_realm(),):
        router.add_realm(realm)
    return router


def args(*values: Any) -> Raw:
    """Arguments, or EMPTY if there are none."""
    return MSGPACK.dumps(list(values)) if values else EMPTY


def kwargs(**values: Any) -> Raw:
    """Keyword arguments."""
    return MSGPACK.dumps(values)


class Player:
    """A client on the bare core, and its peer. Everything it gets waits in `inbox`, typed, payloads in its encoding.

    refuses: INVOCATIONs are refused, as a slow reader's are.
    """

    def __init__(self, router: Router, role: str = "anonymous", limits: Limits | None = None, codec: Codec = MSGPACK):
        self.codec = codec
        self.details = TransportDetails("memory", "memory")
        self.dropped = 0
        self.refuses = False
        self.closed = False
        self.inbox: deque[Any] = deque()
        methods = {"anonymous": Anonymous(AnonymousAuth(role=role))}
        self.session = router.attach(self, methods, limits or Limits())

    # --- the peer, as the router sees it -----------------------------------------------------------------------

    def send(self, outgoing: Outgoing) -> None:
        try:
            self._take(outgoing.message_for(self.codec))
        except TranscodeError:
            self.dropped += 1

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:
        if refusable and self.refuses:
            raise WampError("wamp.error.unavailable", "it does not read")
        try:
            self._take(transcode(message, source, self.codec))
        except TranscodeError as problem:
            raise WampError(INVALID_PAYLOAD, str(problem)) from None

    def send_message(self, message: Message) -> None:
        self._take(message)

    def close(self) -> None:
        self.closed = True

    def _take(self, message: Message) -> None:
        assert not self.closed, f"{message} was sent after the connection was closed"
        self.inbox.append(self.codec.decode(self.codec.encode(message)))

    # --- what a test does --------------------------------------------------------------------------------------

    def joins(self, realm: str = "realm1", **roles: Any) -> Player:
        """HELLO and WELCOME."""
        self.sends(Hello(realm, HelloDetails(roles=roles or FEATURES)))
        assert type(self.next()) is Welcome
        return self

    def sends(self, message: Message) -> None:
        """What arrives at the router is what left here, encoded and decoded."""
        self.session.receive(self.codec.decode(self.codec.encode(message)))

    def next(self) -> Any:
        """What came first and has not been looked at."""
        assert self.inbox, "nothing came"
        return self.inbox.popleft()

    def gets(self, expected: Message) -> Any:
        """The next message is this one; payloads are compared as bytes. Result: the message."""
        found = self.next()
        assert found == expected
        return found

    def gets_nothing(self) -> None:
        """Nothing is left."""
        assert not self.inbox, list(self.inbox)

    def everything(self) -> Iterator[Any]:
        """All that came, and the inbox is empty."""
        while self.inbox:
            yield self.inbox.popleft()

    def loads(self, raw: Raw) -> Any:
        """A payload as plain values; None if it is absent."""
        return self.codec.loads(raw) if raw else None


def fields(message: Any) -> tuple[Any, ...]:
    """A message's fields."""
    return astuple(message)
