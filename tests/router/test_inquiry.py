"""What the router itself asks a procedure is answered once, always, and in a turn of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from edge_router.router.router import Router
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import (
    CANCELED,
    INVALID_ARGUMENT,
    INVALID_PAYLOAD,
    INVALID_URI,
    NO_SUCH_PROCEDURE,
    NO_SUCH_REALM,
    TIMEOUT,
    UNAVAILABLE,
    WampError,
)
from edge_router.wamp.messages import (
    CODES,
    EMPTY,
    CloseDetails,
    Error,
    Goodbye,
    Invocation,
    InvocationDetails,
    Passthru,
    Publish,
    PublishOptions,
    Register,
    RegisterOptions,
    Unregister,
    Yield,
    YieldOptions,
)
from tests.router.players import Player, args, make_router


class Asking:
    """A router with one procedure `com.x`, and somebody who asks. said: the answers, in the order they came."""

    def __init__(self, codec: Codec = CODECS["msgpack"]) -> None:
        self.clock = Clock()
        self.router: Router = make_router(clock=self.clock)
        self.callee = self.serve(codec)
        self.said: list[Any] = []

    def serve(self, codec: Codec = CODECS["msgpack"]) -> Player:
        """A session that serves `com.x`."""
        callee = Player(self.router, codec=codec).joins()
        callee.sends(Register(1, RegisterOptions(), "com.x"))
        self.registration = callee.next().registration
        return callee

    def ask(self, *values: Any, procedure: str = "com.x", realm: str = "realm1", **named: Any) -> None:
        self.router.ask(realm, procedure, values, named, self._answered, self.said.append, 500)

    def _answered(self, found: list[Any], named: dict[str, Any]) -> None:
        self.said.append((found, named))

    def failure(self) -> WampError:
        """The one answer that came, in the next turn."""
        self.clock.advance(0)
        (error,) = self.said
        assert isinstance(error, WampError)
        return error


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
def test_the_answer_comes_from_the_procedure(codec: Codec) -> None:
    """Whatever encoding its session speaks; of who asks, it is told nothing."""
    asking = Asking(codec)
    asking.ask("alice", 7, realm_of="x")
    invocation = asking.callee.next()
    assert type(invocation) is Invocation
    assert invocation.details == InvocationDetails()
    assert (codec.loads(invocation.args), codec.loads(invocation.kwargs)) == (["alice", 7], {"realm_of": "x"})
    answer = Yield(invocation.request, YieldOptions(), codec.dumps([True]), codec.dumps({"cache": 1}))
    asking.callee.sends(answer)
    assert asking.said == []
    asking.clock.advance(0)
    assert asking.said == [([True], {"cache": 1})]


def test_a_procedure_may_give_nothing() -> None:
    """Which is an answer, too."""
    asking = Asking()
    asking.ask()
    asking.callee.sends(Yield(asking.callee.next().request, YieldOptions()))
    asking.clock.advance(0)
    assert asking.said == [([], {})]


def test_what_a_procedure_raises_is_told() -> None:
    """With whatever it carries, also under names that are arguments of ours."""
    asking = Asking()
    asking.ask()
    request = asking.callee.next().request
    asking.callee.sends(
        Error(CODES[Invocation], request, Passthru(), "com.no", args("so"), asking.callee.codec.dumps({"uri": 1}))
    )
    error = asking.failure()
    assert (error.uri, error.error_args, error.error_kwargs) == ("com.no", ["so"], {"uri": 1})


@pytest.mark.parametrize(
    ("question", "uri"),
    [
        ({"procedure": "com.y"}, NO_SUCH_PROCEDURE),
        ({"realm": "realm2"}, NO_SUCH_REALM),
        ({"procedure": "com..#"}, INVALID_URI),
        ({"value": object()}, INVALID_ARGUMENT),
    ],
    ids=["nobody serves it", "no such realm", "no URI", "no form"],
)
def test_what_cannot_be_asked_fails_later_too(question: dict[str, Any], uri: str) -> None:
    """Never before `ask` has returned."""
    asking = Asking()
    asking.ask(**question)
    assert asking.said == []
    assert asking.failure().uri == uri
    asking.callee.gets_nothing()


def test_a_procedure_that_does_not_answer_in_time() -> None:
    """What it says later is passed over."""
    asking = Asking()
    asking.ask()
    request = asking.callee.next().request
    asking.clock.advance(0.499)
    assert asking.said == []
    asking.clock.advance(0.002)
    assert asking.failure().uri == TIMEOUT
    asking.callee.sends(Yield(request, YieldOptions(), args(True)))
    asking.clock.advance(1)
    assert len(asking.said) == 1


def test_a_callee_that_leaves_has_not_answered() -> None:
    """By GOODBYE or by loss."""
    for leave in (
        lambda callee: callee.session.lost(),
        lambda callee: callee.sends(Goodbye(CloseDetails(), "wamp.close.normal")),
    ):
        asking = Asking()
        asking.ask()
        leave(asking.callee)
        assert asking.failure().uri == CANCELED


def test_a_callee_that_does_not_read() -> None:
    """The question is refused, as any call would be."""
    asking = Asking()
    asking.callee.refuses = True
    asking.ask()
    assert asking.failure().uri == UNAVAILABLE


def test_an_answer_without_a_form_in_msgpack() -> None:
    """Fails as for any caller that speaks MsgPack."""
    asking = Asking(CODECS["json"])
    asking.ask()
    payload = asking.callee.codec.dumps([1 << 70])
    asking.callee.sends(Yield(asking.callee.next().request, YieldOptions(), payload))
    assert asking.failure().uri == INVALID_PAYLOAD


def test_a_meta_procedure_can_be_asked() -> None:
    """The router answers it itself, but in a turn of its own like all."""
    asking = Asking()
    asking.ask(procedure="wamp.session.count")
    assert asking.said == []
    asking.clock.advance(0)
    assert asking.said == [([1], {})]


def test_who_asks_is_in_nobodys_list() -> None:
    """Not even while it waits."""
    asking = Asking()
    asking.ask()
    assert list(asking.router.realms["realm1"].sessions) == [asking.callee.session.id]


def test_an_answer_may_use_the_router() -> None:
    """It asks again from inside, and publishes."""
    asking = Asking()
    router = asking.router

    def again(found: list[Any], _named: dict[str, Any]) -> None:
        asking.said.append(found)
        asking.ask("second")
        asking.callee.sends(Publish(2, PublishOptions(acknowledge=True), "com.t"))

    router.ask("realm1", "com.x", ["first"], {}, again, asking.said.append, 500)
    asking.callee.sends(Yield(asking.callee.next().request, YieldOptions(), args(1)))
    asking.clock.advance(0)
    assert [type(message).__name__ for message in asking.callee.inbox] == ["Invocation", "Published"]
    asking.callee.sends(Yield(2, YieldOptions(), args(2)))
    asking.clock.advance(0)
    assert asking.said == [[1], ([2], {})]


def test_one_who_fails_on_its_answer_does_not_keep_others_from_theirs() -> None:
    """They are told in the next turn."""
    asking = Asking()

    def fails(_found: list[Any], _named: dict[str, Any]) -> None:
        raise RuntimeError("a bug")

    asking.router.ask("realm1", "com.x", [], {}, fails, asking.said.append, 500)
    asking.ask()
    for request in (1, 2):
        asking.callee.sends(Yield(request, YieldOptions(), args(request)))
    with pytest.raises(RuntimeError):
        asking.clock.advance(0)
    asking.clock.advance(0)
    assert asking.said == [([2], {})]


@given(steps=st.lists(st.sampled_from(["ask", "answer", "fail", "late", "turn", "unregister", "register", "leave"])))
def test_each_question_gets_exactly_one_answer(steps: list[str]) -> None:
    """Whatever the callee does, and nothing is left behind."""
    asking = Asking()
    asked = 0
    requests: list[int] = []
    callee: Player | None = asking.callee
    for step in [*steps, "leave", "late", "turn"]:
        if step == "ask":
            asked += 1
            asking.ask(asked)
        elif step in ("late", "turn"):
            asking.clock.advance(0.6 if step == "late" else 0)
        elif step == "register" and callee is None:
            callee, requests = asking.serve(), []
        elif step == "leave" and callee is not None:
            callee.session.lost()
            callee = None
        elif step == "unregister" and callee is not None:
            callee.sends(Unregister(9, asking.registration))
        elif callee is not None:
            requests += [message.request for message in callee.everything() if type(message) is Invocation]
            if requests and step == "answer":
                callee.sends(Yield(requests.pop(0), YieldOptions(), EMPTY))
            elif requests:
                callee.sends(Error(CODES[Invocation], requests.pop(), Passthru(), "com.no"))
    asking.clock.advance(0)
    assert len(asking.said) == asked
    session = asking.router.realms["realm1"].inquiries.session
    assert not session.calls
    assert not asking.clock.getDelayedCalls()
