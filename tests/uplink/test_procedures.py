"""Procedures of one end called from the other: everything that can happen to a call happens to one over a link."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from edge_router.client.values import CallError, Invoked
from edge_router.uplink.session import LinkSession
from edge_router.wamp.messages import (
    EMPTY,
    CallOptions,
    Error,
    Hop,
    Invocation,
    RegisterOptions,
    Result,
    ResultDetails,
    YieldOptions,
)
from tests.uplink.world import World, echo, failing

UP: dict[str, Any] = {"uri": "com.example.", "match": "prefix", "kind": "procedures", "prefix": "site.{node}."}
DOWN: dict[str, Any] = {"uri": "com.", "match": "prefix", "kind": "procedures", "direction": "down"}
WHOLE: dict[str, Any] = {**UP, "mirror": False}


@pytest.mark.parametrize("rule", [UP, WHOLE], ids=["mirrored", "whole pattern"])
@pytest.mark.parametrize("before", [True, False], ids=["registered before the link", "registered after"])
def test_up(world: World, rule: dict[str, Any], before: bool) -> None:
    """A procedure of the board is one of the centre, under its name there; arguments and results are as they were."""
    centre = world.centre()
    board = world.board(None if before else centre, rule)
    world.outcome(board.join().register("com.example.echo", echo))
    board.centre = centre
    world.advance(5)
    result = world.call(centre.join(), "site.a.com.example.echo", 1, "two", kwargs={"three": [3, None]})
    assert (result.args, result.kwargs) == ([1, "two"], {"three": [3, None]})


def test_down(world: World) -> None:
    """Procedures of the centre are there for everybody at the board; what is registered here goes first."""
    centre = world.centre()
    board = world.board(centre, DOWN)
    world.outcome(centre.join().register("com.central", lambda: "central"))
    world.outcome(centre.join().register("com.both", lambda: "central"))
    world.outcome(board.join().register("com.both", lambda: "local"))
    assert world.call(board.join(), "com.central").value == "central"
    assert world.call(board.join(), "com.both").value == "local"


def test_what_nobody_serves(world: World) -> None:
    """The error is the centre's."""
    board = world.board(world.centre(), DOWN)
    error = world.call(board.join(), "com.nobody")
    assert error.uri == "wamp.error.no_such_procedure"


def test_errors_pass(world: World) -> None:
    """URI, arguments and keywords."""
    centre = world.centre()
    board = world.board(centre, UP)
    world.outcome(board.join().register("com.example.bad", failing))
    error = world.call(centre.join(), "site.a.com.example.bad", 7)
    assert (error.uri, error.error_args, error.error_kwargs) == ("com.example.bad", [7], {"why": "no"})


def test_progressive_results_pass(world: World) -> None:
    """In order, and the final one last."""
    centre = world.centre()
    board = world.board(centre, UP)

    def counts(invoked: Invoked, most: int) -> str:
        assert invoked.progress is not None
        for number in range(most):
            invoked.progress(number)
        return "done"

    world.outcome(board.join().register("com.example.count", counts, details=True))
    found: list[Any] = []
    result = world.call(centre.join(), "site.a.com.example.count", 3, on_progress=lambda each: found.append(each.value))
    assert (found, result.value) == ([0, 1, 2], "done")


def test_nobody_is_asked_for_progress_that_nobody_wants(world: World) -> None:
    """`receive_progress` passes as it was."""
    centre = world.centre()
    board = world.board(centre, UP)
    world.outcome(board.join().register("com.example.p", lambda invoked: invoked.progress is None, details=True))
    assert world.call(centre.join(), "site.a.com.example.p").value is True


class Slow:
    """A procedure that takes its time."""

    def __init__(self) -> None:
        self.canceled = 0
        self.work: Deferred[Any] = Deferred()

    def __call__(self, *_args: Any) -> Deferred[Any]:
        self.work = Deferred(self._cancel)
        return self.work

    def _cancel(self, _work: object) -> None:
        self.canceled += 1


@pytest.fixture
def slow() -> Slow:
    return Slow()


def _at_board(world: World, procedure: Any, rule: dict[str, Any] = UP) -> tuple[Any, Any]:
    """A board with a procedure `com.example.slow`. Result: the board, and a session at its centre."""
    centre = world.centre()
    board = world.board(centre, rule)
    world.outcome(board.join().register("com.example.slow", procedure))
    return board, centre.join()


def test_cancel_passes(world: World, slow: Slow) -> None:
    """The callee hears that nobody waits any more."""
    board, caller = _at_board(world, slow)
    call = caller.call("site.a.com.example.slow")
    world.settle()
    call.addErrback(lambda _failure: None)
    call.cancel()
    world.settle()
    assert slow.canceled == 1
    assert board.far._calls == board.far._invoked == board.near._calls == {}


def _from_board(world: World, procedure: Any, **more: Any) -> tuple[Any, list[Any]]:
    """A board whose session calls `com.slow` at the centre. Result: the board, and what comes of the call."""
    centre = world.centre()
    board = world.board(centre, DOWN, **more)
    world.outcome(centre.join().register("com.slow", procedure))
    found: list[Any] = []
    call = board.join().call("com.slow")
    call.addCallbacks(lambda result: found.append(result.value), lambda failure: found.append(failure.value.uri))
    return board, found


def test_a_canceled_call_is_not_made_again(world: World, slow: Slow) -> None:
    """The centre refuses to be told for whom it is, while the caller takes it back."""
    board, found = _from_board(world, slow, role="plain")
    late: list[Any] = []
    receive, board.far.receive = board.far.receive, late.append
    world.settle()
    (relay,) = board.far._calls.values()
    relay.interrupted("kill")
    board.far.receive = receive
    for message in late:
        receive(message)
    world.settle()
    assert found == ["wamp.error.canceled"]
    assert board.far._calls == board.near._invoked == {}


def test_progress_that_nobody_asked_for(world: World, slow: Slow) -> None:
    """A central router that sends it all the same does not have the link's session ended."""
    board, found = _from_board(world, slow)
    world.settle()
    (request,) = board.far._calls
    board.far.receive(Result(request, ResultDetails(progress=True), EMPTY, EMPTY))
    world.settle()
    assert board.near.is_open
    slow.work.callback("done")
    world.settle()
    assert found == ["done"]


def test_timeout_passes(world: World, slow: Slow) -> None:
    """The caller hears in time, and the callee that nobody waits any more."""
    _board, caller = _at_board(world, slow)
    found: list[Any] = []
    caller.call("site.a.com.example.slow", timeout=3000).addErrback(lambda failure: found.append(failure.value.uri))
    world.settle()
    world.advance(2.9)
    assert found == []
    world.advance(0.2)
    assert found == ["wamp.error.timeout"]
    assert slow.canceled == 1


def test_an_answer_in_time_stops_the_clock(world: World, slow: Slow) -> None:
    """Nothing is left behind that would come due."""
    _board, caller = _at_board(world, slow)
    found: list[Any] = []
    caller.call("site.a.com.example.slow", timeout=3000).addCallback(found.append)
    world.settle()
    slow.work.callback("late")
    world.advance(5)
    assert [result.value for result in found] == ["late"]


def test_the_link_goes_down_under_a_call(world: World, slow: Slow) -> None:
    """The caller hears it at once; the callee is canceled."""
    board, caller = _at_board(world, slow, {**UP, "direction": "up"})
    found: list[Any] = []
    caller.call("site.a.com.example.slow").addErrback(lambda failure: found.append(failure.value.uri))
    world.settle()
    board.cut()
    world.settle()
    assert found == ["wamp.error.canceled"]
    assert slow.canceled == 1


def test_the_link_goes_down_under_a_call_to_the_centre(world: World, slow: Slow) -> None:
    """Nobody knows whether it was worked on, and that is what the error says."""
    centre = world.centre()
    board = world.board(centre, DOWN)
    world.outcome(centre.join().register("com.slow", slow))
    found: list[Any] = []
    board.join().call("com.slow").addErrback(lambda failure: found.append(failure.value))
    world.settle()
    board.cut()
    world.settle()
    assert [error.uri for error in found] == ["wamp.error.network_failure"]


def test_calls_while_the_link_is_down_fail_at_once(world: World) -> None:
    """With the reason, and not as if the procedure did not exist."""
    board = world.board(None, DOWN)
    error = world.call(board.join(), "com.central")
    assert error.uri == "wamp.error.unavailable"
    assert str(error) == "wamp.error.unavailable: the uplink 'hq' is down: nobody there"
    assert board.uplink.figures()["calls_refused"] == 1


def test_calls_that_wait_for_the_link(world: World) -> None:
    """`when_down: wait`: they go out when it is up, in order, and fail when they have waited long enough."""
    centre = world.centre()
    seen: list[int] = []
    world.outcome(centre.join().register("com.central", lambda number: seen.append(number) or number))
    board = world.board(None, {**DOWN, "when_down": "wait", "wait": 8})
    caller = board.join()
    found: list[Any] = []
    for number in (1, 2):
        caller.call("com.central", [number]).addBoth(found.append)
    world.settle()
    assert found == []
    board.centre = centre
    world.advance(5)
    assert seen == [1, 2]
    assert [result.value for result in found] == [1, 2]

    board.cut()
    board.centre = None
    caller.call("com.central", [3]).addErrback(lambda failure: found.append(failure.value.uri))
    world.settle()
    world.advance(8)
    assert found[2] == "wamp.error.unavailable"


def test_a_call_that_waits_can_be_canceled(world: World) -> None:
    """It is forgotten."""
    centre = world.centre()
    seen: list[int] = []
    world.outcome(centre.join().register("com.central", lambda: seen.append(1)))
    board = world.board(None, {**DOWN, "when_down": "wait"})
    call = board.join().call("com.central")
    world.settle()
    call.addErrback(lambda _failure: None)
    call.cancel()
    world.settle()
    board.centre = centre
    world.advance(5)
    assert seen == []


@pytest.mark.parametrize(("match", "uri"), [("prefix", "com.example.a."), ("wildcard", "com.example..b")])
def test_patterns_are_mirrored(world: World, match: Any, uri: str) -> None:
    """The callee learns which procedure was called, by its own name."""
    centre = world.centre()
    board = world.board(centre, UP)
    world.outcome(board.join().register(uri, lambda invoked: invoked.procedure, details=True, match=match))
    result = world.call(centre.join(), "site.a.com.example.a.b")
    assert result.value == "com.example.a.b"


def test_patterns_that_are_the_same_to_a_rule(world: World) -> None:
    """Of two that are wider than the rule, one registration is made, and stays until both are gone."""
    centre = world.centre()
    board = world.board(centre, UP)
    wide, wider = (world.outcome(board.join().register(uri, echo, match="prefix")) for uri in ("com.", "co"))
    caller = centre.join()
    assert world.call(caller, "site.a.com.example.x", 7).value == 7
    world.outcome(wide.unregister())
    assert world.call(caller, "site.a.com.example.x", 7).value == 7
    world.outcome(wider.unregister())
    assert world.call(caller, "site.a.com.example.x").uri == "wamp.error.no_such_procedure"


def test_the_policy_is_mirrored(world: World) -> None:
    """Two boards that serve one central name in turn."""
    centre = world.centre()
    rule = {"uri": "com.example.", "match": "prefix", "kind": "procedures"}
    for node in ("a", "b"):
        board = world.board(centre, rule, node=node)
        world.outcome(board.join().register("com.example.who", lambda node=node: node, invoke="roundrobin"))
    assert [world.call(centre.join(), "com.example.who").value for _ in range(4)] == ["a", "b", "a", "b"]


def test_what_is_unregistered_is_withdrawn(world: World) -> None:
    """And what a session had that is gone."""
    centre = world.centre()
    board = world.board(centre, UP)
    registration = world.outcome(board.join().register("com.example.one", echo))
    other = board.join()
    world.outcome(other.register("com.example.two", echo))
    world.outcome(registration.unregister())
    other.leave()
    world.settle()
    for name in ("one", "two"):
        assert world.call(centre.join(), f"site.a.com.example.{name}").uri == "wamp.error.no_such_procedure"


def test_a_name_that_is_taken_is_offered_again(world: World) -> None:
    """After a cut the centre may believe for a while that the old session is there."""
    centre = world.centre()
    ghost = centre.join()
    world.outcome(ghost.register("site.a.com.example.echo", echo))
    board = world.board(centre, UP)
    world.outcome(board.join().register("com.example.echo", lambda: "board"))
    ghost.leave()
    world.advance(2)
    assert world.call(centre.join(), "site.a.com.example.echo").value == "board"


def test_mirrored_procedures_of_the_centre(world: World) -> None:
    """With `mirror` on the way down, what nobody serves is not there; what was stays while the link is down."""
    centre = world.centre()
    board = world.board(centre, {**DOWN, "mirror": True})
    server = centre.join()
    registration = world.outcome(server.register("com.central", lambda: "central"))
    world.outcome(server.register("com.other", lambda: "other"))
    caller = board.join()
    assert world.call(caller, "com.central").value == "central"
    assert world.call(caller, "com.nobody").uri == "wamp.error.no_such_procedure"
    board.cut()
    world.settle()
    assert world.call(caller, "com.central").uri == "wamp.error.unavailable"
    world.outcome(registration.unregister())
    world.advance(5)
    assert world.call(caller, "com.other").value == "other"
    error = world.call(caller, "com.central")
    assert error.uri == "wamp.error.no_such_procedure"
    assert board.realm.dealer.registrations.get("com.central", "exact") is None


def test_what_a_link_offers_is_not_offered_back(world: World) -> None:
    """Both directions on one link: procedures of the centre do not become those of the board there."""
    centre = world.centre()
    world.board(centre, {**DOWN, "direction": "both", "mirror": True})
    world.outcome(centre.join().register("com.central", lambda: "central"))
    registration = centre.realm.dealer.registrations.get("com.central", "exact")
    assert registration is not None
    assert len(registration.callees) == 1
    assert world.call(centre.join(), "com.central").value == "central"


def test_from_board_to_board_by_the_centre(world: World) -> None:
    """With progress, error and cancel."""
    centre = world.centre()
    rules = [UP, {"uri": "site.", "match": "prefix", "kind": "procedures", "direction": "down"}]
    a, b = world.board(centre, *rules), world.board(centre, *rules, node="b")
    slow = Slow()
    world.outcome(a.join().register("com.example.echo", echo))
    world.outcome(a.join().register("com.example.bad", failing))
    world.outcome(a.join().register("com.example.slow", slow))
    caller = b.join()
    assert world.call(caller, "site.a.com.example.echo", 1).args == [1]
    assert world.call(caller, "site.a.com.example.bad", 1).uri == "com.example.bad"
    call = caller.call("site.a.com.example.slow")
    call.addErrback(lambda _failure: None)
    world.settle()
    call.cancel()
    world.settle()
    assert slow.canceled == 1


def test_who_calls_is_known_where_both_routers_say_so(world: World) -> None:
    """The session that it began with."""
    centre = world.centre()
    board = world.board(centre, DOWN)
    found: list[Any] = []
    world.outcome(centre.join().register("com.who", lambda invoked: found.append(invoked.details), details=True))
    caller = board.join("open", "joe")
    world.call(caller, "com.who")
    (details,) = found
    assert (details.caller, details.caller_authid, details.caller_authrole) == (caller.id, "joe", "open")
    assert details.forward_for[0] == Hop(caller.id, "joe", "open")


def test_a_role_that_may_not_forward(world: World) -> None:
    """The call is made again without saying for whom, and the next ones at once."""
    centre = world.centre()
    board = world.board(centre, DOWN, role="plain")
    world.outcome(centre.join().register("com.echo", echo))
    assert [world.call(board.join(), "com.echo", number).args for number in range(3)] == [[0], [1], [2]]


def test_a_call_in_a_ring_ends(world: World) -> None:
    """Two routers that offer each other everything: a call that nobody serves is refused, not passed for ever."""
    a = world.board(None, DOWN)
    b = world.board(a, DOWN, node="b")
    a.centre = b
    world.advance(5)
    error = world.call(b.join(), "com.nobody")
    assert isinstance(error, CallError)
    assert error.uri == "wamp.error.option_not_allowed"


class Raw:
    """A session that sends and gets messages as they are, at one end of a call."""

    def __init__(self, place: Any) -> None:
        self.got: list[Any] = []
        self.session: LinkSession = place.join(kind=LinkSession)

    def _note(self, message: Any) -> None:
        details = message.details
        self.got.append((self.session.codec.loads(message.args), details.ppt_scheme, details.progress))

    # --- as a callee

    def invoked(self, message: Invocation) -> Raw:
        self._note(message)
        return self

    def goes_on(self, message: Invocation) -> None:
        self._note(message)
        args = self.session.codec.dumps([b"\xc1answer"])
        self.session.yield_raw(message.request, YieldOptions(ppt_scheme="mqtt"), args, EMPTY)

    def interrupted(self, _mode: str) -> None:
        raise AssertionError

    left = lost = lambda _self: None

    # --- as a caller

    def result(self, message: Any) -> None:
        self._note(message)

    def refused(self, message: Error) -> None:
        self.got.append(message.uri)


@pytest.mark.parametrize("role", ["board", "plain"])
def test_a_call_in_parts_and_in_passthru_mode(world: World, role: str) -> None:
    """Progressive call invocations, and payloads that no router understands; also where `forward_for` is refused."""
    centre = world.centre()
    board = world.board(centre, DOWN, role=role)
    callee, caller = Raw(centre), Raw(board)
    callee.session.register_raw("com.parts", RegisterOptions(), callee.invoked)
    world.settle()
    session = caller.session
    first, second = (session.codec.dumps([payload]) for payload in (b"\xc1secret", b"\xc1more"))
    request = session.call_raw("com.parts", CallOptions(ppt_scheme="mqtt", progress=True), first, EMPTY, caller)
    session.call_on(request, "com.parts", CallOptions(), second, EMPTY)
    world.settle()
    assert callee.got == [([b"\xc1secret"], "mqtt", True), ([b"\xc1more"], "mqtt", False)]
    assert caller.got == [([b"\xc1answer"], "mqtt", False)]
