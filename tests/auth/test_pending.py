"""Decisions that come later: the client waits, nothing else may be said, one answer counts."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.auth.guard import guarded
from edge_router.config.schema import FailedLogins
from edge_router.router.interfaces import Accepted, Decision, Login, Question
from edge_router.router.pending import Pending
from edge_router.router.session import DECIDE_WITHIN
from edge_router.wamp.errors import AUTHENTICATION_DENIED, AUTHENTICATION_FAILED, WampError
from tests.auth.entrance import Client, Entrance, refused, welcomed

JOE = Accepted("joe", "device", "dynamic")
DENIAL = WampError(AUTHENTICATION_DENIED, "no")


class Slow:
    """A method that decides when the test says so, at HELLO or at AUTHENTICATE."""

    def __init__(self, asks: bool) -> None:
        self.pending: list[Pending[Decision]] = []
        self.canceled = 0
        self._asks = asks

    def hello(self, _login: Login) -> Decision:
        return Question({}, lambda _signature, _extra: self.later()) if self._asks else self.later()

    def later(self) -> Pending[Decision]:
        self.pending.append(Pending(self._cancel))
        return self.pending[-1]

    def _cancel(self) -> None:
        self.canceled += 1


@pytest.fixture(params=["at HELLO", "at AUTHENTICATE"])
def slow(request: pytest.FixtureRequest) -> Slow:
    return Slow(request.param == "at AUTHENTICATE")


def waiting(slow: Slow, entrance: Entrance | None = None) -> Client:
    """A client that waits for the decision."""
    entrance = entrance or Entrance({})
    entrance.methods = guarded({"slow": slow}, FailedLogins(allowed=2), entrance.clock)
    client = entrance.client()
    client.tell(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["slow"]})
    if client.inbox:
        assert client.inbox.pop() == [4, "slow", {}]
        client.tell(5, "x", {})
    assert client.inbox == []
    return client


def test_accepted_later(slow: Slow) -> None:
    """WELCOME comes when the decision does, and nothing is left of the wait."""
    entrance = Entrance({})
    client = waiting(slow, entrance)
    slow.pending[0].settle(JOE)
    (answer,) = client.inbox
    assert welcomed(answer)["authprovider"] == "dynamic"
    assert not entrance.clock.getDelayedCalls()


def test_refused_later(slow: Slow) -> None:
    """ABORT comes when the decision does."""
    client = waiting(slow)
    slow.pending[0].settle(DENIAL)
    assert refused(client.inbox[0]) == AUTHENTICATION_DENIED
    assert client.closed


def test_asked_later(slow: Slow) -> None:
    """The decision may be a question, whose answer may be decided later again."""
    client = waiting(slow)
    slow.pending[0].settle(Question({"riddle": 1}, lambda _signature, _extra: slow.later()))
    assert client.inbox == [[4, "slow", {"riddle": 1}]]
    client.tell(5, "x", {})
    slow.pending[1].settle(JOE)
    assert welcomed(client.inbox[1])["authid"] == "joe"


def test_decided_at_once() -> None:
    """A decision that has come before anybody waits counts like any other."""
    slow = Slow(False)
    now: Pending[Any] = Pending()
    now.settle(JOE)
    slow.later = lambda: now  # type: ignore[method-assign]
    entrance = Entrance({})
    entrance.methods = guarded({"slow": slow}, FailedLogins(), entrance.clock)
    assert welcomed(entrance.client().hello("slow"))["authid"] == "joe"
    assert not entrance.clock.getDelayedCalls()


def test_one_decision_counts(slow: Slow) -> None:
    """What comes after it changes nothing."""
    client = waiting(slow)
    slow.pending[0].settle(JOE)
    slow.pending[0].settle(DENIAL)
    assert len(client.inbox) == 1
    assert not client.closed


@pytest.mark.parametrize(
    "message",
    [(1, "realm1", {"roles": {"caller": {}}}), (5, "x", {}), (48, 1, {}, "com.x"), (6, {}, "wamp.close.normal")],
)
def test_a_client_has_to_wait(slow: Slow, message: tuple[object, ...]) -> None:
    """Whatever it says meanwhile breaks the protocol, and nobody decides about it any more."""
    client = waiting(slow)
    assert refused(client.say(*message)) == "wamp.error.protocol_violation"
    assert slow.canceled == 1
    slow.pending[0].settle(JOE)
    assert len(client.inbox) == 1


@pytest.mark.parametrize("how", ["abort", "hang up"])
def test_giving_up(slow: Slow, how: str) -> None:
    """Who goes while it waits leaves nothing behind, and a decision that comes then harms nobody."""
    entrance = Entrance({})
    client = waiting(slow, entrance)
    if how == "abort":
        client.tell(3, {}, "wamp.close.normal")
    else:
        client._session.lost()
    assert slow.canceled == 1
    slow.pending[0].settle(JOE)
    assert client.inbox == []
    assert not entrance.clock.getDelayedCalls()


def test_no_decision(slow: Slow) -> None:
    """Who has waited long enough hears that the router could not decide; whoever was asked is told to stop."""
    entrance = Entrance({})
    client = waiting(slow, entrance)
    entrance.clock.advance(DECIDE_WITHIN - 0.1)
    assert client.inbox == []
    entrance.clock.advance(0.2)
    assert refused(client.inbox[0]) == AUTHENTICATION_FAILED
    assert client.closed
    assert slow.canceled == 1


def test_refusals_that_come_later_count(slow: Slow) -> None:
    """They cost the address a wait, as all others; that nobody could decide does not."""
    entrance = Entrance({})
    shared: dict[str, Any] = {}
    for error in (WampError(AUTHENTICATION_FAILED, "broken"), DENIAL, DENIAL, DENIAL):
        client = entrance.client()
        shared = shared or dict(guarded({"slow": slow}, FailedLogins(allowed=2), entrance.clock))
        client._session._authenticators = shared
        client.tell(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["slow"]})
        if client.inbox[-1:] == [[4, "slow", {}]]:
            client.tell(5, "x", {})
        if client.closed:
            assert "too many" in str(client.inbox[-1])
            return
        slow.pending[-1].settle(error)
    pytest.fail("nobody had to wait")


def test_the_router_ends_meanwhile(slow: Slow) -> None:
    """Nobody gets in any more, though the decision was in favour."""
    entrance = Entrance({})
    client = waiting(slow, entrance)
    entrance.router.goodbye("wamp.close.system_shutdown")
    slow.pending[0].settle(JOE)
    assert refused(client.inbox[0]) == "wamp.close.system_shutdown"
