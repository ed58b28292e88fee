"""Every client library, over each transport and encoding that it has, with a partner of another library and encoding.

The partner calls, publishes and listens too, so each test looks at both directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.puppet import Refused, Session
from tests.interop.stage import CAST, Stage, Unavailable

pytestmark = pytest.mark.slow

Cast = Callable[[str], Session]
Pair = tuple[Session, Session]

VALUES: list[Any] = [
    0,
    -1,
    2**31,
    -(2**31) - 1,
    2**53 - 1,
    0.5,
    True,
    None,
    "",
    "grüße ☕ 𝄞",
    [],
    [1, [2, [3]]],
    {"a": {"b": [1, None]}},
]
KWARGS = {"unit": "°C", "value": 21.5, "nested": {"list": [1, 2], "none": None}}


def partner_of(member: str) -> str:
    """A session of another library, and mostly of another encoding."""
    python = member.startswith(("twisted", "asyncio"))
    if python:
        return "autobahn-js/websocket/msgpack" if member.endswith("/json") else "autobahn-js/websocket/json"
    return "twisted/rawsocket/cbor" if not member.endswith("/cbor") else "twisted/rawsocket/msgpack"


@pytest.fixture(params=CAST)
def pair(request: pytest.FixtureRequest, cast: Cast, stage: Stage) -> Pair:
    """The client under test, and its partner; where there is no Node, one of autobahn-python on the other framework."""
    member: str = request.param
    client = cast(member)
    try:
        return client, stage.session(partner_of(member))
    except Unavailable:
        return client, cast("asyncio/websocket/msgpack" if member.startswith("twisted") else "twisted/unix/cbor")


def test_events_both_ways(pair: Pair, uri: str) -> None:
    """PUBLISH with args and kwargs reaches the other client unchanged, in the order of publishing."""
    for publisher, subscriber in (pair, pair[::-1]):
        handle = subscriber.subscribe(uri)
        publisher.publish(uri, *VALUES, **KWARGS)
        publisher.publish(uri)
        event = subscriber.event(handle)
        assert event["args"] == VALUES
        assert event["kwargs"] == KWARGS
        assert event["details"]["topic"] in {uri, None}
        empty = subscriber.event(handle)
        assert empty["args"] == []
        assert empty["kwargs"] == {}
        subscriber.unsubscribe(handle)
        publisher.publish(uri, "nobody listens")
        subscriber.synchronize()
        assert not subscriber.puppet.notes(note="event", handle=handle)


def test_own_events_only_when_asked_for(pair: Pair, uri: str) -> None:
    """A publisher does not get its own event (spec, "Publisher Exclusion")."""
    client, partner = pair
    mine, theirs = client.subscribe(uri), partner.subscribe(uri)
    client.publish(uri, "by me")
    partner.publish(uri, "by the partner")
    assert client.event(mine)["args"] == ["by the partner"]
    assert partner.event(theirs)["args"] == ["by me"]
    client.unsubscribe(mine)
    partner.unsubscribe(theirs)


def test_prefix_subscription_names_the_topic(pair: Pair, uri: str) -> None:
    """An event of a pattern subscription says its topic (spec, "Pattern-based Subscription")."""
    for publisher, subscriber in (pair, pair[::-1]):
        handle = subscriber.subscribe(uri, match="prefix")
        publisher.publish(f"{uri}.kitchen.temperature", 21.5)
        event = subscriber.event(handle)
        assert event["args"] == [21.5]
        assert event["details"]["topic"] == f"{uri}.kitchen.temperature"
        subscriber.unsubscribe(handle)


def test_wildcard_subscription_names_the_topic(pair: Pair, uri: str) -> None:
    """As with prefixes."""
    for publisher, subscriber in (pair, pair[::-1]):
        handle = subscriber.subscribe(f"{uri}..temperature", match="wildcard")
        publisher.publish(f"{uri}.cellar.humidity", 1)
        publisher.publish(f"{uri}.cellar.temperature", 2)
        event = subscriber.event(handle)
        assert event["args"] == [2]
        assert event["details"]["topic"] == f"{uri}.cellar.temperature"
        subscriber.unsubscribe(handle)


def test_call_and_result_both_ways(pair: Pair, uri: str) -> None:
    """CALL, INVOCATION, YIELD and RESULT keep args and kwargs as they are."""
    for caller, callee in (pair, pair[::-1]):
        callee.register(uri, "echo")
        assert caller.call(uri, *VALUES, **KWARGS) == (VALUES, KWARGS)
        assert caller.call(uri, "one") == (["one"], {})
        assert caller.call(uri, **KWARGS) == ([], KWARGS)
        assert caller.call(uri) == ([], {})
        callee.unregister(uri)
        with pytest.raises(Refused) as refused:
            caller.call(uri)
        assert refused.value.uri == "wamp.error.no_such_procedure"


def test_octets_both_ways(pair: Pair, uri: str) -> None:
    """Binary payload crosses encodings; in JSON it is a string of U+0000 and Base64 (spec, "Binary Data")."""
    for caller, callee in (pair, pair[::-1]):
        callee.register(uri, "echo")
        for octets in (b"", b"\x00", bytes(range(256))):
            args, kwargs = caller.call(uri, caller.octets(octets), raw={"in": [caller.octets(octets)]})
            assert args == [caller.octets(octets)]
            assert kwargs == {"raw": {"in": [caller.octets(octets)]}}
        callee.unregister(uri)


def test_error_with_args_and_kwargs_both_ways(pair: Pair, uri: str) -> None:
    """An ERROR of a callee reaches the caller with its URI, args and kwargs."""
    for caller, callee in (pair, pair[::-1]):
        callee.register(uri, "fail")
        with pytest.raises(Refused) as refused:
            caller.call(uri, "first", 2, third=[3], fourth={"four": 4})
        assert refused.value.uri == "com.example.error.broken"
        assert refused.value.payload == ["first", 2]
        if not callee.name.startswith("xconn"):  # its callees cannot give any
            assert refused.value.kwargs == {"third": [3], "fourth": {"four": 4}}
        callee.unregister(uri)


def test_large_payloads_both_ways(pair: Pair, uri: str) -> None:
    """Half a megabyte in one event and in one call."""
    text, octets = "0123456789" * 50_000, bytes(range(250)) * 2_000
    for one, other in (pair, pair[::-1]):
        handle = other.subscribe(uri)
        one.publish(uri, text)
        assert other.event(handle)["args"] == [text]
        other.unsubscribe(handle)
        other.register(uri, "echo")
        assert one.call(uri, one.octets(octets)) == ([one.octets(octets)], {})
        other.unregister(uri)


def test_progressive_results_both_ways(pair: Pair, uri: str) -> None:
    """A callee's progress reaches the caller before the final result, where the library can do so."""
    for caller, callee in (pair, pair[::-1]):
        if not callee.name.startswith(("wampy", "xconn")) and not caller.name.startswith("xconn"):  # these cannot
            callee.register(uri, "count")
            number, waiting = caller.begin_call(uri, 5, progress=True)
            assert caller.puppet.answer(waiting) == {"args": ["done"], "kwargs": {"of": 5}}
            notes = caller.puppet.notes(note="progress", id=number)
            assert [(note["args"], note["kwargs"]) for note in notes] == [([i], {"of": 5}) for i in range(5)]
            assert caller.call(uri, 3) == (["done"], {"of": 3}), "a caller that asks for no progress gets none"
            callee.unregister(uri)


def test_refusals_reach_the_client(pair: Pair, uri: str) -> None:
    """A request that the router refuses fails in the client with the error URI of the spec."""
    client, partner = pair
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("wamp.error.not_authorized", lambda: client.publish("com.denied.topic", 1)),
        ("wamp.error.not_authorized", lambda: client.subscribe("com.denied.topic")),
        ("wamp.error.not_authorized", lambda: client.register("com.denied.procedure", "echo")),
        ("wamp.error.not_authorized", lambda: client.call("com.denied.procedure")),
        ("wamp.error.procedure_already_exists", lambda: client.register(uri, "echo")),
        ("wamp.error.no_such_procedure", lambda: client.call(f"{uri}.nowhere")),
    ]
    partner.register(uri, "echo")
    for expected, attempt in attempts:
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.uri == expected
    assert client.call(uri, 1) == ([1], {}), "the session lives on"
    partner.unregister(uri)


def test_callee_learns_who_calls_where_configured(pair: Pair, uri: str) -> None:
    """`disclose` of the role's permission: caller and publisher are named (spec, "Caller Identification")."""
    topic = uri.replace("com.example", "com.disclosed")
    for one, other in (pair, pair[::-1]):
        other.register(topic, "who")
        found = one.call(topic)[0][0]
        assert found["caller"] == one.id
        assert found["authrole"] == "anonymous"
        other.unregister(topic)
        other.register(uri, "who")
        assert one.call(uri)[0][0]["caller"] is None, "not where it is not configured"
        other.unregister(uri)
        handle = other.subscribe(topic)
        one.publish(topic)
        details = other.event(handle)["details"]
        assert details["publisher"] == one.id
        assert details["authrole"] == "anonymous"
        other.unsubscribe(handle)


def test_a_hundred_calls_under_way_at_once(pair: Pair, uri: str) -> None:
    """Answers find their calls."""
    for caller, callee in (pair, pair[::-1]):
        callee.register(uri, "echo")
        pending = [caller.begin_call(uri, i)[1] for i in range(100)]
        assert [caller.puppet.answer(waiting)["args"] for waiting in pending] == [[i] for i in range(100)]
        callee.unregister(uri)


def test_no_such_realm(request: pytest.FixtureRequest, pair: Pair, stage: Stage) -> None:
    """A realm that is not there is refused with the spec's URI, and the client can tell."""
    with pytest.raises(Refused) as refused:
        stage.enter(request.node.callspec.params["pair"], realm="nowhere")
    assert refused.value.uri == "wamp.error.no_such_realm"
