"""What the store of events is to the rest of the uplink, and the other way round. Protocols and records only.

Events of rules with `buffer: last` and `buffer: all` go through the store always, also while the link is up: it alone
decides what is sent when, so that the order of a topic is kept. What is sent is deleted when PUBLISHED has come.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

from msgspec import Raw, Struct
from twisted.internet.defer import Deferred

from edge_router.wamp.messages import PublishOptions

#: an event has not arrived, and is to be sent again, before others of its topic
SEND_AGAIN: Final = "edge.uplink.send_again"


class Kept(Struct, frozen=True, gc=False):
    """One event on its way to the central router.

    topic: the name that it has there. args, kwargs: payload in the encoding `serializer` (`msgpack`, `json`, `cbor`);
    empty where absent. options: of its PUBLISH, as far as the rule decides them: payload passthru, `retain`,
    `forward_for`, and `origin` if it came with one from a node behind this one, which it keeps. The store puts in
    `origin` where there is none, and `replayed` for what was not sent at once.
    """

    topic: str
    args: Raw
    kwargs: Raw
    serializer: str
    options: PublishOptions


class Sender(Protocol):
    """The link, while it is up."""

    def send(self, event: Kept) -> Deferred[Any]:
        """Publish, acknowledged. Result: fires when PUBLISHED has come.

        Fails with CallError (`client.CallError`): `wamp.error.network_failure` if the link went down before, so that
        nobody knows whether it has arrived; `wamp.error.unavailable` if the router reads too slowly at the moment; any
        other if the central router refuses this one, and will again; `SEND_AGAIN` if it would not now, as the link
        has learnt what it may say there.
        """


class Store(Protocol):
    """The events that wait, in the order of each topic.

    Made by `registry.load("edge_router.uplink.spool:Spool")(section, node, directory, reactor, alarm)`; section: the
    `store` of the configuration; node: the name for `_origin`; directory: the node directory; alarm: takes a sentence
    for the operator when something is wrong with the store, and `None` when it is well again.
    """

    def open(self) -> None:
        """Begin. Never raises: a store that cannot be used says so by `alarm`, and keeps events in memory."""

    def add(self, event: Kept, buffer: Literal["last", "all"], priority: int) -> None:
        """Take an event. buffer: whether it replaces those of its topic that wait. priority: 0 to 9, 9 is dropped last
        and sent first.
        """

    def link_up(self, sender: Sender) -> None:
        """The link is up: send what waits, and from now on what comes."""

    def link_down(self) -> None:
        """The link is down. What was not acknowledged waits again."""

    def close(self) -> Deferred[Any]:
        """Write what is in memory, and end. Idempotent; `open` may follow. Result: fires when that is done."""

    def figures(self) -> dict[str, Any]:
        """For status and metrics: rows, bytes, oldest (ms since 1970, None if nothing waits), dropped, refused (by the
        central router), replayed, written_per_hour (bytes on the disk), ... ; numbers but for `error`.
        """
