"""Events and calls by HTTP: Crossbar's requests and answers, and an HTTP status for whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred

from edge_router.client.values import CallError, Result
from edge_router.config.schema.webrealm import CallerPath, HttpBridgeOptions, PublisherPath
from tests.web.ports import Answer
from tests.web.realms import RealmPort, lose, posted

JSON = "application/json"


def port(**options: Any) -> RealmPort:
    given = HttpBridgeOptions(**options)
    return RealmPort(
        {
            "publish": PublisherPath(realm="realm1", role="web", options=given),
            "call": CallerPath(realm="realm1", role="web", options=given),
        }
    )


def publish(at: RealmPort, document: Any, **headers: str) -> Answer:
    return at.post("/publish", json.dumps(document).encode(), Content_Type=JSON, **headers)


def call(at: RealmPort, document: Any, **headers: str) -> Answer:
    return at.post("/call", json.dumps(document).encode(), Content_Type=JSON, **headers)


def said(answer: Answer) -> Any:
    assert answer.headers["Content-Type"] == JSON
    return json.loads(answer.body)


# --- publishing --------------------------------------------------------------------------------------------------


def test_a_request_becomes_an_event() -> None:
    """With its payload; the answer is the id of the publication, after the router has it."""
    at = port()
    events = at.heard()
    answer = publish(at, {"topic": "com.a", "args": [1, "ü", None], "kwargs": {"x": [1.5]}})
    assert answer.status == 200
    (event,) = events
    assert said(answer) == {"id": event.publication}
    assert (event.topic, event.args, event.kwargs) == ("com.a", [1, "ü", None], {"x": [1.5]})


@pytest.mark.parametrize(
    "document", [{}, {"args": None, "kwargs": None}, {"args": []}, {"more": 1, "options": {"y": 2}}]
)
def test_what_is_left_out_is_empty(document: dict[str, Any]) -> None:
    """As it is for `null`; what nobody knows is passed over."""
    at = port()
    events = at.heard()
    assert publish(at, {"topic": "com.a", **document}).status == 200
    assert (events[0].args, events[0].kwargs) == ([], {})


def test_binary_comes_as_wamp_has_it_in_json() -> None:
    """A string that begins with U+0000, then base64; both ways."""
    at = port()
    events = at.heard()
    publish(at, {"topic": "com.a", "args": ["\0AAEC"]})
    assert events[0].args == [b"\0\1\2"]
    at.serve("com.octets", lambda: b"\xff")
    assert said(call(at, {"procedure": "com.octets"})) == {"args": ["\0/w=="]}


def test_options_of_a_publication_count() -> None:
    """`exclude` and `retain`, say; a wrong one is told."""
    at = port()
    events = at.heard()
    (listener,) = at.router.realms["realm1"].sessions
    assert publish(at, {"topic": "com.a", "options": {"exclude": [listener]}}).status == 200
    assert events == []
    publish(at, {"topic": "com.kept", "args": [7], "options": {"retain": True, "acknowledge": False}})
    assert len(at.router.realms["realm1"].broker.retained) == 1
    answer = publish(at, {"topic": "com.a", "options": {"exclude": "x"}})
    assert answer.status == 400
    assert "$.options.exclude" in said(answer)["error"]


# --- calling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (lambda a, b: a + b, {"args": [5]}),
        (lambda *_: None, {}),
        (lambda *_: Result([], {"x": 1}), {"kwargs": {"x": 1}}),
        (lambda *_: Result([1, 2], {"x": 1}), {"args": [1, 2], "kwargs": {"x": 1}}),
    ],
)
def test_a_request_becomes_a_call(handler: Any, answer: Any) -> None:
    """Its answer is the result, without what is empty, as Crossbar says it."""
    at = port()
    at.serve("com.add2", handler)
    result = call(at, {"procedure": "com.add2", "args": [2, 3]})
    assert (result.status, said(result)) == (200, answer)


def _raises(uri: str) -> Any:
    def handler() -> None:
        raise CallError(uri, "sorry", why="because")

    return handler


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("com.app.error.full", 500),
        ("wamp.error.runtime_error", 500),
        ("wamp.error.invalid_argument", 400),
        ("wamp.error.not_authorized", 403),
        ("wamp.error.no_such_procedure", 404),
        ("wamp.error.limit_exceeded", 429),
        ("wamp.error.no_available_callee", 503),
    ],
)
def test_errors_have_a_status(uri: str, status: int) -> None:
    """[live] Crossbar answers all of them with 200, which `error_style` brings back for its clients."""
    expected = {"error": uri, "args": ["sorry"], "kwargs": {"why": "because"}}
    for style, code in (("http", status), ("crossbar", 200)):
        at = port(error_style=style)
        at.serve("com.fails", _raises(uri))
        answer = call(at, {"procedure": "com.fails"})
        assert (answer.status, said(answer)) == (code, expected)


@pytest.mark.parametrize(
    ("path", "document", "status", "error"),
    [
        ("/call", {"procedure": "com.nobody"}, 404, "wamp.error.no_such_procedure"),
        ("/call", {"procedure": "com.denied.x"}, 403, "wamp.error.not_authorized"),
        ("/call", {"procedure": "not a uri"}, 400, "wamp.error.invalid_uri"),
        ("/publish", {"topic": "com.denied.x"}, 403, "wamp.error.not_authorized"),
        ("/publish", {"topic": "wamp.x"}, 403, "wamp.error.not_authorized"),
        ("/publish", {"topic": ""}, 400, "wamp.error.invalid_uri"),
    ],
)
def test_permissions_are_those_of_the_role(path: str, document: Any, status: int, error: str) -> None:
    at = port()
    answer = at.post(path, json.dumps(document).encode(), Content_Type=JSON)
    assert (answer.status, said(answer)["error"]) == (status, error)


@pytest.mark.parametrize(
    ("own", "asked", "after"), [(100, None, 0.1), (100, 5000, 0.1), (5000, 50, 0.05), (0, 50, 0.05)]
)
def test_a_call_takes_no_longer_than_allowed(own: int, asked: int | None, after: float) -> None:
    """By the service, or by the request, whichever is less; 504."""
    at = port(timeout=own)
    at.serve("com.hangs", Deferred)
    document = {"procedure": "com.hangs", "options": {} if asked is None else {"timeout": asked}}
    transport = at.connect()
    transport.protocol.dataReceived(posted("/call", json.dumps(document).encode(), Content_Type=JSON))
    at.settle()
    at.clock.advance(after * 0.9)
    at.settle()
    assert transport.sent() == b""
    at.clock.advance(after * 0.2)
    at.settle()
    answer = Answer(transport.sent())
    assert (answer.status, said(answer)["error"]) == (504, "wamp.error.timeout")


def test_who_goes_cancels_the_call() -> None:
    """The callee need not work for nobody."""
    canceled: list[bool] = []
    at = port()
    at.serve("com.hangs", lambda: Deferred(lambda _: canceled.append(True)))
    transport = at.connect()
    transport.protocol.dataReceived(posted("/call", b'{"procedure": "com.hangs"}', Content_Type=JSON))
    at.settle()
    lose(transport)
    at.settle()
    assert canceled == [True]
    assert call(at, {"procedure": "com.nobody"}).status == 404


def test_a_result_that_json_cannot_say() -> None:
    """Is the callee's fault, and told."""
    at = port()
    at.serve("com.odd", lambda: {1: 2, (3, 4): 5})
    answer = call(at, {"procedure": "com.odd"})
    assert answer.status == 500


# --- requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/publish", "/call"])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no "),
        (b"{", "no "),
        (b"[]", "no "),
        (b"{}", "topic|procedure"),
        (b'{"topic": 1, "procedure": 1}', "Expected `str`"),
        (b'{"topic": "com.a", "procedure": "com.a", "args": {}}', "`args`"),
        (b'{"topic": "com.a", "procedure": "com.a", "kwargs": []}', "`kwargs`"),
        (b'{"topic": "com.a", "procedure": "com.a", "args": ["\xff"]}', "UTF-8"),
        (b'{"topic": "com.a", "procedure": "com.a", "args": ' + b"[" * 200 + b"]" * 200 + b"}", "nested"),
        (b'{"topic": "com.a", "procedure": "com.a", "args": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", ""),
        (b'{"topic": "com.a", "procedure": "com.a", "args": [1' + b"0" * 400 + b"]}", ""),
    ],
)
def test_malformed_bodies_are_refused(path: str, body: bytes, says: str) -> None:
    """With a word that says what would be right; nothing is published."""
    import re

    at = port()
    events = at.heard()
    answer = at.post(path, body, Content_Type=JSON)
    assert answer.status == 400
    assert re.search(says, said(answer)["error"])
    assert events == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 415),
    ],
)
def test_only_json_is_taken(content_type: str, status: int) -> None:
    """A page of another origin cannot send that without asking first."""
    at = port()
    assert at.post("/publish", b'{"topic": "com.a"}', Content_Type=content_type).status == status


def test_methods() -> None:
    """POST and PUT, as in Crossbar."""
    at = port()
    assert at.post("/publish", b'{"topic": "com.a"}', "PUT", Content_Type=JSON).status == 200
    for method in ("GET", "HEAD", "DELETE"):
        answer = at.post("/publish", method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST, PUT, OPTIONS")
    assert at.post("/publish", method="OPTIONS").status == 204
    assert at.post("/publish/more", b'{"topic": "com.a"}', Content_Type=JSON).status == 404


def test_a_body_has_a_limit() -> None:
    """`post_body_limit`; 0 stands for 1 MiB."""
    body = json.dumps({"topic": "com.a", "args": ["x" * 200]}).encode()
    assert port(post_body_limit=100).post("/publish", body, Content_Type=JSON).status == 413
    assert port(post_body_limit=300).post("/publish", body, Content_Type=JSON).status == 200
    big = json.dumps({"topic": "com.a", "args": ["x" * 2**20]}).encode()
    assert port().post("/publish", big, Content_Type=JSON).status == 413


def test_all_bodies_together_have_a_limit() -> None:
    """`body_memory` of the port, whoever sends them; it is free again when they are answered or gone."""
    at = RealmPort({"publish": PublisherPath(realm="realm1", role="web")}, body_memory=100_000)
    start = posted("/publish", b'{"topic": "com.a", "args": ["' + b"x" * 70_000 + b'"]}', Content_Type=JSON)
    held = at.connect()
    held.protocol.dataReceived(start[:-10])
    other = at.connect()
    other.protocol.dataReceived(start)
    assert Answer(other.sent()).status == 503
    assert other.disconnecting
    held.protocol.dataReceived(start[-10:])
    at.settle()
    assert Answer(held.sent()).status == 200
    held.protocol.dataReceived(start[:-10])
    lose(held)
    assert at.post("/publish", start.partition(b"\r\n\r\n")[2], Content_Type=JSON).status == 200


def test_long_bodies_have_time_as_long_as_they_move() -> None:
    """`client_timeout` for each 64 KiB; who drips is cut all the same."""
    at = port()
    body = json.dumps({"topic": "com.a", "args": ["x" * 400_000]}).encode()
    request = posted("/publish", body, Content_Type=JSON)
    transport = at.connect()
    for start in range(0, len(request), 70_000):
        assert not transport.disconnecting
        at.clock.advance(50)
        transport.protocol.dataReceived(request[start : start + 70_000])
    at.settle()
    assert Answer(transport.sent()).status == 200
    for start in range(0, 300_000, 1000):
        at.clock.advance(1)
        transport.protocol.dataReceived(request[start : start + 1000])
    assert transport.disconnecting


# --- who may come ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("networks", "peer", "status"),
    [
        (["127.0.0.1"], IPv4Address("TCP", "127.0.0.1", 1), 200),
        (["192.168.1.1/255.255.255.0"], IPv4Address("TCP", "192.168.1.77", 1), 200),
        (["10.0.0.0/8", "192.168.0.0/16"], IPv4Address("TCP", "192.168.1.77", 1), 200),
        (["10.0.0.0/8"], IPv4Address("TCP", "192.168.1.77", 1), 403),
        (["10.0.0.0/8"], IPv6Address("TCP", "::ffff:10.1.2.3", 1), 200),
        (["fe80::/10"], IPv6Address("TCP", "fe80::1%eth0", 1), 200),
        (["10.0.0.0/8"], IPv6Address("TCP", "fe80::1", 1), 403),
        (["10.0.0.0/8"], UNIXAddress(None), 403),
        ([], UNIXAddress(None), 200),
    ],
)
def test_requests_may_be_bound_to_networks(networks: list[str], peer: Any, status: int) -> None:
    at = port(require_ip=networks)
    at.peer = peer
    assert publish(at, {"topic": "com.a"}).status == status


def test_requests_may_be_bound_to_tls() -> None:
    at = port(require_tls=True)
    assert publish(at, {"topic": "com.a"}).status == 403
    at.secure = True
    assert publish(at, {"topic": "com.a"}).status == 200


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        (None, None, 200),
        (None, "http://pi.local", 200),
        (None, "http://evil.example", 403),
        (None, "null", 403),
        (["https://*.example"], "https://app.example", 200),
        (["https://*.example"], "https://evil.other", 403),
        (["*"], "null", 200),
    ],
)
def test_pages_of_other_origins_are_not_let_in(allowed: Any, origin: str | None, status: int) -> None:
    """What a page may not send is refused; what it may is told so that the browser shows it the answer."""
    at = port(allowed_origins=allowed)
    events = at.heard()
    headers = {} if origin is None else {"Origin": origin}
    answer = publish(at, {"topic": "com.a"}, **headers)
    assert answer.status == status
    assert len(events) == (status == 200)
    assert answer.headers["Access-Control-Allow-Origin"] == (origin if status == 200 else None)
    assert answer.headers["Vary"] == "Origin"


def test_a_browser_that_asks_first_is_answered() -> None:
    """A preflight, before a page of another origin sends JSON."""
    at = port(allowed_origins=["https://app.example"])
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    answer = at.post("/publish", method="OPTIONS", Origin="https://app.example", **asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, PUT, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
    assert at.post("/publish", method="OPTIONS", Origin="https://evil.example", **asked).status == 403


# --- the session -------------------------------------------------------------------------------------------------


def test_the_realm_is_joined_when_it_is_needed() -> None:
    """By one session, in the role; again after it was ended; and it is left when the port is closed."""
    at = port()
    assert at.sessions == []
    for _ in range(3):
        publish(at, {"topic": "com.a"})
    assert at.sessions == [("web", "publisher")]
    (session,) = at.router.realms["realm1"].sessions.values()
    session.goodbye("wamp.close.killed")
    at.settle()
    assert at.sessions == []
    assert publish(at, {"topic": "com.a"}).status == 200
    at.site.stop()
    at.settle()
    assert at.sessions == []


def test_a_realm_that_is_gone() -> None:
    """Is told as what may come back."""
    at = port()
    del at.router.realms["realm1"]
    assert publish(at, {"topic": "com.a"}).status == 503
