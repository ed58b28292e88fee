"""A router written in lists and loops, slow and plain, to compare the real one with.

It keeps no ids but those that are part of the protocol: a pattern is named by what it is, (match, uri). `said` is what
players are to be told, in order, as tuples.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

Pattern = tuple[str, str]

#: what callees say that cannot
_ERRORS = {"error": "com.error", "unavailable": "wamp.error.unavailable"}


class Sub(NamedTuple):
    player: int
    pattern: Pattern


class Reg(NamedTuple):
    player: int
    pattern: Pattern
    invoke: str
    order: int


class Under:
    """A call under way. owed: the caller waits. awaited: the callee's answer counts. more: parts are to come."""

    def __init__(self, caller: int, request: int, procedure: str, progress: bool, more: bool, timeout: int) -> None:
        self.caller, self.request, self.procedure = caller, request, procedure
        self.progress, self.more, self.timeout = progress, more, timeout
        self.callee = self.number = 0
        self.pattern = ("", "")
        self.value: Any = None
        self.movable = True
        self.refused: list[Reg] = []
        self.due: float | None = None
        self.owed = self.awaited = True


def fits(pattern: Pattern, uri: str) -> bool:
    """Whether a URI matches a pattern, by the words of the spec."""
    match, text = pattern
    if match == "exact":
        return uri == text
    if match == "prefix":
        return uri.startswith(text)
    mine, its = text.split("."), uri.split(".")
    return len(mine) == len(its) and all(part in ("", other) for part, other in zip(mine, its, strict=True))


def rank(pattern: Pattern) -> tuple[Any, ...]:
    """Orders patterns that match one URI as events are served: exact, prefixes from the shortest, wildcards."""
    match, text = pattern
    if match == "wildcard":
        return 2, [part == "" for part in text.split(".")]
    return (0 if match == "exact" else 1), len(text)


def best(patterns: set[Pattern]) -> Pattern:
    """The pattern that serves a call: exact, the longest prefix, the wildcard that is literal for longest."""
    return min(patterns, key=lambda p: (0,) if p[0] == "exact" else (1, -len(p[1])) if p[0] == "prefix" else rank(p))


class NaiveRouter:
    """What a realm would do. Players are numbers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[int, tuple[Any, ...]]] = []
        self.subs: list[Sub] = []
        self.regs: list[Reg] = []
        self.calls: list[Under] = []
        self.numbers: dict[int, int] = {}
        self.last: dict[Pattern, int] = {}
        self._order = count(1)

    def say(self, player: int, *words: Any) -> None:
        self.said.append((player, words))

    def subscribe(self, player: int, request: int, pattern: Pattern) -> None:
        if Sub(player, pattern) not in self.subs:
            self.subs.append(Sub(player, pattern))
        self.say(player, "SUBSCRIBED", request, pattern)

    def unsubscribe(self, player: int, request: int, pattern: Pattern) -> None:
        if Sub(player, pattern) in self.subs:
            self.subs.remove(Sub(player, pattern))
            self.say(player, "UNSUBSCRIBED", request)
        else:
            self.say(player, "ERROR", 34, request, "wamp.error.no_such_subscription")

    def publish(self, player: int, request: int, topic: str, value: Any, to: Any) -> None:
        """to: says of a player whether it may have the event."""
        for pattern in sorted({sub.pattern for sub in self.subs if fits(sub.pattern, topic)}, key=rank):
            for sub in self.subs:
                if sub.pattern == pattern and to(sub.player):
                    self.say(sub.player, "EVENT", pattern, None if pattern[0] == "exact" else topic, value)
        self.say(player, "PUBLISHED", request)

    def register(self, player: int, request: int, pattern: Pattern, invoke: str) -> None:
        others = [reg for reg in self.regs if reg.pattern == pattern]
        if others and others[0].invoke != invoke and others[0].invoke != "single":
            error = "wamp.error.procedure_exists_with_different_invocation_policy"
        elif others and (others[0].invoke == "single" or any(reg.player == player for reg in others)):
            error = "wamp.error.procedure_already_exists"
        else:
            self.regs.append(Reg(player, pattern, invoke, next(self._order)))
            self.say(player, "REGISTERED", request, pattern)
            return
        self.say(player, "ERROR", 64, request, error)

    def unregister(self, player: int, request: int, pattern: Pattern) -> None:
        mine = [reg for reg in self.regs if (reg.player, reg.pattern) == (player, pattern)]
        if not mine:
            self.say(player, "ERROR", 66, request, "wamp.error.no_such_registration")
            return
        self._remove(mine[0])
        self.say(player, "UNREGISTERED", request)

    def _remove(self, reg: Reg) -> None:
        self.regs.remove(reg)
        rest = [other.order for other in self.regs if other.pattern == reg.pattern]
        if not any(order > self.last.get(reg.pattern, 0) for order in rest):
            self.last[reg.pattern] = 0

    def _choose(self, pattern: Pattern, refused: list[Reg]) -> Reg | None:
        callees = [reg for reg in self.regs if reg.pattern == pattern]
        able = [reg for reg in callees if reg not in refused]
        if not able:
            return None
        if callees[0].invoke == "last":
            return able[-1]
        if callees[0].invoke != "roundrobin":
            return able[0]
        chosen = next((reg for reg in able if reg.order > self.last.get(pattern, 0)), able[0])
        self.last[pattern] = 0 if chosen is callees[-1] else chosen.order
        return chosen

    def call(
        self, player: int, request: int, procedure: str, value: Any, progress: bool, more: bool, timeout: int
    ) -> None:
        under = Under(player, request, procedure, progress, more, timeout)
        under.value = value
        if not self._place(under):
            self.say(player, "ERROR", 48, request, "wamp.error.no_such_procedure")
            return
        self.calls.append(under)
        self._restart(under)

    def _place(self, under: Under) -> bool:
        patterns = {reg.pattern for reg in self.regs if fits(reg.pattern, under.procedure)}
        chosen = self._choose(best(patterns), under.refused) if patterns else None
        if chosen is None:
            return False
        under.callee, under.pattern = chosen.player, chosen.pattern
        under.number = self.numbers[under.callee] = self.numbers.get(under.callee, 0) + 1
        under.refused.append(chosen)
        self._invoke(under, under.value)
        return True

    def _invoke(self, under: Under, value: Any) -> None:
        topic = None if under.pattern[0] == "exact" else under.procedure
        self.say(under.callee, "INVOCATION", under.number, under.pattern, topic, under.progress, under.more, value)

    def go_on(self, under: Under, value: Any, more: bool) -> None:
        if under.owed:
            under.more, under.movable = more, False
            self._restart(under)
            self._invoke(under, value)

    def _restart(self, under: Under) -> None:
        under.due = self.now + under.timeout / 1000 if under.timeout else None

    def _find(self, callee: int, number: int) -> Under | None:
        found = [under for under in self.calls if (under.callee, under.number) == (callee, number)]
        return found[0] if found and found[0].awaited else None

    def answer(self, callee: int, number: int, value: Any, kind: str) -> None:
        """kind: `result`, `progress`, `error` or `unavailable`."""
        under = self._find(callee, number)
        if under is None:
            return
        if kind == "progress":
            under.movable = False
            self._restart(under)
            self.say(under.caller, "RESULT", under.request, True, value)
            return
        if kind == "unavailable" and under.movable:
            if not self._place(under):
                under.awaited = under.owed = False
                self.say(under.caller, "ERROR", 48, under.request, "wamp.error.no_available_callee")
            return
        under.awaited = under.owed = False
        if kind in _ERRORS:
            self.say(under.caller, "ERROR", 48, under.request, _ERRORS[kind], value)
        else:
            self.say(under.caller, "RESULT", under.request, False, value)

    def cancel(self, player: int, request: int, mode: str) -> None:
        for under in self.calls:
            if (under.caller, under.request) == (player, request) and under.owed:
                under.movable = False
                if mode == "kill":
                    self.say(under.callee, "INTERRUPT", under.number, mode)
                else:
                    self._give_up(under, "wamp.error.canceled", mode == "killnowait")

    def _give_up(self, under: Under, error: str, interrupt: bool) -> None:
        under.awaited = under.owed = False
        if interrupt:
            self.say(under.callee, "INTERRUPT", under.number, "killnowait")
        self.say(under.caller, "ERROR", 48, under.request, error)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = [under for under in self.calls if under.owed and under.due is not None and under.due <= end]
            if not due:
                break
            first = min(due, key=lambda under: under.due or 0.0)
            self.now = first.due or self.now
            self._give_up(first, "wamp.error.timeout", True)
        self.now = end

    def leave(self, player: int) -> None:
        self.subs = [sub for sub in self.subs if sub.player != player]
        for reg in [reg for reg in self.regs if reg.player == player]:
            self._remove(reg)
        for under in self.calls:
            if under.caller == player and under.owed:
                under.owed = under.awaited = False
                if under.callee != player:
                    self.say(under.callee, "INTERRUPT", under.number, "killnowait")
        for under in self.calls:
            if under.callee == player and under.awaited:
                under.owed = under.awaited = False
                self.say(under.caller, "ERROR", 48, under.request, "wamp.error.canceled")
