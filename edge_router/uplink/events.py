"""Events up and down: taken at one end, published at the other.

Of patterns that overlap a router gives each event once for each; it is handed on once, by the first rule that fits.
Events of a rule with `buffer` go to the store, which sends them; all others go out at once, or not at all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred

from edge_router.router.interfaces import Clock
from edge_router.uplink import trail
from edge_router.uplink.filters import Filter
from edge_router.uplink.keeping import Kept, Store
from edge_router.uplink.listening import Listening
from edge_router.uplink.mirror import Mirror
from edge_router.uplink.outlet import Outlet, Standing
from edge_router.uplink.rules import Pattern, Rule, Side
from edge_router.uplink.session import LinkSession
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import Event, PublishOptions

#: publications that are remembered to know them again
MOST_SEEN: Final = 1_024


class Events:
    """One direction.

    side: its rules. store: for rules with `buffer`. clock: for filters. say: takes a sentence for the operator.
    """

    def __init__(self, side: Side, store: Store | None, clock: Clock, say: Callable[[str], object]) -> None:
        self._side = side
        self._store = store
        self._say = say
        self._listening = Listening(self._take, say)
        self._filters: dict[Rule, Filter] = {
            rule: Filter(rule.section.filter, clock, self._passing(rule))
            for rule in side.rules
            if rule.section.filter is not None
        }
        self._source: LinkSession | None = None
        self._outlet: Outlet | None = None
        self._mirror: Mirror | None = None
        self._seen: OrderedDict[int, None] = OrderedDict()
        for rule in side.rules:
            if self._is_kept(rule):
                self._listening.want(side.pattern(rule), self._gets_retained(rule))
        self._counted = {"sent": 0, "dropped": 0}

    # --- the two ends ------------------------------------------------------------------------------------------

    def source_up(self, source: LinkSession) -> None:
        """The end where events come from is there."""
        self._source = source
        self._listening.attach(source)

    def source_down(self) -> None:
        """It is gone."""
        self._source = None
        self._listening.detach()

    def target_up(self, target: LinkSession, standing: Standing) -> None:
        """The end where events go is there."""
        self._outlet = Outlet(target, standing, self._say)
        for rule in self._live():
            self._listening.want(self._side.pattern(rule), self._gets_retained(rule))
        if any(rule.mirrors[self._side.direction] for rule in self._side.rules):
            self._mirror = Mirror(target, "subscription", self._wanted, self._unwanted, self._say)
            self._mirror.start()

    def target_down(self) -> None:
        """It is gone: nothing is taken that nobody would get."""
        outlet, self._outlet = self._outlet, None
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.stop()
        if outlet is not None:
            self._counted = {"sent": self._counted["sent"] + outlet.sent,
                             "dropped": self._counted["dropped"] + outlet.dropped}  # fmt: skip
            for rule in self._live():
                self._listening.drop(self._side.pattern(rule))

    def stop(self) -> None:
        """The link ends."""
        for each in self._filters.values():
            each.stop()

    def figures(self) -> dict[str, int]:
        """Events sent, dropped since nobody took them, and held back by filters."""
        outlet = self._outlet
        return {
            "sent": self._counted["sent"] + (outlet.sent if outlet else 0),
            "dropped": self._counted["dropped"] + (outlet.dropped if outlet else 0),
            "held_back": sum(each.held_back for each in self._filters.values()),
        }

    def _is_kept(self, rule: Rule) -> bool:
        return self._store is not None and rule.section.buffer != "none"

    def _live(self) -> Sequence[Rule]:
        """The rules whose events are taken only while the other end is there."""
        return [
            rule for rule in self._side.rules if not self._is_kept(rule) and not rule.mirrors[self._side.direction]
        ]

    def _gets_retained(self, rule: Rule) -> bool:
        """Where both ends keep events, what one has kept would come back to the other each time."""
        return rule.section.retain and rule.section.direction != "both"

    # --- who wants events at the other end ---------------------------------------------------------------------

    def _wanted(self, pattern: Pattern, _details: dict[str, Any]) -> None:
        found = self._here(pattern)
        if found is not None:
            self._listening.want(found, False)

    def _unwanted(self, pattern: Pattern) -> None:
        found = self._here(pattern)
        if found is not None:
            self._listening.drop(found)

    def _here(self, pattern: Pattern) -> Pattern | None:
        """What of a subscription at the other end a rule that mirrors covers, as a pattern at this one."""
        for rule in self._side.rules:
            both = self._side.shared(rule, pattern) if rule.mirrors[self._side.direction] else None
            if both is not None:
                return both
        return None

    # --- the way of an event -----------------------------------------------------------------------------------

    def _take(self, pattern: Pattern, event: Event) -> None:
        topic = event.details.topic or pattern[0]
        rule = self._side.find(topic)
        if rule is None or not self._is_first(rule, pattern, event):
            return
        if rule.section.filter is None:
            self._hand_on(rule, topic, event)
        elif self._source is not None:
            self._filters[rule].offer(topic, event, self._source.codec)

    def _is_first(self, rule: Rule, pattern: Pattern, event: Event) -> bool:
        """Whether it comes by that rule, and for the first time."""
        if not rule.mirrors[self._side.direction]:
            return pattern == self._side.pattern(rule)
        if event.publication in self._seen:
            return False
        self._seen[event.publication] = None
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return True

    def _passing(self, rule: Rule) -> Callable[[str, Event], None]:
        def passed(topic: str, event: Event) -> None:
            self._hand_on(rule, topic, event)

        return passed

    def _hand_on(self, rule: Rule, topic: str, event: Event) -> None:
        source, outlet = self._source, self._outlet
        if source is None:
            return
        name, options = self._side.other(rule, topic), self._options(rule, event, source)
        if self._store is not None and rule.section.buffer != "none":
            kept = Kept(name, event.args, event.kwargs, source.codec.name, options)
            self._store.add(kept, rule.section.buffer, rule.section.priority)
        elif outlet is not None:
            outlet.publish(name, options, event.args, event.kwargs, source.codec)

    def _options(self, rule: Rule, event: Event, source: LinkSession) -> PublishOptions:
        details = event.details
        return PublishOptions(
            ppt_scheme=details.ppt_scheme,
            ppt_serializer=details.ppt_serializer,
            ppt_cipher=details.ppt_cipher,
            ppt_keyid=details.ppt_keyid,
            disclose_me=details.publisher is not None,
            retain=rule.section.retain,
            forward_for=trail.of_event(details, source),
            origin=details.origin,
            replayed=details.replayed,
        )

    # --- what the store sends ----------------------------------------------------------------------------------

    def send(self, event: Kept) -> Deferred[Any]:
        """See `keeping.Sender`; called while the target is there."""
        assert self._outlet is not None
        codec = CODECS[event.serializer]
        return self._outlet.deliver(event.topic, event.options, event.args, event.kwargs, codec)
