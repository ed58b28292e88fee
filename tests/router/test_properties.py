"""The router does what a naive one does, whatever sessions do; and when all have left, nothing is left."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.task import Clock

from edge_router.config.schema import CallQueue, MemoryStore
from edge_router.router.urimap import UriMap
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    Cancel,
    CancelOptions,
    CloseDetails,
    Error,
    Event,
    Goodbye,
    Hello,
    HelloDetails,
    Interrupt,
    Invocation,
    Passthru,
    Publish,
    Published,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    Result,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unregister,
    Unregistered,
    Unsubscribe,
    Unsubscribed,
    Yield,
    YieldOptions,
)
from tests.router.naive import QUEUE, NaiveRouter, Pattern
from tests.router.players import Player, make_router, open_realm

COMPONENTS = st.sampled_from(["a", "b", "ab"])
URIS = st.lists(COMPONENTS, min_size=1, max_size=3).map(".".join)
PATTERNS: st.SearchStrategy[Pattern] = st.one_of(
    st.tuples(st.just("exact"), URIS),
    st.tuples(st.just("prefix"), st.sampled_from(["", "a", "a.", "a.b", "ab", "b.a"])),
    st.tuples(st.just("wildcard"), st.lists(COMPONENTS | st.just(""), min_size=1, max_size=3).map(".".join)),
)
WHO = st.integers(0, 3)
REQUEST = st.integers(1, 10)
INVOKE = ["roundrobin", "roundrobin", "single", "first", "last"]
ERRORS = {"error": "com.error", "unavailable": "wamp.error.unavailable"}
VALUES = st.integers(0, 9) | st.just(b"\xff")


class Routers(RuleBasedStateMachine):
    """Four players at the most, each in an encoding of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        queues = [CallQueue("", match="prefix", limit=QUEUE)]
        self.router = make_router(open_realm(store=MemoryStore(call_queue=queues)), clock=self.clock)
        self.realm = self.router.realms["realm1"]
        self.naive = NaiveRouter()
        self.players: dict[int, Player] = {}
        self.gone: list[Player] = []
        self.seen: dict[tuple[str, int], Pattern] = {}
        self.sessions: set[int] = set()
        self.finals: Counter[tuple[int, int]] = Counter()
        self.asked: Counter[tuple[int, int]] = Counter()
        self.requests = 0

    # --- what players do ---------------------------------------------------------------------------------------

    def _request(self) -> int:
        self.requests += 1
        return self.requests

    def _raw(self, who: int, value: Any) -> Any:
        return self.players[who].codec.dumps([value])

    @initialize(encodings=st.permutations(sorted(CODECS)))
    def begin(self, encodings: list[str]) -> None:
        for who, encoding in enumerate(encodings):
            self.join(who, encoding)

    @rule(who=WHO, encoding=st.sampled_from(sorted(CODECS)))
    def join(self, who: int, encoding: str) -> None:
        if who not in self.players:
            player = Player(self.router, codec=CODECS[encoding]).joins()
            assert player.session.id not in self.sessions
            self.sessions.add(player.session.id)
            self.players[who] = player
            self.naive.numbers[who] = 0

    @precondition(lambda self: len(self.players) > 2)
    @rule(data=st.data(), politely=st.booleans())
    def leave(self, data: st.DataObject, politely: bool) -> None:
        who = data.draw(st.sampled_from(sorted(self.players)))
        player = self.players[who]
        if politely:
            player.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
            assert type(player.inbox.pop()) is Goodbye
        player.session.lost()
        self.naive.leave(who)
        self.compare()
        del self.players[who]
        self.gone.append(player)
        self.naive.calls = [
            under for under in self.naive.calls if under.callee != who and (under.busy or under.caller != who)
        ]

    @precondition(lambda self: self.players)
    @rule(data=st.data(), pattern=PATTERNS, again=st.booleans())
    def subscribe(self, data: st.DataObject, pattern: Pattern, again: bool) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        if again:
            pattern = next((sub.pattern for sub in self.naive.subs), pattern)
        self.players[who].sends(Subscribe(request, SubscribeOptions(match=pattern[0]), pattern[1]))  # type: ignore[arg-type]
        self.naive.subscribe(who, request, pattern)

    @precondition(lambda self: self.naive.subs)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        pattern = data.draw(st.sampled_from(self.naive.subs)).pattern
        self.players[who].sends(Unsubscribe(request, self._id("sub", pattern)))
        self.naive.unsubscribe(who, request, pattern)

    @precondition(lambda self: self.players)
    @rule(data=st.data(), topic=URIS, value=VALUES, exclude_me=st.booleans(), lists=st.lists(WHO, max_size=3))
    def publish(self, data: st.DataObject, topic: str, value: Any, exclude_me: bool, lists: list[int]) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        named = [number for number in lists if number in self.players]
        ids = tuple(self.players[number].session.id for number in named)
        eligible = data.draw(st.sampled_from(["eligible", "exclude", "nothing"]))
        options = PublishOptions(acknowledge=True, exclude_me=exclude_me)
        if eligible != "nothing":
            options = PublishOptions(acknowledge=True, exclude_me=exclude_me, **{eligible: ids})  # type: ignore[arg-type]

        def to(player: int) -> bool:
            if exclude_me and player == who:
                return False
            return eligible == "nothing" or (player in named) == (eligible == "eligible")

        self.players[who].sends(Publish(request, options, topic, self._raw(who, value)))
        self.naive.publish(who, request, topic, value, to)

    @precondition(lambda self: self.players)
    @rule(
        data=st.data(),
        pattern=PATTERNS,
        again=st.booleans(),
        invoke=st.sampled_from(INVOKE),
        concurrency=st.sampled_from([0, 1, 1, 2]),
    )
    def register(self, data: st.DataObject, pattern: Pattern, again: bool, invoke: str, concurrency: int) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        if again and self.naive.regs:
            pattern, invoke = self.naive.regs[-1].pattern, self.naive.regs[-1].invoke
        options = RegisterOptions(match=pattern[0], invoke=invoke, concurrency=concurrency)  # type: ignore[arg-type]
        self.players[who].sends(Register(request, options, pattern[1]))
        self.naive.register(who, request, pattern, invoke, concurrency)

    @precondition(lambda self: self.naive.regs)
    @rule(data=st.data())
    def unregister(self, data: st.DataObject) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        pattern = data.draw(st.sampled_from(self.naive.regs)).pattern
        self.players[who].sends(Unregister(request, self._id("reg", pattern)))
        self.naive.unregister(who, request, pattern)

    @precondition(lambda self: self.naive.regs)
    @rule(
        data=st.data(),
        value=VALUES,
        progress=st.booleans(),
        more=st.booleans(),
        timeout=st.sampled_from([300, 700, 0]),
    )
    def call(self, data: st.DataObject, value: Any, progress: bool, more: bool, timeout: int) -> None:
        who, request = data.draw(st.sampled_from(sorted(self.players))), self._request()
        procedure = data.draw(st.sampled_from([_uri_of(reg.pattern) for reg in self.naive.regs]) | URIS)
        options = CallOptions(receive_progress=progress, progress=more, timeout=timeout)
        self.asked[self.players[who].session.id, request] += 1
        self.players[who].sends(Call(request, options, procedure, self._raw(who, value)))
        self.naive.call(who, request, procedure, value, progress, more, timeout)

    @precondition(lambda self: any(under.more for under in self.naive.calls))
    @rule(data=st.data(), value=VALUES, more=st.booleans())
    def go_on(self, data: st.DataObject, value: Any, more: bool) -> None:
        under = data.draw(st.sampled_from([under for under in self.naive.calls if under.more]))
        message = Call(under.request, CallOptions(progress=more), under.procedure, self._raw(under.caller, value))
        self.players[under.caller].sends(message)
        self.naive.go_on(under, value, more)

    @precondition(lambda self: any(under.callee is not None for under in self.naive.calls))
    @rule(data=st.data(), value=VALUES, kind=st.sampled_from(["result", "progress", "error", "unavailable"]))
    def answer(self, data: st.DataObject, value: Any, kind: str) -> None:
        under = data.draw(st.sampled_from([under for under in self.naive.calls if under.callee is not None]))
        who = under.callee
        assert who is not None
        if kind in ERRORS:
            message: Any = Error(68, under.number, Passthru(), ERRORS[kind], self._raw(who, value))
        else:
            progress = kind == "progress" and under.progress
            kind = "progress" if progress else "result"
            message = Yield(under.number, YieldOptions(progress=progress), self._raw(who, value))
        self.players[who].sends(message)
        self.naive.answer(under, value, kind)

    @precondition(lambda self: any(under.caller in self.players for under in self.naive.calls))
    @rule(data=st.data(), mode=st.sampled_from(["skip", "kill", "killnowait"]))
    def cancel(self, data: st.DataObject, mode: Any) -> None:
        under = data.draw(st.sampled_from([under for under in self.naive.calls if under.caller in self.players]))
        self.players[under.caller].sends(Cancel(under.request, CancelOptions(mode=mode)))
        self.naive.cancel(under.caller, under.request, mode)

    @rule(seconds=st.sampled_from([0.1, 0.25, 1.3]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.naive.advance(seconds)

    # --- what must hold ----------------------------------------------------------------------------------------

    def _id(self, kind: str, pattern: Pattern) -> int:
        return max(number for (its, number), found in self.seen.items() if its == kind and found == pattern)

    @invariant()
    def compare(self) -> None:
        """Every player got what the naive router says, in that order, and nobody who left got anything."""
        expected: dict[int, list[tuple[Any, ...]]] = {who: [] for who in self.players}
        for who, words in self.naive.said:
            if who in expected and self.players[who].session.realm is not None:
                expected[who].append(words)
        for who, player in self.players.items():
            patterns = [words[2] for words in expected[who] if words[0] in ("SUBSCRIBED", "REGISTERED")]
            found = [self._told(player, message, patterns) for message in player.everything() if not _is_meta(message)]
            assert found == expected[who], f"player {who}"
        self.naive.said.clear()
        for player in self.gone:
            player.gets_nothing()
        for who, player in self.players.items():
            if player.session.realm is not None:
                owed = {under.request for under in self.naive.calls if under.caller == who and under.owed}
                assert set(player.session.calls) == owed

    def _told(self, player: Player, message: Any, patterns: list[Pattern]) -> tuple[Any, ...]:
        """A message in the naive router's words."""
        name = type(message).__name__.upper()
        if type(message) in (Subscribed, Registered):
            named = ("sub", message.subscription) if type(message) is Subscribed else ("reg", message.registration)
            pattern = patterns.pop(0)
            assert self.seen.setdefault(named, pattern) == pattern, "an id names one pattern"
            return name, message.request, pattern
        if type(message) in (Published, Unsubscribed, Unregistered):
            return name, message.request
        value = (player.loads(message.args) or [None])[0] if hasattr(message, "args") else None
        if type(message) is Event:
            return name, self.seen["sub", message.subscription], message.details.topic, value
        if type(message) is Invocation:
            details = message.details
            pattern = self.seen["reg", message.registration]
            shown = (details.procedure, details.receive_progress, details.progress)
            return name, message.request, pattern, *shown, value
        if type(message) is Interrupt:
            return name, message.request, message.options.mode
        if type(message) is Result:
            self._final(player, message.request, not message.details.progress)
            return name, message.request, message.details.progress, value
        assert type(message) is Error
        self._final(player, message.request, message.kind == 48)
        return (name, message.kind, message.request, message.uri, *([value] if message.uri in ERRORS.values() else []))

    def _final(self, player: Player, request: int, final: bool) -> None:
        key = (player.session.id, request)
        assert not self.finals[key], "something after the final answer"
        self.finals[key] += final and key in self.asked

    def teardown(self) -> None:
        """When all have left, every map is empty and no timer runs; who stayed to the end got all answers."""
        stays = min(self.players, default=None)
        for who in [who for who in sorted(self.players) if who != stays]:
            self._leave_at_last(who)
        if stays is not None:
            asked = [key for key in self.asked if key[0] == self.players[stays].session.id]
            owed = set(self.players[stays].session.calls)
            working = {under.request for under in self.naive.calls if under.owed and under.callee in (stays, None)}
            assert owed == working, "only calls to itself are still owed an answer"
            assert all(self.finals[key] == (key[1] not in owed) for key in asked)
            self._leave_at_last(stays)
        assert not self.realm.sessions
        _is_empty(self.realm.broker.subscriptions)
        _is_empty(self.realm.dealer.registrations)
        assert not self.clock.getDelayedCalls()
        meta = self.realm.meta
        assert meta is not None
        for known in (list(meta.subscriptions), list(meta.registrations), meta.testaments):
            assert not known
        for player in self.gone:
            session = player.session
            for held in (session.subscriptions, session.registrations, session.calls, session.invocations):
                assert not held

    def _leave_at_last(self, who: int) -> None:
        self.players[who].session.lost()
        self.naive.leave(who)
        self.compare()
        self.gone.append(self.players.pop(who))


def _is_meta(message: Any) -> bool:
    """Whether the router itself says it, to those who subscribe to everything; the naive router does not."""
    return type(message) is Event and (message.details.topic or "").startswith("wamp.")


def _uri_of(pattern: Pattern) -> str:
    """A URI that the pattern matches."""
    match, text = pattern
    if match == "wildcard":
        return ".".join(part or "a" for part in text.split("."))
    return text if match == "exact" else text + "a"


def _is_empty(entries: UriMap[Any]) -> None:
    assert not len(entries)
    for held in (entries._exact, entries._prefixes, entries._wildcards, entries._tree, entries._lengths):
        assert not held


Routers.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRouters = Routers.TestCase


def test_a_second_hello_on_the_same_transport_is_a_new_session() -> None:
    """Nothing of the first one is left in it."""
    router = make_router()
    player = Player(router).joins()
    player.sends(Subscribe(1, SubscribeOptions(), "a"))
    first = player.session.id
    player.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    list(player.everything())
    player.sends(Hello("realm1", HelloDetails(roles={"subscriber": {}})))
    assert player.session.id != first
    assert not player.session.subscriptions

