"""Having an authorizer asked takes time, and changes nothing else: what a session does comes to the same, in order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_router.config.schema import Allow, Permission, Role
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    Cancel,
    CancelOptions,
    CloseDetails,
    Goodbye,
    Message,
    Publish,
    PublishOptions,
    Register,
    RegisterOptions,
    Subscribe,
    SubscribeOptions,
    Unregister,
    Unsubscribe,
    Yield,
    YieldOptions,
)
from tests.router.asking import ASKS, Asked
from tests.router.players import EVERYTHING, Player, args

URIS = st.sampled_from(["com.a", "com.b", "no.a", "com.served", "no.served", "com..bad"])
#: all but `no.`, as permissions
PERMITS = Role(
    name="permits",
    permissions=[
        Permission(uri="", match="prefix", allow=EVERYTHING),
        Permission(uri="no.", match="prefix", allow=Allow()),
    ],
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(lambda uri, value, ack: Publish(1, PublishOptions(acknowledge=ack), uri, args(value)),
              URIS, st.integers(0, 9), st.booleans()),
    st.builds(lambda uri: Subscribe(1, SubscribeOptions(), uri), URIS),
    st.builds(lambda uri: Register(1, RegisterOptions(), uri), URIS),
    st.builds(lambda uri, progress: Call(1, CallOptions(progress=progress), uri, args(1)), URIS, st.booleans()),
    st.builds(lambda number: Cancel(number, CancelOptions()), st.integers(1, 8)),
    st.builds(lambda number: Unsubscribe(1, number), st.integers(1, 8)),
    st.builds(lambda number: Unregister(1, number), st.integers(1, 8)),
    st.builds(lambda topic: Call(1, CallOptions(), "wamp.session.add_testament", args(topic, ["gone"], {})),
              st.sampled_from(["com.a", "no.a"])),
)  # fmt: skip


class World:
    """The client, whose role either permits or asks, and somebody who sees what it does."""

    def __init__(self, role: str) -> None:
        self.asked = Asked(ASKS, PERMITS).serves()
        self.observer = self.asked.joins("open")
        for prefix in ("com.", "no."):
            self.observer.sends(Subscribe(1, SubscribeOptions(match="prefix"), prefix))
        for uri in ("com.served", "no.served"):
            self.observer.sends(Register(2, RegisterOptions(), uri))
        self.observer.inbox.clear()
        self.client = self.asked.joins(role)
        self._cached: set[tuple[str, str]] = set()

    def answer(self, cache: bool) -> bool:
        """The authorizer answers one question. Result: whether there was any."""
        if not self.asked.authorizer.inbox:
            return False
        uri, action, _options = self.asked.asked()
        key = (uri, action)
        assert key not in self._cached, "what is cached is not asked about"
        if cache:
            self._cached.add(key)
        self.asked.says({"allow": not uri.startswith("no."), "cache": cache})
        return True

    def seen(self) -> list[Any]:
        """What came of it, without ids that are drawn by lot."""
        return [[_shown(player, message) for message in player.everything()] for player in (self.client, self.observer)]


def _shown(player: Player, message: Any) -> tuple[Any, ...]:
    values = player.loads(getattr(message, "args", None) or b"") if getattr(message, "args", None) else None
    named = [getattr(message, name, None) for name in ("request", "uri", "details", "reason", "registration")]
    return type(message).__name__, *named, [] if values is None else str(values).replace("'asks'", "'permits'")


@given(steps=st.lists(st.tuples(MESSAGES, st.integers(0, 2), st.booleans()), max_size=25), lost=st.booleans())
def test_what_a_session_does_comes_to_the_same(steps: list[tuple[Any, int, bool]], lost: bool) -> None:
    """Whenever the authorizer answers, and whatever it says is to be cached."""
    permits, asks = World("permits"), World("asks")
    for number, (message, answers, cache) in enumerate(steps, 1):
        if not isinstance(message, Cancel):
            message.request = number
        permits.client.sends(message)
        asks.client.sends(message)
        for _ in range(answers):
            asks.answer(cache)
    if not lost:
        for world in (permits, asks):
            world.client.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    while asks.answer(cache=False):
        pass
    if lost:
        for world in (permits, asks):
            world.client.session.lost()
    assert asks.seen() == permits.seen()
    assert not asks.asked.realm.inquiries.session.calls
    for world in (permits, asks):
        assert world.client.session.id not in world.asked.realm.sessions


@given(counts=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_calls_that_are_streamed_keep_their_parts_together(counts: list[int]) -> None:
    """The first part is asked about, those after it go the same way, in order."""
    world = World("asks")
    for request, parts in enumerate(counts, 1):
        for part in range(parts):
            world.client.sends(Call(request, CallOptions(progress=True), "com.served", args(request, part)))
        world.client.sends(Call(request, CallOptions(), "com.served", args(request, parts)))
    while world.answer(cache=False):
        pass
    invocations = list(world.observer.everything())
    expected = [[request, part] for request, parts in enumerate(counts, 1) for part in range(parts + 1)]
    assert [world.observer.loads(message.args) for message in invocations] == expected
    for number in {message.request for message in invocations}:
        world.observer.sends(Yield(number, YieldOptions(), args(number)))
    assert sorted(message.request for message in world.client.everything()) == list(range(1, len(counts) + 1))
