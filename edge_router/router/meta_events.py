"""Meta events: what the router itself publishes about a realm's sessions, subscriptions and registrations.

They go the way of every publication, and are made only if somebody subscribes. (Spec, "Meta API".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_router.config.schema import Limits
from edge_router.router.interfaces import TransportDetails
from edge_router.router.session import RouterSession
from edge_router.wamp.codecs import MSGPACK, Codec
from edge_router.wamp.messages import Message, Publish, PublishOptions
from edge_router.wamp.outgoing import Outgoing

if TYPE_CHECKING:
    from edge_router.router.broker import Broker
    from edge_router.router.permissions import RolePermissions
    from edge_router.router.router import Router

_TO_ALL: Final = PublishOptions()


class MetaEvents:
    """Publishes as the router itself, a publisher that is no session of the realm.

    router, broker: of the realm. trusted: the permissions to publish with.
    """

    __slots__ = ("_broker", "_itself")

    def __init__(self, router: Router, broker: Broker, trusted: RolePermissions) -> None:
        self._broker = broker
        self._itself = RouterSession(router, _Nobody(), {}, Limits())
        self._itself.permissions = trusted

    def heard(self, topic: str) -> bool:
        """Whether anybody subscribes to it."""
        return bool(self._broker.subscriptions.matches(topic))

    def tell(self, topic: str, session: RouterSession, *values: Any) -> None:
        """Publish what happened to a session; it hears that itself unless it has left the realm.

        values: the event's positional arguments.
        """
        if self.heard(topic):
            options = _TO_ALL if session.realm is not None else PublishOptions(exclude=(session.id,))
            self._broker.publish(self._itself, Publish(1, options, topic, MSGPACK.dumps(values)))


class _Nobody:
    """The peer of a publisher that gets nothing."""

    codec: Codec = MSGPACK
    details = TransportDetails("local", "router")
    dropped = 0

    def send(self, outgoing: Outgoing) -> None:
        """Nothing is subscribed."""

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:
        """Nothing is registered."""

    def send_message(self, message: Message) -> None:
        """Nothing is asked for."""

    def close(self) -> None:
        """Nothing is open."""
