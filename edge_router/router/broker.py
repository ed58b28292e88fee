"""The broker of a realm: SUBSCRIBE, UNSUBSCRIBE, PUBLISH -> EVENT.

All subscribers of one pattern share one `Subscription`; an event is encoded once for all of them. A publication goes
to every subscription that matches, exact first, then prefixes from the shortest, then wildcards, and within one in the
order of subscribing. (Spec, "Publish and Subscribe" and "Advanced PubSub".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from edge_router.config.schema import MemoryStore
from edge_router.router.arrivals import Arrivals
from edge_router.router.audience import audience, is_filtered, names_sessions
from edge_router.router.disclosure import disclosure_refused, handed_on, of_another
from edge_router.router.history import History
from edge_router.router.kept import Journal, Kept, Snapshot, kept
from edge_router.router.passthru import refuse_unannounced
from edge_router.router.retained import Retained, is_empty
from edge_router.router.urimap import UriMap
from edge_router.wamp.errors import LIMIT_EXCEEDED, NO_SUCH_SUBSCRIPTION, WampError
from edge_router.wamp.messages import (
    Event,
    EventDetails,
    Match,
    Publish,
    Published,
    RevokedSubscription,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from edge_router.wamp.outgoing import Outgoing

if TYPE_CHECKING:
    from edge_router.router.grants import Grant
    from edge_router.router.meta_listing import Listing
    from edge_router.router.session import RouterSession

_NO_DETAILS: Final = EventDetails()


class Subscription:
    """A pattern that somebody subscribes to.

    sessions: in the order of subscribing. guarded: those of them whose role may not have all that the pattern matches.
    history: what was published, where the realm keeps it; such a subscription is there without subscribers, too.
    """

    __slots__ = ("guarded", "history", "id", "match", "sessions", "uri")

    def __init__(self, subscription_id: int, uri: str, match: Match) -> None:
        self.id = subscription_id
        self.uri = uri
        self.match: Match = match
        self.sessions: dict[RouterSession, None] = {}
        self.guarded: set[RouterSession] | None = None
        self.history: History | None = None

    def guard(self, session: RouterSession) -> None:
        """Ask this session's permissions about every topic."""
        if self.guarded is None:
            self.guarded = set()
        self.guarded.add(session)


class Broker:
    """Subscriptions of one realm, and the way of a publication.

    publication_ids: of global scope. subscription_ids: of router scope. store: what is remembered of events.
    seconds: monotonic time. now: seconds since 1970.
    """

    __slots__ = (
        "_now",
        "_publication_ids",
        "_subscription_ids",
        "arrivals",
        "histories",
        "published",
        "retained",
        "subscriptions",
        "watch",
    )

    def __init__(
        self,
        publication_ids: Iterator[int],
        subscription_ids: Iterator[int],
        store: MemoryStore,
        seconds: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self.subscriptions: UriMap[Subscription] = UriMap()
        self.retained = Retained(store.retained, seconds)
        #: subscriptions with a history, by id
        self.histories: dict[int, Subscription] = {}
        self.arrivals = Arrivals(store.max_origins)
        self._now = now
        #: is told of subscriptions that come and go
        self.watch: Listing[Subscription] | None = None
        self.published = 0
        self._publication_ids = publication_ids
        self._subscription_ids = subscription_ids
        for kept_for in store.event_history:
            subscription = self._create(kept_for.uri, kept_for.match)
            subscription.history = History(kept_for, kept_for.limit or store.limit, seconds)
            self.histories[subscription.id] = subscription

    def restore(self, journal: Journal) -> None:
        """Take over what a journal has kept, and tell it what changes from now on."""
        self.retained.restore(journal, self._now())
        for history in self._histories():
            history.restore(journal, self._now())
        self.arrivals.restore(journal)
        journal.follow(self.snapshot)

    def take_over(self, snapshot: Snapshot) -> None:
        """Keep what a realm has kept that this one takes the place of. Patterns without a history here are left out."""
        now = self._now() * 1000
        for record in snapshot.get(None, ()):
            self.retained.keep(record, max(0.0, (now - record.time) / 1000))
        for history in self._histories():
            for record in snapshot.get(history.pattern, ()):
                history.add(record, max(0.0, (now - record.time) / 1000))

    def _histories(self) -> list[History]:
        return [found.history for found in self.histories.values() if found.history is not None]

    def snapshot(self) -> Snapshot:
        """All that is kept and would survive a restart."""
        kept_for: dict[str | None, list[Kept]] = {None: self.retained.records()}
        kept_for.update((history.pattern, history.records()) for history in self._histories())
        return kept_for

    def publish(self, session: RouterSession, message: Publish) -> None:
        """PUBLISH: an EVENT to every subscriber that may have it. Raises WampError."""
        topic, options = message.topic, message.options
        permissions = session.permissions
        grant = permissions.remembered.get(topic) or permissions.grant(topic)
        if not grant.publish:
            raise permissions.refuse("publish", topic)
        if options.disclose_me or options.ppt_scheme or options.forward_for or options.origin:
            message = _begin_special(session, message, grant)
            if message.options.forward_for:
                self._hand_on(session, message, grant)
                return
        self.published += 1
        publication = next(self._publication_ids)
        subscriptions = self.subscriptions.matches(topic)
        if subscriptions:
            disclosed = options.disclose_me or grant.disclose_publisher
            accepts = audience(options) if is_filtered(options) else None
            left_out = session if options.exclude_me else None
            codec = session.peer.codec
            for subscription in subscriptions:
                if disclosed or options.ppt_scheme or subscription.match != "exact":
                    details = _details(session, message, subscription, disclosed)
                else:
                    details = _NO_DETAILS
                event = Event(subscription.id, publication, details, message.args, message.kwargs)
                outgoing = Outgoing(event, codec)
                admits = accepts if not subscription.guarded else _guard(subscription.guarded, topic, accepts)
                for receiver in subscription.sessions:
                    if receiver is not left_out and (admits is None or admits(receiver)):
                        receiver.peer.send(outgoing)
            if self.histories and not names_sessions(options):
                self._remember(session, message, publication, disclosed)
        if options.retain:
            self._retain(session, message, publication, options.disclose_me or grant.disclose_publisher)
        if options.acknowledge:
            session.peer.send_message(Published(message.request, publication))

    def _hand_on(self, session: RouterSession, message: Publish, grant: Grant) -> None:
        """Publish what a link hands on, unless it has come in before."""
        options = message.options
        publication = next(self._publication_ids)
        if options.origin is None or self.arrivals.is_new(session, message.topic, options.origin):
            self.published += 1
            disclosed = options.disclose_me or grant.disclose_publisher
            self._send_of_another(session, message, publication, disclosed)
            if options.retain:
                self._retain(session, message, publication, disclosed)
        if options.acknowledge and options.origin is None:
            session.peer.send_message(Published(message.request, publication))
        elif options.acknowledge:
            self.arrivals.answer(session, Published(message.request, publication))

    def _send_of_another(self, session: RouterSession, message: Publish, publication: int, disclosed: bool) -> None:
        """An EVENT to every subscriber. Other links may be told more than other subscribers (`trail_for`)."""
        topic, options = message.topic, message.options
        accepts = audience(options) if is_filtered(options) else None
        left_out = session if options.exclude_me else None
        for subscription in self.subscriptions.matches(topic):
            details = _details(session, message, subscription, disclosed)
            admits = accepts if not subscription.guarded else _guard(subscription.guarded, topic, accepts)
            outgoing: dict[bool, Outgoing] = {}
            for receiver in subscription.sessions:
                if receiver is not left_out and (admits is None or admits(receiver)):
                    is_link = receiver.permissions.forwards
                    if is_link not in outgoing:
                        told = of_another(details, options.forward_for or (), disclosed, receiver)
                        event = Event(subscription.id, publication, told, message.args, message.kwargs)
                        outgoing[is_link] = Outgoing(event, session.peer.codec)
                    receiver.peer.send(outgoing[is_link])
        if self.histories and not names_sessions(options):
            self._remember(session, message, publication, disclosed)

    def subscribe(self, session: RouterSession, message: Subscribe) -> None:
        """SUBSCRIBE: the same pattern again gives the same subscription. Raises WampError."""
        uri, match = message.topic, message.options.match
        if not session.permissions.grant_pattern(uri, match).subscribe:
            raise session.permissions.refuse("subscribe", uri)
        subscription = self.subscriptions.get(uri, match)
        is_new = subscription is None or session not in subscription.sessions
        if subscription is None or is_new:
            most = session.limits.subscriptions
            if len(session.subscriptions) >= most:
                raise WampError(LIMIT_EXCEEDED, f"a session may have {most} subscriptions (limits.subscriptions)")
            if subscription is None:
                subscription = self._create(uri, match)
            subscription.sessions[session] = None
            session.subscriptions[subscription.id] = subscription
            if not session.permissions.is_uniform(uri, match, "subscribe"):
                subscription.guard(session)
        session.peer.send_message(Subscribed(message.request, subscription.id))
        if message.options.get_retained:
            self._send_retained(session, subscription)
        if is_new and self.watch is not None:
            self.watch.added(session, subscription, len(subscription.sessions) == 1)

    def unsubscribe(self, session: RouterSession, message: Unsubscribe) -> None:
        """UNSUBSCRIBE. Raises WampError `no_such_subscription`."""
        subscription = session.subscriptions.pop(message.subscription, None)
        if subscription is None:
            raise WampError(NO_SUCH_SUBSCRIPTION, f"this session has no subscription {message.subscription}")
        self._remove(subscription, session)
        session.peer.send_message(Unsubscribed(message.request))

    def revoke(self, session: RouterSession, subscription: Subscription, reason: str | None) -> None:
        """End a session's subscription. It is told if it understands that (spec, "Subscription Revocation")."""
        del session.subscriptions[subscription.id]
        if "subscriber.subscription_revocation" in session.features:
            session.peer.send_message(Unsubscribed(0, RevokedSubscription(subscription.id, reason)))
        self._remove(subscription, session)

    def leave(self, session: RouterSession) -> None:
        """End all subscriptions of a session that is gone."""
        for subscription in session.subscriptions.values():
            self._remove(subscription, session)
        session.subscriptions.clear()

    def _create(self, uri: str, match: Match) -> Subscription:
        subscription = Subscription(next(self._subscription_ids), uri, match)
        self.subscriptions.add(uri, match, subscription)
        return subscription

    def _remember(self, session: RouterSession, message: Publish, publication: int, disclosed: bool) -> None:
        histories = [found.history for found in self.subscriptions.matches(message.topic) if found.history is not None]
        if histories:
            record = kept(session, message, publication, disclosed, self._now())
            for history in histories:
                history.add(record)

    def _retain(self, session: RouterSession, message: Publish, publication: int, disclosed: bool) -> None:
        if is_empty(message, session.peer.codec):
            self.retained.forget(message.topic)
        else:
            self.retained.keep(kept(session, message, publication, disclosed, self._now()))

    def _send_retained(self, session: RouterSession, subscription: Subscription) -> None:
        """What the session would have received, had it been subscribed before."""
        is_guarded = subscription.guarded is not None and session in subscription.guarded
        for record in self.retained.matching(subscription.uri, subscription.match):
            if record.admits(session) and not (
                is_guarded and not session.permissions.grant(record.topic).subscribe
            ):
                details = record.details(subscription, session, retained=True)
                event = Event(subscription.id, record.publication, details, record.args, record.kwargs)
                session.peer.send(Outgoing(event, record.codec))

    def _remove(self, subscription: Subscription, session: RouterSession) -> None:
        del subscription.sessions[session]
        if subscription.guarded:
            subscription.guarded.discard(session)
        if not subscription.sessions and subscription.history is None:
            self.subscriptions.remove(subscription.uri, subscription.match)
        if self.watch is not None:
            self.watch.removed(session, subscription, not subscription.sessions)


def _begin_special(session: RouterSession, message: Publish, grant: Grant) -> Publish:
    """Look at what a publication asks for. Result: the one that begins. Raises WampError or ProtocolViolation."""
    options = message.options
    if options.disclose_me and not grant.may_disclose_publisher:
        raise disclosure_refused(session.permissions, "publish", message.topic)
    if options.ppt_scheme:
        refuse_unannounced(session, "publisher")
    return handed_on(session, message) if options.forward_for or options.origin else message


def _details(session: RouterSession, message: Publish, subscription: Subscription, disclosed: bool) -> EventDetails:
    options = message.options
    return EventDetails(
        options.ppt_scheme,
        options.ppt_serializer,
        options.ppt_cipher,
        options.ppt_keyid,
        session.id if disclosed else None,
        session.authid if disclosed else None,
        session.permissions.name if disclosed else None,
        message.topic if subscription.match != "exact" else None,
        origin=options.origin,
        replayed=options.replayed and options.origin is not None,
    )


def _guard(
    guarded: set[RouterSession], topic: str, accepts: Callable[[RouterSession], bool] | None
) -> Callable[[RouterSession], bool]:
    """Who may receive a publication by a pattern that is wider than what some of its subscribers may have."""

    def admits(session: RouterSession) -> bool:
        if session in guarded and not session.permissions.grant(topic).subscribe:
            return False
        return accepts is None or accepts(session)

    return admits
