"""Roles that ask an authorizer: what it says counts, nothing else opens anything, and messages keep their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_router.config.schema import Limits, Permission, Role
from edge_router.router.asked import MOST_CACHED
from edge_router.wamp.errors import (
    AUTHORIZATION_FAILED,
    CANCELED,
    DISCLOSE_ME_DISALLOWED,
    INVALID_URI,
    LIMIT_EXCEEDED,
    NO_SUCH_PROCEDURE,
    NOT_AUTHORIZED,
    RUNTIME_ERROR,
)
from edge_router.wamp.messages import (
    Abort,
    Call,
    CallOptions,
    Cancel,
    CancelOptions,
    CloseDetails,
    Error,
    EventDetails,
    Goodbye,
    Hello,
    HelloDetails,
    Invocation,
    Message,
    Publish,
    Published,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    Result,
    ResultDetails,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    Yield,
    YieldOptions,
)
from tests.router.asking import ASKS, AUTHORIZER, Asked
from tests.router.players import EVERYTHING, Player, args

#: a message of each action, about a URI
ACTIONS: dict[str, Callable[[int, str], Message]] = {
    "publish": lambda request, uri: Publish(request, PublishOptions(acknowledge=True), uri),
    "subscribe": lambda request, uri: Subscribe(request, SubscribeOptions(), uri),
    "call": lambda request, uri: Call(request, CallOptions(), uri),
    "register": lambda request, uri: Register(request, RegisterOptions(), uri),
}
GRANTED = {"publish": Published, "subscribe": Subscribed, "call": Error, "register": Registered}


def _failed(player: Player, uri: str) -> Error:
    error = player.next()
    assert type(error) is Error
    assert error.uri == uri
    return error


@pytest.mark.parametrize("action", ACTIONS)
def test_what_it_allows_is_allowed(action: str) -> None:
    """True, or a dict that says so."""
    for yes in (True, {"allow": True}, {"allow": True, "disclose": None, "cache": False, "reason": "why not"}):
        asked = Asked().serves()
        client = asked.joins()
        client.sends(ACTIONS[action](7, "com.x"))
        client.gets_nothing()
        asked.says(yes)
        answer = client.next()
        assert type(answer) is GRANTED[action]
        assert answer.request == 7
        assert action != "call" or answer.uri == NO_SUCH_PROCEDURE
        assert asked.complaints == []


@pytest.mark.parametrize("no", [False, {"allow": False}, {"allow": False, "cache": True}])
@pytest.mark.parametrize("action", ACTIONS)
def test_what_it_denies_is_denied(action: str, no: Any) -> None:
    """In the same words, whether the URI is in use or not."""
    texts = set()
    for in_use in (False, True):
        asked = Asked().serves()
        if in_use:
            asked.authorizer.sends(Register(2, RegisterOptions(), "com.x"))
            asked.authorizer.sends(Subscribe(3, SubscribeOptions(), "com.x"))
            asked.authorizer.inbox.clear()
        client = asked.joins()
        client.sends(ACTIONS[action](7, "com.x"))
        asked.says(no)
        error = _failed(client, NOT_AUTHORIZED)
        texts.add(client.loads(error.args)[0])
        asked.authorizer.gets_nothing()
    assert texts == {f"role 'asks' may not {action} 'com.x'"}


def test_it_is_told_who_wants_what() -> None:
    """The session's details, the URI, the action, and the options of the message."""
    asked = Asked().serves()
    client = asked.joins()
    client.session.authextra = {"floor": 3}
    client.sends(Subscribe(1, SubscribeOptions(match="wildcard", get_retained=True), "com..x"))
    details, uri, action, options = client.loads(asked.question().args)
    assert details == {
        "session": client.session.id,
        "authid": client.session.authid,
        "authrole": "asks",
        "authmethod": "anonymous",
        "authprovider": "static",
        "authextra": {"floor": 3},
        "transport": {"kind": "memory", "peer": "memory", "protocol": ""},
    }
    assert (uri, action, options) == ("com..x", "subscribe", {"match": "wildcard", "get_retained": True})


@pytest.mark.parametrize(
    ("message", "options"),
    [
        (Publish(1, PublishOptions(retain=True, exclude=(4, 5)), "com.x"), {"retain": True, "exclude": [4, 5]}),
        (Call(1, CallOptions(timeout=50), "com.x"), {"timeout": 50}),
        (Register(1, RegisterOptions(invoke="last"), "com.x"), {"invoke": "last", "match": "exact"}),
        (Subscribe(1, SubscribeOptions(), "com.x"), {"match": "exact"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_options_are_those_of_the_message(message: Message, options: dict[str, Any]) -> None:
    """Those that are not left at their defaults; and always how a pattern is matched."""
    asked = Asked().serves()
    asked.joins().sends(message)
    assert asked.asked()[2] == options


@pytest.mark.parametrize(
    "value", ["yes", 1, None, {}, {"allow": "true"}, {"allow": 1}, {"allow": True, "cache": "no"}, []]
)
def test_an_answer_that_is_none_allows_nothing(value: Any) -> None:
    """And the operator learns what was said."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.says(value)
    error = _failed(client, AUTHORIZATION_FAILED)
    assert client.loads(error.args) == ["whether role 'asks' may publish 'com.x' could not be decided"]
    assert AUTHORIZER in asked.complaints[0]
    assert repr(value) in asked.complaints[0]


def test_an_answer_without_a_value_allows_nothing() -> None:
    """A function that forgot to return."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, "com.x"))
    asked.says()
    _failed(client, AUTHORIZATION_FAILED)


def test_payloads_are_not_validated_so_nothing_is_allowed_on_that_condition() -> None:
    """Crossbar's `validate`."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, "com.x"))
    asked.says({"allow": True, "validate": {"call": "trading.Order"}})
    _failed(client, AUTHORIZATION_FAILED)
    assert "validated" in asked.complaints[0]


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_allowed_until_somebody_serves_it(action: str) -> None:
    """Afterwards it is asked, by sessions that were there before too."""
    asked = Asked()
    client = asked.joins()
    client.sends(ACTIONS[action](1, "com.x"))
    asked.turn()
    _failed(client, AUTHORIZATION_FAILED)
    assert "nobody serves it" in asked.complaints[0]
    asked.serves()
    client.sends(ACTIONS[action](2, "com.x"))
    asked.says(True)
    assert type(client.next()) is GRANTED[action]


def test_an_authorizer_that_fails_allows_nothing() -> None:
    """What it raised is for the operator, not for the client."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, "com.x"))
    asked.fails("com.error.db", "no such table")
    error = _failed(client, AUTHORIZATION_FAILED)
    assert "table" not in client.loads(error.args)[0]
    assert "com.error.db: no such table" in asked.complaints[0]


def test_an_authorizer_that_leaves_allows_nothing() -> None:
    """In the middle of the question."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, "com.x"))
    asked.authorizer.session.lost()
    asked.turn()
    _failed(client, AUTHORIZATION_FAILED)


def test_an_unacknowledged_publication_that_is_denied_is_nowhere() -> None:
    """And nobody is told (spec, "PUBLISH")."""
    asked = Asked().serves()
    client = asked.joins()
    asked.authorizer.sends(Subscribe(2, SubscribeOptions(), "com.x"))
    asked.authorizer.next()
    client.sends(Publish(1, PublishOptions(retain=True), "com.x", args(1)))
    asked.says(False)
    client.gets_nothing()
    asked.authorizer.gets_nothing()
    assert len(asked.realm.broker.retained) == 0


def test_a_bad_uri_is_refused_without_a_question() -> None:
    """It is wrong whoever may."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, "com..x"))
    _failed(client, INVALID_URI)
    asked.authorizer.gets_nothing()


@pytest.mark.parametrize("action", ["register", "publish"])
def test_what_belongs_to_the_protocol_is_not_its_to_give(action: str) -> None:
    """Only the trusted role registers or publishes there."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS[action](1, "wamp.x"))
    _failed(client, NOT_AUTHORIZED)
    asked.authorizer.gets_nothing()


def test_a_pattern_is_not_asked_about_again_but_serves_nothing_of_the_protocol() -> None:
    """It was decided at REGISTER."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Register(1, RegisterOptions(match="prefix"), ""))
    asked.says(True)
    client.next()
    asked.authorizer.sends(Call(2, CallOptions(), "com.other"))
    asked.authorizer.gets_nothing()
    assert client.next().details.procedure == "com.other"
    asked.authorizer.sends(Call(3, CallOptions(), "wamp.other"))
    _failed(asked.authorizer, NO_SUCH_PROCEDURE)


def test_events_are_not_asked_about() -> None:
    """It was decided at SUBSCRIBE."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com."))
    asked.says(True)
    subscribed = client.next()
    asked.authorizer.sends(Publish(2, PublishOptions(), "com.x", args(1)))
    event = client.next()
    assert (event.subscription, event.details) == (subscribed.subscription, EventDetails(topic="com.x"))
    client.sends(Unsubscribe(2, subscribed.subscription))
    client.gets(Unsubscribed(2))
    asked.authorizer.gets_nothing()


def test_it_may_have_a_caller_and_a_publisher_made_known() -> None:
    """`disclose` of its answer."""
    asked = Asked().serves()
    asked.authorizer.sends(Register(2, RegisterOptions(), "com.p"))
    asked.authorizer.sends(Subscribe(3, SubscribeOptions(), "com.t"))
    asked.authorizer.inbox.clear()
    client = asked.joins()
    number = client.session.id
    for disclose in (True, False):
        client.sends(Call(1 + 2 * disclose, CallOptions(), "com.p"))
        asked.says({"allow": True, "disclose": disclose})
        assert asked.question().details.caller == (number if disclose else None)
        client.sends(Publish(2 + 2 * disclose, PublishOptions(), "com.t"))
        asked.says({"allow": True, "disclose": disclose})
        assert asked.authorizer.next().details.publisher == (number if disclose else None)


@pytest.mark.parametrize(
    ("answer", "granted"),
    [
        ({"requested": "refuse"}, False),
        ({"requested": "refuse", "disclose": True}, True),
        ({"requested": "allow"}, True),
    ],
)
@pytest.mark.parametrize(
    "message",
    [
        Call(1, CallOptions(disclose_me=True), "com.p"),
        Publish(1, PublishOptions(disclose_me=True, acknowledge=True), "com.t"),
    ],
    ids=["call", "publish"],
)
def test_it_may_refuse_to_have_who_acts_made_known(message: Call | Publish, answer: Any, granted: bool) -> None:
    """`requested` of its answer, for messages that ask for it; what is made known anyway is not refused."""
    asked = Asked().serves()
    asked.authorizer.sends(Register(2, RegisterOptions(), "com.p"))
    asked.authorizer.sends(Subscribe(3, SubscribeOptions(), "com.t"))
    asked.authorizer.inbox.clear()
    client = asked.joins()
    client.sends(message)
    asked.says({"allow": True, **answer})
    if granted:
        details = asked.authorizer.next().details
        assert client.session.id in (getattr(details, "caller", None), getattr(details, "publisher", None))
    else:
        assert client.next().uri == DISCLOSE_ME_DISALLOWED
        asked.authorizer.gets_nothing()


# --- caching -----------------------------------------------------------------------------------------------------


def test_it_is_asked_each_time() -> None:
    """Unless it says `cache`."""
    asked = Asked().serves()
    client = asked.joins()
    for request in (1, 2):
        client.sends(ACTIONS["publish"](request, "com.x"))
        asked.says({"allow": True, "cache": False})
        assert type(client.next()) is Published


@pytest.mark.parametrize("allow", [True, False])
def test_a_decision_may_hold_for_the_session(allow: bool) -> None:
    """For this action, URI and match; others are asked about, and so is every other session."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.says({"allow": allow, "cache": True})
    client.sends(ACTIONS["publish"](2, "com.x"))
    assert [type(message) for message in client.everything()] == [Published if allow else Error] * 2
    asked.authorizer.gets_nothing()
    client.sends(ACTIONS["subscribe"](3, "com.x"))
    asked.says({"allow": True, "cache": True})
    client.sends(Subscribe(4, SubscribeOptions(match="prefix"), "com.x"))
    assert asked.asked()[2] == {"match": "prefix"}
    asked.says(False)
    asked.joins().sends(ACTIONS["publish"](1, "com.x"))
    assert asked.asked()[:2] == ("com.x", "publish")


def test_what_is_cached_is_bounded() -> None:
    """The oldest go."""
    asked = Asked().serves()
    client = asked.joins()
    for number in range(MOST_CACHED + 1):
        client.sends(Publish(number + 1, PublishOptions(), f"com.x{number}"))
        asked.says({"allow": True, "cache": True})
    client.sends(Publish(1, PublishOptions(), "com.x1"))
    asked.authorizer.gets_nothing()
    client.sends(Publish(1, PublishOptions(), "com.x0"))
    assert asked.asked()[0] == "com.x0"


def test_another_session_on_the_same_connection_is_asked_about() -> None:
    """Nothing is taken along over GOODBYE."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.says({"allow": True, "cache": True})
    client.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    client.inbox.clear()
    client.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    client.gets_nothing()
    assert asked.asked()[:2] == ("com.x", "publish")


# --- order -------------------------------------------------------------------------------------------------------


def test_what_comes_meanwhile_waits_in_order() -> None:
    """Also what needs no asking."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["subscribe"](1, "com.x"))
    client.sends(Unsubscribe(2, 999))
    client.sends(ACTIONS["publish"](3, "com.x"))
    client.sends(Call(4, CallOptions(), "com.p"))
    client.sends(Cancel(4, CancelOptions()))
    asked.says(True)
    asked.says(False)
    assert asked.asked()[:2] == ("com.p", "call")
    asked.says(True)
    answers = [(type(message), message.request) for message in client.everything()]
    assert answers == [(Subscribed, 1), (Error, 2), (Error, 3), (Error, 4)]


def test_publications_arrive_in_the_order_they_were_made() -> None:
    """Though some were decided already, and some have to be asked about."""
    asked = Asked().serves()
    reader = asked.joins("open")
    reader.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com."))
    reader.next()
    client = asked.joins()
    client.sends(Publish(1, PublishOptions(), "com.known", args(1)))
    asked.says({"allow": True, "cache": True})
    for number, topic in enumerate(["com.known", "com.new", "com.known", "com.denied", "com.known"], 2):
        client.sends(Publish(number, PublishOptions(), topic, args(number)))
    asked.says(True)
    asked.says(False)
    assert [reader.loads(event.args) for event in reader.everything()] == [[1], [2], [3], [4], [6]]


def test_others_do_not_wait() -> None:
    """Only the session that is asked about."""
    asked = Asked().serves()
    one, other = asked.joins(), asked.joins()
    one.sends(ACTIONS["publish"](1, "com.x"))
    other.sends(ACTIONS["publish"](1, "com.y"))
    question = asked.question()
    asked.says(True)
    assert type(other.next()) is Published
    one.gets_nothing()
    asked.authorizer.sends(Yield(question.request, YieldOptions(), args(True)))
    asked.turn()
    assert type(one.next()) is Published


def test_a_session_gets_events_and_invocations_while_it_waits() -> None:
    """What it answers to those waits."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["register"](1, "com.p"))
    asked.says(True)
    client.next()
    client.sends(ACTIONS["publish"](2, "com.x"))
    question = asked.question()
    asked.authorizer.sends(Call(5, CallOptions(), "com.p"))
    client.sends(Yield(client.next().request, YieldOptions(), args(1)))
    asked.authorizer.gets_nothing()
    asked.authorizer.sends(Yield(question.request, YieldOptions(), args(True)))
    asked.turn()
    asked.authorizer.gets(Result(5, ResultDetails(), args(1)))


def test_goodbye_waits_for_what_was_said_before_it() -> None:
    """The client's publication counts; then it has left."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    client.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    client.gets_nothing()
    asked.says(True)
    assert [type(message) for message in client.everything()] == [Published, Goodbye]
    assert client.session.id not in asked.realm.sessions


def test_a_new_session_after_goodbye_gets_what_waits() -> None:
    """HELLO behind GOODBYE opens another one, whose messages wait for their own decisions."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    client.sends(Goodbye(CloseDetails(), "wamp.close.normal"))
    client.sends(Hello("realm1", HelloDetails(roles={"publisher": {}})))
    client.sends(ACTIONS["publish"](1, "com.y"))
    asked.says(True)
    assert [type(message) for message in client.everything()] == [Published, Goodbye, Welcome]
    asked.says(True)
    assert type(client.next()) is Published


@pytest.mark.parametrize("end", ["lost", "abort", "killed", "violated"])
def test_a_session_that_ends_while_it_waits(end: str) -> None:
    """Nothing of what waits is done, and the answer that comes then changes nothing."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Publish(1, PublishOptions(retain=True), "com.x", args(1)))
    client.sends(ACTIONS["register"](2, "com.p"))
    if end == "lost":
        client.session.lost()
    elif end == "abort":
        client.sends(Abort(CloseDetails(), "com.bye"))
    elif end == "killed":
        client.session.goodbye("wamp.close.killed")
    else:
        client.session.abort("wamp.error.protocol_violation", "so")
    client.inbox.clear()
    asked.says(True)
    client.gets_nothing()
    asked.authorizer.gets_nothing()
    assert len(asked.realm.broker.retained) == 0
    assert not list(asked.realm.dealer.registrations.matches("com.p"))
    assert client.session.id not in asked.realm.sessions


def test_an_authorizer_that_does_not_answer_in_time() -> None:
    """All that waited until then has waited long enough; what comes later is asked about again."""
    asked = Asked(Role(name="asks", authorizer=AUTHORIZER, authorizer_timeout=300)).serves()
    client = asked.joins()
    for request in (1, 2, 3):
        client.sends(ACTIONS["publish"](request, "com.x"))
    asked.turn(0.299)
    client.gets_nothing()
    asked.turn(0.002)
    asked.turn()
    assert [(error.request, error.uri) for error in client.everything()] == [
        (request, AUTHORIZATION_FAILED) for request in (1, 2, 3)
    ]
    asked.authorizer.inbox.clear()
    client.sends(ACTIONS["publish"](4, "com.x"))
    asked.says(True)
    assert type(client.next()) is Published


# --- bounds ------------------------------------------------------------------------------------------------------


class Throttled(Player):
    """A player whose transport can be paused."""

    reading = True

    def stop_reading(self) -> None:
        self.reading = False

    def read_on(self) -> None:
        self.reading = True


def _fill(client: Player, size: int, start: int = 2) -> int:
    """Publish until so many bytes wait. Result: the next request."""
    payload = args(b"x" * 1000)
    for request in range(start, start + size // 1200):
        client.sends(Publish(request, PublishOptions(acknowledge=True), "com.x", payload))
    return start + size // 1200


def test_a_session_that_says_too_much_meanwhile_is_not_listened_to() -> None:
    """Until the authorizer has answered; nothing is lost."""
    asked = Asked().serves()
    client = Throttled(asked.router, "asks", Limits(authorizer_queue=10_000)).joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    _fill(client, 9_600)
    assert client.reading
    last = _fill(client, 50_000, 20)
    assert not client.reading
    asked.says({"allow": True, "cache": True})
    assert client.reading
    assert len(list(client.everything())) == 8 + last - 20 + 1


def test_one_that_goes_on_all_the_same_is_ended() -> None:
    """A read that blows up when it is inflated; what waits is bounded."""
    asked = Asked().serves()
    client = Throttled(asked.router, "asks", Limits(authorizer_queue=10_000)).joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    _fill(client, 2_200_000)
    abort = client.next()
    assert (type(abort), abort.reason) == (Abort, LIMIT_EXCEEDED)
    assert "authorizer_queue" in abort.details.message
    assert client.closed
    assert client.reading


def test_one_that_cannot_be_kept_from_speaking_is_ended() -> None:
    """A part of this process."""
    asked = Asked().serves()
    client = asked.joins(limits=Limits(authorizer_queue=10_000))
    client.sends(ACTIONS["publish"](1, "com.x"))
    _fill(client, 20_000)
    assert client.next().reason == LIMIT_EXCEEDED


def test_one_long_message_alone_is_no_reason() -> None:
    """It is here already."""
    asked = Asked().serves()
    client = asked.joins(limits=Limits(authorizer_queue=10_000))
    client.sends(Publish(1, PublishOptions(acknowledge=True), "com.x", args(b"x" * 100_000)))
    client.sends(ACTIONS["publish"](2, "com.x"))
    asked.says({"allow": True, "cache": True})
    assert [type(message) for message in client.everything()] == [Published] * 2


# --- loops -------------------------------------------------------------------------------------------------------


def test_a_role_cannot_serve_its_own_authorizer() -> None:
    """It is told at once, and so is the operator."""
    asked = Asked()
    client = asked.joins()
    client.sends(ACTIONS["register"](1, AUTHORIZER))
    error = _failed(client, AUTHORIZATION_FAILED)
    assert "cannot serve that; a role with permissions would be right" in client.loads(error.args)[0]
    assert "role that has permissions" in asked.complaints[0]


def test_a_session_that_serves_its_own_authorizer_by_a_pattern_is_refused() -> None:
    """It would wait for itself."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Register(1, RegisterOptions(match="prefix"), "com.example."))
    asked.says(True)
    client.next()
    asked.authorizer.session.lost()
    client.sends(ACTIONS["publish"](2, "com.x"))
    _failed(client, AUTHORIZATION_FAILED)
    client.gets_nothing()


def test_an_authorizer_that_waits_for_another_is_told_of() -> None:
    """Two that wait for each other end by their timeouts; the operator learns where to look."""
    asked = Asked(ASKS, Role(name="other", authorizer="com.second")).serves("com.second")
    first, client = asked.joins("other"), asked.joins()
    first.sends(ACTIONS["register"](1, AUTHORIZER))
    asked.says(True)
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.turn(6)
    asked.turn()
    _failed(client, AUTHORIZATION_FAILED)
    (line,) = asked.complaints
    assert "no result within 5000 ms" in line
    assert line.endswith("who serves it has the role 'other', which asks an authorizer too and may wait for it")


def test_what_a_waiting_session_answers_an_authorizers_question_does_not_wait() -> None:
    """Or those who wait for each other would wait for ever."""
    asked = Asked(Role(name="asks", authorizer=AUTHORIZER), Role(name="other", authorizer="com.second")).serves()
    second, client = asked.joins(), asked.joins("other")
    second.sends(ACTIONS["register"](1, "com.second"))
    asked.says(True)
    second.next()
    second.sends(ACTIONS["publish"](2, "com.x"))
    client.sends(ACTIONS["publish"](1, "com.y"))
    second.sends(Yield(second.next().request, YieldOptions(), args(True)))
    asked.turn()
    assert type(client.next()) is Published
    second.gets_nothing()
    asked.says(True)
    assert type(second.next()) is Published


# --- older authorizers, testaments, history ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "authorize() takes 3 positional arguments but 4 were given",
        "authorize() takes exactly 3 arguments (4 given)",
        "TypeError: C.authorize() takes from 1 to 4 positional arguments but 5 were given",
    ],
)
def test_an_authorizer_of_three_arguments(text: str) -> None:
    """Those written for early versions of Crossbar take no options. It is found out once."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.fails(RUNTIME_ERROR, text)
    assert len(client.loads(asked.authorizer.inbox[0].args)) == 3
    asked.says(True)
    client.sends(ACTIONS["publish"](2, "com.x"))
    assert len(client.loads(asked.authorizer.inbox[0].args)) == 3
    asked.fails(RUNTIME_ERROR, "authorize() missing 1 required positional argument: 'options'")
    asked.says(False)
    assert [type(message) for message in client.everything()] == [Published, Error]


def test_an_authorizer_that_takes_neither_three_nor_four() -> None:
    """Is asked twice, not for ever."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["publish"](1, "com.x"))
    asked.fails(RUNTIME_ERROR, "f() takes 1 positional argument but 4 were given")
    asked.fails(RUNTIME_ERROR, "f() takes 1 positional argument but 3 were given")
    _failed(client, AUTHORIZATION_FAILED)
    asked.authorizer.gets_nothing()


def _testament(client: Player, request: int, topic: str) -> None:
    client.sends(Call(request, CallOptions(), "wamp.session.add_testament", args(topic, ["gone"], {})))


def test_a_testament_is_decided_when_it_is_made() -> None:
    """First the call, then the publication; at the end nobody is asked."""
    asked = Asked().serves()
    reader = asked.joins("open")
    reader.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com."))
    reader.next()
    client = asked.joins()
    for topic, allowed in (("com.yes", True), ("com.no", False)):
        _testament(client, 1, topic)
        assert asked.asked()[:2] == ("wamp.session.add_testament", "call")
        asked.says(True)
        assert asked.asked() == (topic, "publish", {})
        asked.says(allowed)
        assert type(client.next()) is (Result if allowed else Error)
    client.session.lost()
    asked.authorizer.gets_nothing()
    assert [reader.loads(event.args) for event in reader.everything()] == [["gone"]]


def test_a_callee_that_is_asked_about_may_be_canceled() -> None:
    """The question of a CALL is nothing that its caller's CANCEL overtakes."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(ACTIONS["call"](1, AUTHORIZER + ".other"))
    client.sends(Cancel(1, CancelOptions()))
    asked.authorizer.sends(Register(2, RegisterOptions(), AUTHORIZER + ".other"))
    question = asked.question()
    asked.authorizer.next()
    asked.authorizer.sends(Yield(question.request, YieldOptions(), args(True)))
    asked.turn()
    assert type(asked.authorizer.next()) is Invocation
    _failed(client, CANCELED)


def test_a_local_part_may_have_such_a_role() -> None:
    """A bridge, say."""
    asked = Asked().serves()
    local = Player(asked.router)
    local.session = asked.realm.admit(local, "asks", "kitchen")
    local.sends(ACTIONS["publish"](1, "com.x"))
    assert local.loads(asked.authorizer.inbox[0].args)[0]["authid"] == "kitchen"
    asked.says(True)
    assert type(local.next()) is Published


def test_the_authorizer_itself_needs_nobody() -> None:
    """Its role has permissions; what is asked of it does not come back."""
    asked = Asked(ASKS, Role(name="guards", permissions=[Permission(uri="", match="prefix", allow=EVERYTHING)]))
    guard = asked.joins("guards")
    guard.sends(Register(1, RegisterOptions(), AUTHORIZER))
    assert type(guard.next()) is Registered
    asked.joins().sends(ACTIONS["call"](1, "com.x"))
    guard.sends(Publish(2, PublishOptions(acknowledge=True), "com.log"))
    assert [type(message) for message in guard.everything()] == [Invocation, Published]


def test_nothing_is_left_of_questions() -> None:
    """No timer, no call, no session."""
    asked = Asked().serves()
    client = asked.joins()
    for request in (1, 2):
        client.sends(ACTIONS["call"](request, "com.x"))
    asked.says(True)
    client.session.lost()
    asked.authorizer.session.lost()
    asked.turn()
    assert not asked.clock.getDelayedCalls()
    assert not asked.realm.inquiries.session.calls
    assert not asked.realm.sessions

