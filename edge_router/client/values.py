"""What an application holds in its hands: events and results it gets, subscriptions and registrations it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from twisted.internet.defer import Deferred

from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import EventDetails, InvocationDetails, Match

if TYPE_CHECKING:
    from edge_router.client.session import Session

CallError = WampError


class Received(Struct, frozen=True):
    """An event, as a handler gets it."""

    topic: str
    args: list[Any]
    kwargs: dict[str, Any]
    publication: int
    details: EventDetails


class Result(Struct, frozen=True):
    """What a call gave, or what a handler gives if it wants to give more than one value."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}

    @property
    def value(self) -> Any:
        """The first argument, which is what most procedures give; None if there is none."""
        return self.args[0] if self.args else None


class Invoked(Struct, frozen=True):
    """How a handler was called, for those that ask (`register(..., details=True)`).

    progress: sends a progressive result: progress(*args, **kwargs); None if the caller does not want any.
    """

    procedure: str
    details: InvocationDetails
    progress: Callable[..., None] | None


class Subscription:
    """A topic or pattern that the session subscribes to."""

    def __init__(
        self,
        session: Session,
        subscription_id: int,
        pattern: tuple[str, Match],
        handler: Callable[[Received], object],
    ) -> None:
        self.id = subscription_id
        self.pattern = pattern
        self.topic = pattern[0]
        self.handler = handler
        self._session = session

    def unsubscribe(self) -> Deferred[None]:
        """End it. Result: when the router has acknowledged."""
        return self._session.unsubscribe(self)


class Registration:
    """A procedure that the session serves."""

    def __init__(
        self, session: Session, registration_id: int, procedure: str, handler: Callable[..., Any], details: bool
    ) -> None:
        self.id = registration_id
        self.procedure = procedure
        self.handler = handler
        self.details = details
        self._session = session

    def unregister(self) -> Deferred[None]:
        """End it. Result: when the router has acknowledged."""
        return self._session.unregister(self)
