"""A session from the other end, joined to a realm of this process; and callers who are not nice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from edge_router.client import CallError, Invoked, Received, Result, Session
from edge_router.client.local import MOST_WAITING, join
from edge_router.transports.outbox import Outbox
from edge_router.wamp.codecs import CBOR, MSGPACK
from edge_router.wamp.errors import INVALID_PAYLOAD, ProtocolViolation, TranscodeError
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    Cancel,
    CancelOptions,
    Error,
    Invocation,
    InvocationDetails,
    Message,
    Passthru,
    Publish,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unsubscribe,
)
from tests.router.players import Player, args, kwargs, make_router


class House:
    """A realm, and local sessions in it. `turn` is one turn of the reactor, in which answers arrive."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.router = make_router(clock=self.clock)
        self.realm = self.router.realms["realm1"]
        self.outbox = Outbox(self.clock)

    def join(self) -> Session:
        return join(lambda peer: self.realm.admit(peer, "trusted", "bridge:x"), self.outbox)

    def player(self, **options: Any) -> Player:
        return Player(self.router, **options).joins()

    def turn(self) -> None:
        for _ in range(4):
            self.clock.advance(0)

    def result(self, deferred: Deferred[Any]) -> Any:
        """What the Deferred has by now; raises its failure."""
        self.turn()
        found: list[Any] = []
        deferred.addBoth(found.append)
        assert found, "it has not fired"
        if isinstance(found[0], Failure):
            found[0].raiseException()
        return found[0]

    def failure(self, deferred: Deferred[Any]) -> CallError:
        with pytest.raises(CallError) as caught:
            self.result(deferred)
        return caught.value

    def serve(self, handler: Callable[..., Any], **options: Any) -> Session:
        """A session that serves `com.work`."""
        session = self.join()
        self.result(session.register("com.work", handler, **options))
        return session


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def logged() -> Any:
    """What was logged with a failure."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


# --- events ------------------------------------------------------------------------------------------------------


def test_an_event_reaches_a_handler_in_the_next_turn(house: House) -> None:
    """Never in the middle of the router's work."""
    got: list[Received] = []
    reader, writer = house.join(), house.join()
    house.result(reader.subscribe("com.x", got.append))
    writer.publish("com.x", [1], {"k": b"\xff"})
    assert not got
    house.turn()
    (event,) = got
    assert (event.topic, event.args, event.kwargs) == ("com.x", [1], {"k": b"\xff"})


def test_a_pattern_subscriber_learns_the_topic(house: House) -> None:
    """From the details."""
    got: list[Received] = []
    session = house.join()
    house.result(session.subscribe("com.", got.append, match="prefix"))
    session.publish("com.x.y", exclude_me=False)
    house.turn()
    assert [event.topic for event in got] == ["com.x.y"]


def test_an_acknowledged_publication_gives_its_id_or_its_error(house: House) -> None:
    """Without acknowledge there is nothing to wait for."""
    session = house.join()
    assert session.publish("com.x") is None
    acknowledged = session.publish("com.x", acknowledge=True)
    assert acknowledged is not None
    assert house.result(acknowledged) > 0
    refused = session.publish("com..x", acknowledge=True)
    assert refused is not None
    assert house.failure(refused).uri == "wamp.error.invalid_uri"


def test_two_handlers_of_one_topic_are_one_subscription_at_the_router(house: House) -> None:
    """Which ends with the last of them."""
    got: list[str] = []
    session, writer = house.join(), house.join()
    one = house.result(session.subscribe("com.x", lambda _: got.append("one")))
    two = house.result(session.subscribe("com.x", lambda _: got.append("two")))
    writer.publish("com.x")
    house.turn()
    house.result(one.unsubscribe())
    writer.publish("com.x")
    house.turn()
    house.result(two.unsubscribe())
    writer.publish("com.x")
    house.turn()
    assert got == ["one", "two", "two"]
    assert not len(house.realm.broker.subscriptions)


def test_a_handler_that_fails_is_logged_and_the_next_event_comes(house: House, logged: list[LogEvent]) -> None:
    """The application's mistake does not end the session."""
    calls: list[Received] = []

    def fail(event: Received) -> None:
        calls.append(event)
        raise RuntimeError("a mistake")

    session, writer = house.join(), house.join()
    house.result(session.subscribe("com.x", fail))
    writer.publish("com.x")
    writer.publish("com.x")
    house.turn()
    assert len(calls) == len(logged) == 2


def test_a_payload_without_a_form_is_told_at_once(house: House) -> None:
    """Before anything is sent."""
    session = house.join()
    with pytest.raises(TranscodeError):
        session.publish("com.x", [object()])


def test_events_that_nobody_comes_round_to_are_bounded_and_counted(house: House) -> None:
    """A bound for bugs."""
    session, writer = house.join(), house.player()
    house.result(session.subscribe("com.x", lambda _: None))
    for _ in range(MOST_WAITING + 10):
        writer.sends(Publish(1, PublishOptions(), "com.x"))
    (peer,) = [s.peer for s in house.realm.sessions.values() if s.authid == "bridge:x"]
    assert peer.dropped == 10


# --- calls -------------------------------------------------------------------------------------------------------


def test_a_call_gives_args_and_kwargs(house: House) -> None:
    """One value, many, none."""
    house.serve(lambda kind: {"one": 1, "none": None, "many": Result([1, 2], {"k": 3})}[kind])
    caller = house.join()
    assert house.result(caller.call("com.work", ["one"])).value == 1
    assert house.result(caller.call("com.work", ["none"])) == Result((), {})
    assert house.result(caller.call("com.work", ["many"])) == Result([1, 2], {"k": 3})


def test_an_error_of_the_handler_reaches_the_caller(house: House) -> None:
    """URI, args and kwargs."""

    def fail() -> None:
        raise CallError("com.bad", 1, "two", hint="three")

    house.serve(fail)
    error = house.failure(house.join().call("com.work"))
    assert (error.uri, list(error.error_args), dict(error.error_kwargs)) == ("com.bad", [1, "two"], {"hint": "three"})


def test_any_other_exception_is_logged_and_a_runtime_error(house: House, logged: list[LogEvent]) -> None:
    """The caller learns that it failed."""
    house.serve(lambda: 1 // 0)
    assert house.failure(house.join().call("com.work")).uri == "wamp.error.runtime_error"
    assert [event["log_failure"].type for event in logged] == [ZeroDivisionError]


@pytest.mark.parametrize("name", ["f", "self", "uri", "handler", "request", "args"])
def test_no_name_of_a_keyword_argument_does_harm(house: House, name: str) -> None:
    """Callers choose them freely."""
    house.serve(lambda **given: Result([], given))
    assert house.result(house.join().call("com.work", (), {name: 1})).kwargs == {name: 1}


@pytest.mark.parametrize("name", ["uri", "self", "args", "f"])
def test_no_name_of_a_keyword_in_an_error_does_harm(house: House, name: str) -> None:
    """Callees choose them freely."""
    callee, caller = house.player(), house.join()
    callee.sends(Register(1, RegisterOptions(), "com.work"))
    answer = caller.call("com.work")
    callee.next()
    assert type(callee.next()) is Invocation
    callee.sends(Error(68, 1, Passthru(), "com.bad", args(1), kwargs(**{name: 2})))
    error = house.failure(answer)
    assert (list(error.error_args), dict(error.error_kwargs)) == ([1], {name: 2})


def test_keywords_that_are_no_strings_do_not_get_in(house: House) -> None:
    """CBOR could say them."""
    caller = house.player(codec=CBOR)
    with pytest.raises(ProtocolViolation):
        caller.sends(Call(1, CallOptions(), "com.work", Raw(b"\x80"), Raw(b"\xa1\x01\x02")))


def test_an_answer_that_has_no_form_here_fails_the_call(house: House) -> None:
    """A number that MsgPack cannot say."""
    callee, caller = house.player(codec=CBOR), house.join()
    callee.sends(Register(1, RegisterOptions(), "com.work"))
    answer = caller.call("com.work")
    callee.sends(Error(68, 1, Passthru(), "com.bad", CBOR.dumps([2**70])))
    assert house.failure(answer).uri == INVALID_PAYLOAD


@pytest.mark.parametrize(
    "value",
    [object(), Result(5), Result([object()]), Result([], {"a": object()})],
    ids=["object", "args of int", "object in args", "object in kwargs"],
)
def test_a_result_without_a_form_is_an_error_to_the_caller(house: House, value: Any, logged: list[LogEvent]) -> None:
    """Nobody waits for ever."""
    house.serve(lambda: value)
    assert house.failure(house.join().call("com.work")).uri == "wamp.error.runtime_error"


def test_an_error_without_a_form_is_an_error_all_the_same(house: House) -> None:
    """Nobody waits for ever."""

    def fail() -> None:
        raise CallError("com.bad", object())

    house.serve(fail)
    assert house.failure(house.join().call("com.work")).uri == "com.bad"


@pytest.mark.parametrize("later", [True, False])
def test_progressive_results_come_while_the_handler_runs_and_after(house: House, later: bool) -> None:
    """From a plain function as well as from a Deferred."""
    work: Deferred[str] = Deferred()

    def handler(invoked: Invoked, first: int) -> Any:
        assert invoked.progress is not None
        assert invoked.procedure == "com.work"
        if not later:
            invoked.progress(first, k=1)
            return "done"
        house.clock.callLater(0, invoked.progress, first, k=1)
        house.clock.callLater(0, work.callback, "done")
        return work

    house.serve(handler, details=True)
    heard: list[Result] = []
    assert house.result(house.join().call("com.work", [7], on_progress=heard.append)).value == "done"
    assert heard == [Result([7], {"k": 1})]


def test_who_wants_no_progress_gets_none(house: House) -> None:
    """The handler is told."""
    house.serve(lambda invoked: invoked.progress is None, details=True)
    assert house.result(house.join().call("com.work")).value is True


def test_canceling_the_deferred_cancels_the_call_and_the_work(house: House) -> None:
    """killnowait."""
    canceled: list[str] = []
    house.serve(lambda: Deferred(lambda _: canceled.append("yes")))
    caller = house.join()
    answer = caller.call("com.work")
    house.turn()
    answer.cancel()
    with pytest.raises(CancelledError):
        house.result(answer)
    assert canceled == ["yes"]
    assert not any(session.calls for session in house.realm.sessions.values())


def test_kill_answers_with_canceled(house: House) -> None:
    """The caller waits for what the callee says."""
    house.serve(Deferred)
    caller = house.player()
    caller.sends(Call(1, CallOptions(), "com.work"))
    house.turn()
    caller.sends(Cancel(1, CancelOptions(mode="kill")))
    house.turn()
    assert caller.next().uri == "wamp.error.canceled"


def test_a_timeout_is_an_error(house: House) -> None:
    """In milliseconds."""
    house.serve(Deferred)
    answer = house.join().call("com.work", timeout=500)
    house.turn()
    house.clock.advance(0.6)
    assert house.failure(answer).uri == "wamp.error.timeout"


def test_unregistering_frees_the_procedure(house: House) -> None:
    """And registering what is taken fails."""
    session = house.join()
    registration = house.result(session.register("com.x", lambda: 1))
    other = house.join()
    assert house.failure(other.register("com.x", lambda: 2)).uri == "wamp.error.procedure_already_exists"
    house.result(registration.unregister())
    house.result(other.register("com.x", lambda: 2))
    assert house.result(session.call("com.x")).value == 2


# --- what overlaps -----------------------------------------------------------------------------------------------


def test_unsubscribing_while_another_handler_subscribes_leaves_that_one_its_events(house: House) -> None:
    """The router knows one subscription per session and topic, and would end it for both."""
    first: list[Received] = []
    second: list[Received] = []
    session, writer = house.join(), house.join()
    early = house.result(session.subscribe("com.x", first.append))
    late = session.subscribe("com.x", second.append)
    gone = early.unsubscribe()
    house.result(gone)
    kept = house.result(late)
    writer.publish("com.x", [1])
    house.turn()
    assert ([event.args for event in first], [event.args for event in second]) == ([], [[1]])
    house.result(kept.unsubscribe())
    assert house.result(house.join().call("wamp.subscription.list")).value["exact"] == []


def test_a_subscription_nobody_wants_ends_when_the_request_that_kept_it_fails() -> None:
    """It was kept for a handler that never came; while one waits, the router is asked nothing."""
    sent: list[Message] = []
    session = Session(MSGPACK, sent.append)
    early = session.subscribe("com.x", print)
    session.receive(Subscribed(1, 7))
    late = session.subscribe("com.x", print)
    early.addCallback(lambda subscription: subscription.unsubscribe())
    assert [type(message) for message in sent] == [Subscribe, Subscribe]
    session.receive(Error(32, 2, Passthru(), "wamp.error.not_authorized"))
    late.addErrback(lambda failure: failure.trap(CallError))
    assert sent[2:] == [Unsubscribe(3, 7)]


def test_what_is_canceled_while_it_is_asked_for_is_given_back(house: House) -> None:
    """Nobody would ever end that subscription, or free that procedure."""
    session = house.join()
    for waiting in (session.subscribe("com.x", print), session.register("com.y", print)):
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
    house.turn()
    (receiving,) = house.realm.sessions.values()
    assert (receiving.subscriptions, receiving.registrations) == ({}, {})


def test_a_canceled_request_that_fails_is_done_with(house: House) -> None:
    """Also when the session ends first."""
    session = house.join()
    for topic in ("com..x", "com.x"):
        waiting = session.subscribe(topic, print)
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
    house.turn()
    session.subscribe("com.x", print).addErrback(lambda failure: failure.trap(CancelledError)).cancel()
    session.leave()


# --- messages that cannot leave ----------------------------------------------------------------------------------


def short_of_breath(message: Message) -> None:
    """A transport that takes messages of 100 octets."""
    if len(MSGPACK.encode(message)) > 100:
        raise CallError("wamp.error.payload_size_exceeded")


def test_a_request_that_cannot_leave_fails_at_once() -> None:
    """And nothing waits for its answer."""
    session = Session(MSGPACK, short_of_breath)
    with pytest.raises(CallError, match="payload_size_exceeded"):
        session.publish("com.x", ["x" * 100])
    failed: list[Failure] = []
    session.call("com.x", ["x" * 100]).addErrback(failed.append)
    (failure,) = failed
    assert failure.value.uri == "wamp.error.payload_size_exceeded"  # type: ignore[union-attr]
    session.lost("the test ends")


def test_a_result_that_cannot_leave_is_an_error_to_the_caller() -> None:
    """So is an error that carries too much."""
    sent: list[Message] = []

    def send(message: Message) -> None:
        short_of_breath(message)
        sent.append(message)

    def serve(kind: str) -> str:
        if kind == "error":
            raise CallError("com.bad", "x" * 100)
        return "x" * 100

    session = Session(MSGPACK, send)
    session.register("com.work", serve)
    session.receive(Registered(1, 1))
    for number, kind in enumerate(("result", "error"), 1):
        session.receive(Invocation(number, 1, InvocationDetails(), MSGPACK.dumps([kind])))
    assert sent[1:] == [
        Error(68, 1, Passthru(), "wamp.error.payload_size_exceeded"),
        Error(68, 2, Passthru(), "com.bad"),
    ]


def test_nothing_is_published_when_the_session_is_over(house: House) -> None:
    """It would be lost without a word."""
    session = house.join()
    session.leave()
    assert not session.is_open
    with pytest.raises(CallError, match="the session is over"):
        session.publish("com.x")


# --- the end -----------------------------------------------------------------------------------------------------


def test_leaving_ends_everything_and_later_requests_fail(house: House) -> None:
    """What waits fails, what works is canceled."""
    canceled: list[str] = []
    left: list[str] = []
    worker = house.serve(lambda: Deferred(lambda _: canceled.append("yes")))
    caller = house.join()
    answer = caller.call("com.work")
    house.turn()
    worker.on_leave = left.append
    worker.leave()
    worker.leave()
    assert house.failure(answer).uri == "wamp.error.canceled"
    assert canceled == ["yes"]
    assert left == ["wamp.close.normal"]
    assert house.failure(worker.call("com.x")).uri == "wamp.error.network_failure"
    assert len(house.realm.sessions) == 1


def test_a_router_that_ends_is_told_to_the_session(house: House) -> None:
    """GOODBYE is answered."""
    left: list[str] = []
    session = house.join()
    session.on_leave = left.append
    (receiving,) = house.router.goodbye("wamp.close.system_shutdown")
    house.turn()
    assert left == ["wamp.close.system_shutdown"]
    assert receiving.ended


def test_a_handler_may_leave(house: House) -> None:
    """Nothing is sent after GOODBYE."""
    session = house.join()

    def leave() -> str:
        session.leave()
        return "too late"

    house.result(session.register("com.work", leave))
    answer = house.join().call("com.work")
    assert house.failure(answer).uri == "wamp.error.canceled"


def test_a_failure_in_one_message_does_not_lose_the_others(house: House, logged: list[LogEvent]) -> None:
    """What waits behind it is handled."""
    got: list[Received] = []
    session, writer = house.join(), house.join()
    house.result(session.subscribe("com.x", got.append))
    receive = session.receive
    failed: list[int] = []

    def fail_once(message: Any) -> None:
        if not failed:
            failed.append(1)
            raise RuntimeError("a bug")
        receive(message)

    session.receive = fail_once  # type: ignore[method-assign]
    writer.publish("com.x", [1])
    writer.publish("com.x", [2])
    house.turn()
    assert [event.args for event in got] == [[2]]
    assert len(logged) == 1


def test_local_and_remote_sessions_are_alike(house: House) -> None:
    """A player with another encoding on the other side."""
    got: list[Received] = []
    session, player = house.join(), house.player(codec=CBOR)
    house.result(session.subscribe("com.x", got.append))
    house.result(session.register("com.work", lambda value: value))
    player.sends(Publish(1, PublishOptions(), "com.x", CBOR.dumps([b"\xff"])))
    player.sends(Call(2, CallOptions(), "com.work", CBOR.dumps([b"\xfe"])))
    player.sends(Subscribe(3, SubscribeOptions(), "com.y"))
    house.turn()
    assert got[0].args == [b"\xff"]
    assert type(player.next()).__name__ == "Subscribed"
    assert player.loads(player.next().args) == [b"\xfe"]


def test_what_the_router_takes_away_is_gone(house: House) -> None:
    """A revoked subscription or registration is forgotten, and nothing that still comes for it does harm."""
    session, admin = house.join(), house.join()
    got: list[Any] = []
    subscription = house.result(session.subscribe("com.x", got.append))
    registration = house.result(session.register("com.y", lambda: "served"))
    house.result(admin.call("wamp.subscription.remove_subscriber", [subscription.id, session.id, "no more"]))
    house.result(admin.call("wamp.registration.remove_callee", [registration.id, session.id]))
    house.result(admin.publish("com.x", [1], acknowledge=True))
    assert not got
    with pytest.raises(CallError, match="no_such_procedure"):
        house.result(admin.call("com.y"))
    assert house.result(session.register("com.y", lambda: "again")).id != registration.id
    assert house.result(admin.call("com.y")).args == ["again"]
