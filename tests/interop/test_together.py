"""Clients of several libraries and encodings in one conversation, and what one of them alone cannot show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.interop.puppet import Refused, Session

pytestmark = pytest.mark.slow

Cast = Callable[[str], Session]

#: one of each library, one of each encoding, one of each kind of transport
TROUPE = [
    "twisted/rawsocket/msgpack",
    "asyncio/unix/cbor",
    "autobahn-js/websocket/json",
    "wampy/websocket/cbor",
    "twisted/websocket/json",
    "wampy/websocket/msgpack",
    "autobahn-js/websocket/cbor",
]
#: callees that can be interrupted
INTERRUPTIBLE = ["twisted/rawsocket/msgpack", "asyncio/websocket/cbor"]
#: callees that cannot
STUBBORN = ["autobahn-js/websocket/json", "wampy/websocket/cbor"]
CALLER = "wampy/websocket/msgpack"  # the one library that lets its user choose the mode and waits for the router's word


@pytest.mark.parametrize("publisher", TROUPE)
def test_one_event_for_every_library_and_encoding(publisher: str, cast: Cast, uri: str) -> None:
    """One publication with octets reaches subscribers of all kinds, the same for each."""
    source = cast(publisher)
    audience = [cast(member) for member in TROUPE if member != publisher]
    handles = [member.subscribe(uri) for member in audience]
    octets = bytes(range(256))
    source.publish(uri, 21.5, "°C", source.octets(octets), where={"room": ["kitchen", None]})
    for member, handle in zip(audience, handles, strict=True):
        event = member.event(handle)
        assert event["args"] == [21.5, "°C", member.octets(octets)]
        assert event["kwargs"] == {"where": {"room": ["kitchen", None]}}
        member.unsubscribe(handle)


def test_callee_caller_and_subscriber_of_three_libraries(cast: Cast, uri: str) -> None:
    """A call crosses encodings there and back while a third client of a third encoding listens to both."""
    callee, caller = cast("twisted/rawsocket/msgpack"), cast("autobahn-js/websocket/json")
    listener = cast("wampy/websocket/cbor")
    handle = listener.subscribe(uri, match="prefix")
    callee.register(f"{uri}.twice", "echo")
    for i in range(20):
        octets = caller.octets(bytes((i, 255 - i)))
        assert caller.call(f"{uri}.twice", octets, n=i) == ([octets], {"n": i})
        caller.publish(f"{uri}.called", i)
        callee.publish(f"{uri}.answered", i)
    seen = [listener.event(handle) for _ in range(40)]
    for topic in ("called", "answered"):
        assert [e["args"][0] for e in seen if e["details"]["topic"] == f"{uri}.{topic}"] == list(range(20))
    callee.unregister(f"{uri}.twice")


@pytest.mark.parametrize("callee", INTERRUPTIBLE)
def test_cancel_kill_passes_the_callees_own_error_on(callee: str, cast: Cast, uri: str) -> None:
    """`kill`: INTERRUPT, and the caller gets what the callee answers to that (spec, "Call Canceling")."""
    worker, caller = cast(callee), cast(CALLER)
    worker.register(uri, "hang")
    call, waiting = caller.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    caller.cancel(call, "kill")
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting)
    assert refused.value.uri == "com.example.error.stopped"
    assert refused.value.payload == ["in the middle"]
    worker.puppet.wait(note="interrupted", session=worker.name)
    worker.unregister(uri)


@pytest.mark.parametrize("mode", ["killnowait", None])
@pytest.mark.parametrize("callee", INTERRUPTIBLE)
def test_cancel_killnowait_answers_at_once_and_interrupts(callee: str, mode: str | None, cast: Cast, uri: str) -> None:
    """`killnowait`, also when no mode is named: the router answers, the callee's error is passed over."""
    worker, caller = cast(callee), cast(CALLER)
    worker.register(uri, "hang")
    call, waiting = caller.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    caller.cancel(call, mode)
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting)
    assert refused.value.uri == "wamp.error.canceled"
    worker.puppet.wait(note="interrupted", session=worker.name)
    worker.unregister(uri)


@pytest.mark.parametrize("callee", [*INTERRUPTIBLE, *STUBBORN])
def test_cancel_skip_leaves_the_callee_alone(callee: str, cast: Cast, uri: str) -> None:
    """`skip`: the caller is answered at once, the callee works on, and its late result harms nobody."""
    worker, caller = cast(callee), cast(CALLER)
    worker.register(uri, "hang")
    call, waiting = caller.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    caller.cancel(call, "skip")
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting)
    assert refused.value.uri == "wamp.error.canceled"
    worker.finish()
    worker.unregister(uri)
    assert not worker.puppet.notes(note="interrupted", session=worker.name)
    assert not worker.puppet.notes(note="left", session=worker.name)
    caller.synchronize()


@pytest.mark.parametrize("mode", ["kill", "killnowait"])
@pytest.mark.parametrize("callee", STUBBORN)
def test_cancel_with_a_callee_that_knows_no_interrupt(callee: str, mode: str, cast: Cast, uri: str) -> None:
    """The caller is answered at once, and no INTERRUPT is sent to a client that would take it for an error."""
    worker, caller = cast(callee), cast(CALLER)
    worker.register(uri, "hang")
    call, waiting = caller.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    caller.cancel(call, mode)
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting)
    assert refused.value.uri == "wamp.error.canceled"
    worker.finish()
    worker.unregister(uri)
    assert not worker.puppet.notes(note="left", session=worker.name)


@pytest.mark.parametrize("callee", INTERRUPTIBLE)
def test_autobahn_js_cancels_with_kill(callee: str, cast: Cast, uri: str) -> None:
    """In the other modes autobahn-js rejects by itself, then takes the ERROR that the spec wants for a violation."""
    worker, caller = cast(callee), cast("autobahn-js/websocket/json")
    worker.register(uri, "hang")
    call, waiting = caller.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    caller.cancel(call, "kill")
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting)
    assert refused.value.uri == "com.example.error.stopped"
    worker.puppet.wait(note="interrupted", session=worker.name)
    worker.unregister(uri)


@pytest.mark.parametrize("caller", ["twisted/websocket/json", "asyncio/rawsocket/msgpack"])
def test_autobahn_python_cancels_its_deferred_or_future(caller: str, cast: Cast, uri: str) -> None:
    """Canceling what `call` returned interrupts the callee; the caller's session goes on."""
    worker, source = cast("twisted/rawsocket/cbor"), cast(caller)
    worker.register(uri, "hang")
    call, waiting = source.begin_call(uri)
    worker.puppet.wait(note="hangs", session=worker.name)
    source.cancel(call)
    with pytest.raises(Refused):
        source.puppet.answer(waiting)
    worker.puppet.wait(note="interrupted", session=worker.name)
    worker.unregister(uri)
    source.synchronize()
    assert not source.puppet.notes(note="left", session=source.name)


@pytest.mark.parametrize("policy", ["roundrobin", "random", "first", "last"])
def test_shared_registration_among_libraries(policy: str, cast: Cast, uri: str) -> None:
    """Callees of all libraries share a procedure; the invocation policy says whose turn it is."""
    callees = [cast(member) for member in TROUPE[:4]]
    caller = cast("twisted/websocket/json")
    for callee in callees:
        callee.register(uri, "name", tag=callee.name, invoke=policy)
    turns = [caller.call(uri)[0][0] for _ in range(40)]
    names = [callee.name for callee in callees]
    if policy == "roundrobin":
        assert turns == names * 10
    elif policy == "random":
        assert set(turns) <= set(names)
        assert len(Counter(turns)) > 1
    else:
        assert set(turns) == {names[0 if policy == "first" else -1]}
    with pytest.raises(Refused) as refused:
        caller.register(uri, "name", invoke="single")
    assert refused.value.uri == "wamp.error.procedure_exists_with_different_invocation_policy"
    for callee in callees:
        callee.unregister(uri)


@pytest.mark.parametrize("callee", [TROUPE[0], "autobahn-js/websocket/cbor", "asyncio/websocket/json"])
def test_pattern_registration_names_the_procedure(callee: str, cast: Cast, uri: str) -> None:
    """Exact wins over prefix, prefix over wildcard; the INVOCATION of a pattern says what was called."""
    worker, other, caller = cast(callee), cast("wampy/websocket/json"), cast("twisted/unix/cbor")
    worker.register(f"{uri}.a", "who", match="prefix")
    worker.register(f"{uri}..c", "who", match="wildcard")
    other.register(f"{uri}.a.exact", "name", tag="exact")
    assert caller.call(f"{uri}.a.b")[0][0]["procedure"] == f"{uri}.a.b"
    assert caller.call(f"{uri}.b.c")[0][0]["procedure"] == f"{uri}.b.c"
    assert caller.call(f"{uri}.a.exact")[0] == ["exact"]
    worker.unregister(f"{uri}.a")
    worker.unregister(f"{uri}..c")
    other.unregister(f"{uri}.a.exact")


@pytest.mark.parametrize("member", ["autobahn-js/websocket/json", "wampy/websocket/cbor"])
def test_disclose_me_is_granted(member: str, cast: Cast, uri: str) -> None:
    """A caller and publisher that asks for it is named to the receiver."""
    client, worker = cast(member), cast("twisted/rawsocket/cbor")
    worker.register(uri, "who")
    _, waiting = client.begin_call(uri, options={"disclose_me": True})
    assert client.puppet.answer(waiting)["args"][0]["caller"] == client.id
    worker.unregister(uri)
    handle = worker.subscribe(uri)
    client.publish(uri, options={"disclose_me": True})
    assert worker.event(handle)["details"]["publisher"] == client.id
    worker.unsubscribe(handle)


@pytest.mark.parametrize("member", ["twisted/rawsocket/msgpack", "autobahn-js/websocket/json", "wampy/websocket/cbor"])
def test_black_and_whitelists(member: str, cast: Cast, uri: str) -> None:
    """`exclude` and `eligible` by session id (spec, "Subscriber Black- and Whitelisting")."""
    client = cast(member)
    one, two = cast("asyncio/unix/cbor"), cast("twisted/websocket/json")
    first, second = one.subscribe(uri), two.subscribe(uri)
    client.publish(uri, "not for one", options={"exclude": [one.id]})
    client.publish(uri, "for one", options={"eligible": [one.id]})
    assert two.event(second)["args"] == ["not for one"]
    assert one.event(first)["args"] == ["for one"]
    two.synchronize()
    assert not two.puppet.notes(note="event", handle=second)
    one.unsubscribe(first)
    two.unsubscribe(second)


@pytest.mark.parametrize("member", ["wampy/websocket/json", "twisted/rawsocket/cbor"])
def test_call_timeout_in_milliseconds(member: str, cast: Cast, uri: str) -> None:
    """The router answers `wamp.error.timeout` and interrupts the callee (spec, "Call Timeouts")."""
    worker, caller = cast("asyncio/websocket/cbor"), cast(member)
    worker.register(uri, "hang")
    _, waiting = caller.begin_call(uri, options={"timeout": 50})
    with pytest.raises(Refused) as refused:
        caller.puppet.answer(waiting, 3.0)
    assert refused.value.uri == "wamp.error.timeout"
    worker.puppet.wait(note="interrupted", session=worker.name)
    worker.unregister(uri)


def test_leave_frees_what_a_client_has(stage: object, cast: Cast, uri: str) -> None:
    """After GOODBYE a client's procedures are gone at once, and the connection ends cleanly."""
    caller = cast("twisted/websocket/json")
    for member in ("twisted/rawsocket/cbor", "asyncio/websocket/json", "autobahn-js/unix/json", "wampy/web/cbor"):
        cast(member)  # skips where the library is missing
        guest = stage.enter(member)  # type: ignore[attr-defined]
        guest.register(uri, "echo")
        assert caller.call(uri, member)[0] == [member]
        guest.leave()
        with pytest.raises(Refused) as refused:
            caller.call(uri)
        assert refused.value.uri == "wamp.error.no_such_procedure"
