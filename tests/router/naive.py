"""A router written in lists and loops, slow and plain, to compare the real one with.

It keeps no ids but those that are part of the protocol: a pattern is named by what it is, (match, uri). `said` is what
players are to be told, in order, as tuples.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

Pattern = tuple[str, str]

#: calls that wait for one registration
QUEUE = 2
#: what callees say that cannot
_ERRORS = {"error": "com.error", "unavailable": "wamp.error.unavailable"}


class Sub(NamedTuple):
    player: int
    pattern: Pattern


class Reg(NamedTuple):
    player: int
    pattern: Pattern
    invoke: str
    concurrency: int
    order: int


class Under:
    """A call under way.

    owed: the caller waits. awaited: the callee's answer counts. busy: the callee works on it. more: parts are to come.
    reg: who has it. waits: the pattern whose queue it is in. parts: what the callee gets first. movable: another callee
    may have it.
    """

    def __init__(self, caller: int, request: int, procedure: str, progress: bool, more: bool, timeout: int) -> None:
        self.caller, self.request, self.procedure = caller, request, procedure
        self.progress, self.more, self.timeout = progress, more, timeout
        self.number = 0
        self.reg: Reg | None = None
        self.waits: Pattern | None = None
        self.parts: list[tuple[Any, bool]] = []
        self.refused: list[Reg] = []
        self.due: tuple[float, int] | None = None
        self.owed = self.movable = True
        self.awaited = self.busy = False

    @property
    def callee(self) -> int | None:
        return self.reg.player if self.reg and not self.waits else None


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
        self.restarts = 0
        self.said: list[tuple[int, tuple[Any, ...]]] = []
        self.subs: list[Sub] = []
        self.regs: list[Reg] = []
        self.calls: list[Under] = []
        self.waiting: list[Under] = []
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

    def register(self, player: int, request: int, pattern: Pattern, invoke: str, concurrency: int) -> None:
        others = [reg for reg in self.regs if reg.pattern == pattern]
        if others and others[0].invoke != invoke and others[0].invoke != "single":
            error = "wamp.error.procedure_exists_with_different_invocation_policy"
        elif others and (others[0].invoke == "single" or any(reg.player == player for reg in others)):
            error = "wamp.error.procedure_already_exists"
        else:
            self.regs.append(Reg(player, pattern, invoke, concurrency, next(self._order)))
            self.say(player, "REGISTERED", request, pattern)
            self._serve(pattern)
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
        self._serve(reg.pattern)

    def _choose(self, pattern: Pattern, refused: list[Reg]) -> Reg | str | None:
        """Who gets a call; or why nobody can; or None: whoever might has no room."""
        callees = [reg for reg in self.regs if reg.pattern == pattern]
        able = [reg for reg in callees if reg not in refused]
        if not able:
            return "wamp.error.no_available_callee" if callees else "wamp.error.canceled"
        if callees[0].invoke == "last":
            able.reverse()
        elif callees[0].invoke == "roundrobin":
            able.sort(key=lambda reg: (reg.order <= self.last.get(pattern, 0), reg.order))
        chosen = next((reg for reg in able if self._has_room(reg)), None)
        if chosen and chosen.invoke == "roundrobin":
            self.last[pattern] = 0 if chosen is callees[-1] else chosen.order
        return chosen

    def _has_room(self, reg: Reg) -> bool:
        return not reg.concurrency or sum(under.busy and under.reg == reg for under in self.calls) < reg.concurrency

    def call(
        self, player: int, request: int, procedure: str, value: Any, progress: bool, more: bool, timeout: int
    ) -> None:
        under = Under(player, request, procedure, progress, more, timeout)
        under.parts = [(value, more)]
        self.calls.append(under)
        self._restart(under)
        self._place(under, "wamp.error.no_such_procedure")

    def _place(self, under: Under, nobody: str) -> None:
        """Give a call to whoever serves its procedure now. nobody: the error if nobody does."""
        patterns = {reg.pattern for reg in self.regs if fits(reg.pattern, under.procedure)}
        if not patterns:
            self._fail(under, nobody)
            return
        pattern = best(patterns)
        chosen = self._choose(pattern, under.refused)
        if isinstance(chosen, Reg):
            self._give(under, chosen)
        elif chosen or sum(other.waits == pattern for other in self.waiting) >= QUEUE:
            self._fail(under, "wamp.error.no_available_callee")
        else:
            under.waits = pattern
            self.waiting.append(under)

    def _give(self, under: Under, reg: Reg) -> None:
        under.reg, under.awaited, under.busy = reg, True, True
        under.number = self.numbers[reg.player] = self.numbers.get(reg.player, 0) + 1
        for value, more in under.parts:
            self._invoke(under, reg, value, more)
        under.movable = len(under.parts) == 1

    def _invoke(self, under: Under, reg: Reg, value: Any, more: bool) -> None:
        topic = None if reg.pattern[0] == "exact" else under.procedure
        self.say(reg.player, "INVOCATION", under.number, reg.pattern, topic, under.progress, more, value)

    def _serve(self, pattern: Pattern) -> None:
        for under in [under for under in self.waiting if under.waits == pattern]:
            chosen = self._choose(pattern, under.refused)
            if chosen is not None:
                self.waiting.remove(under)
                under.waits = None
            if isinstance(chosen, Reg):
                self._give(under, chosen)
            elif chosen is not None:
                self._fail(under, chosen)

    def _fail(self, under: Under, error: str) -> None:
        if under.owed:
            under.owed = False
            self.say(under.caller, "ERROR", 48, under.request, error)

    def go_on(self, under: Under, value: Any, more: bool) -> None:
        if not under.owed:
            return
        under.more = more
        self._restart(under)
        if under.waits or under.reg is None:
            under.parts.append((value, more))
        else:
            under.movable = False
            self._invoke(under, under.reg, value, more)

    def _restart(self, under: Under) -> None:
        self.restarts += 1  # of two that are due at one time the one that was started first comes first
        under.due = (self.now + under.timeout / 1000, self.restarts) if under.timeout else None

    def answer(self, under: Under, value: Any, kind: str) -> None:
        """kind: `result`, `progress`, `error` or `unavailable`."""
        reg = under.reg
        if reg is None or not under.busy:
            return
        if kind == "progress":
            if under.awaited:
                under.movable = False
                self._restart(under)
                self.say(under.caller, "RESULT", under.request, True, value)
            return
        owed, under.busy, under.awaited = under.awaited, False, False
        if owed and kind == "unavailable" and under.movable:
            under.refused.append(reg)
            self._place(under, "wamp.error.no_available_callee")
        elif owed:
            under.owed = False
            if kind in _ERRORS:
                self.say(under.caller, "ERROR", 48, under.request, _ERRORS[kind], value)
            else:
                self.say(under.caller, "RESULT", under.request, False, value)
        self._serve(reg.pattern)

    def cancel(self, player: int, request: int, mode: str) -> None:
        for under in self.calls:
            if (under.caller, under.request) == (player, request) and under.owed:
                under.movable = False
                if mode == "kill" and under.callee is not None:
                    self.say(under.callee, "INTERRUPT", under.number, mode)
                else:
                    self._give_up(under, "wamp.error.canceled", mode != "skip")

    def _give_up(self, under: Under, error: str, interrupt: bool) -> None:
        if under.waits:
            self.waiting.remove(under)
            under.waits = None
            self._fail(under, error)
            return
        assert under.reg is not None
        under.awaited = False
        if interrupt:
            self.say(under.reg.player, "INTERRUPT", under.number, "killnowait")
        under.busy = not interrupt and under.reg.concurrency > 0
        self._fail(under, error)
        if not under.busy:
            self._serve(under.reg.pattern)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = [under for under in self.calls if under.owed and under.due is not None and under.due[0] <= end]
            if not due:
                break
            first = min(due, key=lambda under: under.due or ())
            self.now = first.due[0] if first.due else self.now
            self._give_up(first, "wamp.error.timeout", True)
        self.now = end

    def leave(self, player: int) -> None:
        self.subs = [sub for sub in self.subs if sub.player != player]
        mine = [under for under in self.calls if under.caller == player]
        given = [under for under in mine if under.owed and not under.waits]
        for under in mine:
            under.owed = under.awaited = under.more = False
            if under.waits:
                self.waiting.remove(under)
                under.waits = None
        for reg in [reg for reg in self.regs if reg.player == player]:
            self._remove(reg)
        for under in given:
            if under.callee != player:
                self._give_up(under, "", True)
        for under in sorted(self.calls, key=lambda under: under.number):
            if under.callee == player and under.busy:
                under.awaited = under.busy = False
                self._fail(under, "wamp.error.canceled")
