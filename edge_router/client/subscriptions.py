"""Which handlers belong to which subscription of the router's.

The router has one subscription per session and pattern, however many handlers are behind it here; so it is told of the
first and of the last only, and not of the last while another handler for the pattern is being subscribed.
(Spec, "Subscribing and Unsubscribing".)
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from edge_router.client.values import Subscription
from edge_router.wamp.messages import Match

#: topic, and how it matches
Pattern: TypeAlias = tuple[str, Match]


class Subscriptions:
    """Those of one session."""

    def __init__(self) -> None:
        self._by_id: dict[int, list[Subscription]] = {}
        self._under_way: Counter[Pattern] = Counter()
        #: subscriptions without a handler, kept for one that is being subscribed
        self._kept: dict[Pattern, int] = {}

    def begin(self, pattern: Pattern) -> None:
        """A handler is being subscribed; `answered` follows."""
        self._under_way[pattern] += 1

    def answered(self, pattern: Pattern, subscription: Subscription | None) -> int | None:
        """The router has answered. subscription: what came of it; None if it refused.

        Result: the id of a subscription that nobody has a use for any more, to tell the router.
        """
        self._under_way[pattern] -= 1
        if not self._under_way[pattern]:
            del self._under_way[pattern]
        if subscription is not None:
            self._by_id.setdefault(subscription.id, []).append(subscription)
            self._kept.pop(pattern, None)
        return None if pattern in self._under_way else self._kept.pop(pattern, None)

    def remove(self, subscription: Subscription) -> bool:
        """Have a handler called no more. Result: whether the router is to be told."""
        handlers = self._by_id.get(subscription.id, [])
        if subscription in handlers:
            handlers.remove(subscription)
        if handlers:
            return False
        self._by_id.pop(subscription.id, None)
        if subscription.pattern in self._under_way:
            self._kept[subscription.pattern] = subscription.id
            return False
        return True

    def of(self, subscription_id: int) -> tuple[Subscription, ...]:
        """The handlers of a subscription of the router's."""
        return tuple(self._by_id.get(subscription_id, ()))

    def revoked(self, subscription_id: int) -> list[Subscription]:
        """The router ended a subscription. Result: what was behind it."""
        return self._by_id.pop(subscription_id, [])

    def clear(self) -> None:
        """The session is over."""
        self._by_id.clear()
        self._under_way.clear()
        self._kept.clear()
