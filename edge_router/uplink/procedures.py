"""Procedures of one end, offered at the other: their calls are handed on, one `relay.Relay` each.

A rule that mirrors offers what callees have registered, each with its policy; one that does not offers its own pattern,
and who calls what nobody serves hears that from the router at the other end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge_router.router.interfaces import Clock
from edge_router.uplink.mirror import Mirror
from edge_router.uplink.offers import Offer, Offers
from edge_router.uplink.outlet import Standing
from edge_router.uplink.relay import Relay
from edge_router.uplink.rules import Pattern, Rule, Side
from edge_router.uplink.session import Invoked, LinkSession
from edge_router.wamp.errors import LIMIT_EXCEEDED, UNAVAILABLE, WampError
from edge_router.wamp.messages import Invocation, Invoke, RegisterOptions

#: calls that wait for the link
MOST_WAITING: Final = 1_000


class Procedures:
    """One direction.

    side: its rules, as seen from where the procedures are. clock: for times. why_down: says in words why the end with
    the procedures is not there. say: takes a sentence for the operator.
    """

    def __init__(
        self, side: Side, clock: Clock, why_down: Callable[[], str], say: Callable[[str], object]
    ) -> None:
        self._side = side
        self._clock = clock
        self._why_down = why_down
        self._say = say
        self._offers = Offers(clock, say)
        #: where callers are
        self._callers: LinkSession | None = None
        #: where the procedures are
        self._callees: LinkSession | None = None
        self._standing: Standing | None = None
        self._mirror: Mirror | None = None
        #: what was mirrored before the end with the procedures was gone, and has not been seen since
        self._stale: set[Pattern] = set()
        #: patterns that callees have registered, and what is offered of each
        self._mirrored: dict[Pattern, Pattern] = {}
        self._waiting: dict[Relay, Any] = {}
        #: calls handed on, and those refused since the link was down
        self.calls = self.refused = 0
        for rule in side.rules:
            if not rule.mirrors[side.direction]:
                self._offers.add(("rule", id(rule)), self._whole(rule))

    # --- the two ends ------------------------------------------------------------------------------------------

    def callers_up(self, session: LinkSession) -> None:
        """The end where callers are is there."""
        self._callers = session
        self._offers.attach(session)

    def callers_down(self) -> None:
        """It is gone; its session tells the calls under way."""
        self._callers = None
        self._offers.detach()

    def callees_up(self, session: LinkSession, standing: Standing) -> None:
        """The end where the procedures are is there."""
        self._callees, self._standing = session, standing
        if any(rule.mirrors[self._side.direction] for rule in self._side.rules):
            self._stale = set(self._mirrored)
            self._mirror = Mirror(session, "registration", self._added, self._removed, self._say, self._settled)
            self._mirror.start()
        for relay in list(self._waiting):
            self._stop_waiting(relay)
            self._go(relay)

    def callees_down(self) -> None:
        """It is gone. What it offered still is, so that callers hear why it does not work."""
        self._callees = None
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.stop(tell=False)

    def stop(self) -> None:
        """The link ends: nothing waits any more."""
        for relay in list(self._waiting):
            relay.give_up(WampError(UNAVAILABLE, "the link was closed"))

    def figures(self) -> dict[str, int]:
        """Calls handed on, and those that the link was down for."""
        return {"calls": self.calls, "calls_refused": self.refused}

    # --- what is offered ---------------------------------------------------------------------------------------

    def _whole(self, rule: Rule) -> Offer:
        uri, match = self._side.far(rule)
        return self._offer(rule, uri, RegisterOptions(match=match, forward_timeout=True))

    def _offer(self, rule: Rule, uri: str, options: RegisterOptions) -> Offer:
        def called(invocation: Invocation) -> Invoked | None:
            return self._called(rule, uri, invocation)

        return Offer(uri, options, called)

    def _added(self, pattern: Pattern, details: dict[str, Any]) -> None:
        found = self._side.covering(pattern)
        self._stale.discard(pattern)
        if found is None or pattern in self._mirrored:
            return
        rule, (uri, match) = found
        offered: Pattern = (self._side.other(rule, uri), match)
        self._mirrored[pattern] = offered
        if offered not in self._offers:  # several patterns may be the same one as far as the rule goes
            invoke: Invoke = details.get("invoke") or "single"
            options = RegisterOptions(match=match, invoke=invoke, forward_timeout=True)
            self._offers.add(offered, self._offer(rule, offered[0], options))

    def _removed(self, pattern: Pattern) -> None:
        offered = self._mirrored.pop(pattern, None)
        if offered is not None and offered not in self._mirrored.values():
            self._offers.withdraw(offered)

    def _settled(self) -> None:
        """All that is there now has been seen."""
        stale, self._stale = self._stale, set()
        for pattern in stale:
            self._removed(pattern)

    # --- the way of a call -------------------------------------------------------------------------------------

    def _called(self, rule: Rule, uri: str, invocation: Invocation) -> Invoked | None:
        callers = self._callers
        assert callers is not None
        name = self._side.here(rule, invocation.details.procedure or uri)
        relay = Relay(callers, invocation, name, self._clock, self._ended)
        if self._callees is None:
            return relay if self._wait(rule, relay) else None
        return relay if self._go(relay) else None

    def _go(self, relay: Relay) -> bool:
        assert self._callees is not None
        assert self._standing is not None
        self.calls += 1
        return relay.go(self._callees, self._standing)

    def _wait(self, rule: Rule, relay: Relay) -> bool:
        """Have a call wait for the link, or refuse it. Result: whether it waits."""
        section = rule.section
        if section.when_down == "fail":
            self.refused += 1
            relay.give_up(WampError(UNAVAILABLE, self._why_down()))
            return False
        if len(self._waiting) >= MOST_WAITING:
            self.refused += 1
            relay.give_up(WampError(LIMIT_EXCEEDED, f"{MOST_WAITING} calls wait for the link"))
            return False
        self._waiting[relay] = self._clock.callLater(section.wait, self._has_waited, relay)
        return True

    def _has_waited(self, relay: Relay) -> None:
        self._waiting.pop(relay, None)
        self.refused += 1
        relay.give_up(WampError(UNAVAILABLE, self._why_down()))

    def _stop_waiting(self, relay: Relay) -> None:
        timer = self._waiting.pop(relay, None)
        if timer is not None:
            timer.cancel()

    def _ended(self, relay: Relay) -> None:
        self._stop_waiting(relay)
