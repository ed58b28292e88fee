"""WAMP over long-polling: transports that are opened, polled, closed and forgotten, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from edge_router.config.schema import Role
from edge_router.config.schema.webrealm import LongPollOptions, LongPollPath
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import (
    CloseDetails,
    Goodbye,
    Hello,
    HelloDetails,
    Publish,
    PublishOptions,
    Subscribe,
    SubscribeOptions,
    Welcome,
)
from edge_router.web.mailbox import WIRES, messages_in
from tests.transports.wires import MemoryTransport
from tests.web.ports import Answer
from tests.web.realms import RealmPort, lose, posted

HELLO = Hello("realm1", HelloDetails(roles={"subscriber": {}, "publisher": {}, "caller": {}}))


def port(**options: Any) -> RealmPort:
    limits = {"options": LongPollOptions(**options)}
    return RealmPort({"lp": LongPollPath(**limits)})


class Poll:
    """A client. protocol: as it opens the transport."""

    def __init__(self, at: RealmPort, protocol: str = "wamp.2.json") -> None:
        self.at = at
        answer = at.post("/lp/open", json.dumps({"protocols": [protocol]}).encode())
        assert answer.status == 200, answer.body
        said = json.loads(answer.body)
        assert said["protocol"] == protocol
        self.base = f"/lp/{said['transport']}"
        self.codec = CODECS[protocol.split(".")[2]]
        self.batched = protocol.endswith(".batched")

    def send(self, *messages: Any) -> Answer:
        raw = [self.codec.encode(message) for message in messages]
        body = b"".join(map(WIRES[self.codec.name].framing, raw)) if self.batched else raw[0]
        return self.at.post(f"{self.base}/send", body)

    def poll(self) -> MemoryTransport:
        """A request for messages, on a connection of its own."""
        transport = self.at.connect()
        transport.protocol.dataReceived(posted(f"{self.base}/receive"))
        self.at.settle()
        return transport

    def receive(self) -> list[Any]:
        """The messages that are there."""
        return self.read(self.poll())

    def read(self, transport: MemoryTransport) -> list[Any]:
        """The messages that a request was answered with."""
        answer = Answer(transport.sent(), "POST")
        lose(transport)
        assert answer.headers["Cache-Control"] == "no-store"
        if answer.status == 204:
            return []
        assert answer.status == 200
        batch = messages_in(answer.body, self.codec.binary) if self.batched else [answer.body]
        return [self.codec.decode(message) for message in batch]

    def join(self) -> Poll:
        assert self.send(HELLO).status == 204
        (welcome,) = self.receive()
        assert isinstance(welcome, Welcome)
        return self


PROTOCOLS = [f"wamp.2.{name}{batched}" for name in CODECS for batched in ("", ".batched")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_session_from_open_to_close(protocol: str) -> None:
    """[live] Crossbar cannot open one at all."""
    at = port()
    client = Poll(at, protocol).join()
    assert at.sessions[0][0] == "web"
    client.send(Subscribe(1, SubscribeOptions(), "com.a"))
    assert type(client.receive()[0]).__name__ == "Subscribed"
    waiting = client.poll()
    assert waiting.value() == b""
    at.join("realm1", "trusted").publish("com.a", [1, "ü"])
    at.settle()
    (event,) = client.read(waiting)
    assert client.codec.loads(event.args) == [1, "ü"]
    assert at.post(f"{client.base}/close").status == 204
    at.settle()
    assert [authid for _, authid in at.sessions] == ["test"]
    assert at.post(f"{client.base}/receive").status == 404
    assert at.post(f"{client.base}/close").status == 204


def test_what_is_sent_while_an_authorizer_takes_its_time() -> None:
    """Other transports would not be read; requests are as large as they may be, and are answered."""
    at = port()
    decision: Deferred[Any] = Deferred()
    at.serve("com.authorize", lambda *_: decision)
    at.router.realms["realm1"].roles.set(Role(name="web", authorizer="com.authorize"))
    client = Poll(at, "wamp.2.json.batched").join()
    payload = CODECS["json"].dumps(["x" * 10_000])
    said = [Publish(number, PublishOptions(acknowledge=True), "com.a", payload) for number in range(1, 51)]
    assert client.send(*said).status == 204
    decision.callback({"allow": True, "cache": True})
    at.settle()
    assert [message.request for message in client.receive()] == list(range(1, 51))


def test_one_message_or_all() -> None:
    """Unbatched, each request gets one message; batched, all that wait, and many are sent at once."""
    at = port()
    one, many = Poll(at).join(), Poll(at, "wamp.2.json.batched").join()
    many.send(Subscribe(1, SubscribeOptions(), "com.a"), Subscribe(2, SubscribeOptions(), "com.b"))
    assert [message.request for message in many.receive()] == [1, 2]
    one.send(Subscribe(1, SubscribeOptions(), "com.a"))
    one.receive()
    source = at.join("realm1", "trusted")
    for number in range(3):
        source.publish("com.a", [number])
    at.settle()
    numbers = []
    while len(numbers) < 3:
        numbers += [one.codec.loads(message.args) for message in one.receive()]
    assert numbers == [[0], [1], [2]]
    events = []
    while len(events) < 3:
        events += many.receive()
    assert [many.codec.loads(event.args) for event in events] == [[0], [1], [2]]


def test_a_request_does_not_wait_for_ever() -> None:
    """After `request_timeout` it is answered with nothing, and the client asks again; proxies cut what lasts longer."""
    at = port(request_timeout=7)
    client = Poll(at).join()
    waiting = client.poll()
    at.clock.advance(6.9)
    assert waiting.value() == b""
    at.clock.advance(0.2)
    assert client.read(waiting) == []


def test_who_does_not_ask_is_forgotten() -> None:
    """After `session_timeout` without a request; one that waits counts as long as it does."""
    at = port(session_timeout=5, request_timeout=20)
    client = Poll(at).join()
    for _ in range(3):
        waiting = client.poll()
        at.clock.advance(19)
        lose(waiting)
        at.clock.advance(4)
    assert at.sessions != []
    at.clock.advance(1.1)
    assert at.sessions == []
    assert at.post(f"{client.base}/send", b"[]").status == 404
    assert [call for call in at.clock.getDelayedCalls() if call.getTime() - at.clock.seconds() < 5] == []


def test_who_never_says_hello_is_sent_away() -> None:
    """Even if it polls all the time."""
    at = port(session_timeout=10)
    client = Poll(at)
    for _ in range(3):
        waiting = client.poll()
        at.clock.advance(4)
        at.settle()
    (abort,) = client.read(waiting)
    assert abort.reason == "wamp.error.protocol_violation"
    assert at.post(f"{client.base}/receive").status == 404


def test_the_youngest_request_gets_the_message() -> None:
    """The older one's connection may be dead; if not, it gets nothing."""
    at = port()
    client = Poll(at).join()
    old = client.poll()
    young = client.poll()
    assert client.read(old) == []
    client.send(Subscribe(1, SubscribeOptions(), "com.a"))
    assert client.read(young)[0].request == 1


def test_a_message_waits_for_who_comes_back() -> None:
    """A connection that is lost while it waits has lost nothing."""
    at = port()
    client = Poll(at).join()
    lose(client.poll())
    client.send(Subscribe(1, SubscribeOptions(), "com.a"))
    assert client.receive()[0].request == 1


def test_what_waits_is_bounded() -> None:
    """By `queue_limit_bytes`; the oldest events go first, as for every peer that reads slowly."""
    at = port(queue_limit_bytes=20_000)
    client = Poll(at, "wamp.2.json.batched").join()
    client.send(Subscribe(1, SubscribeOptions(), "com.a"))
    client.receive()
    source = at.join("realm1", "trusted")
    for number in range(200):
        source.publish("com.a", [number, "x" * 1000])
        at.settle()
    assert at.outbox.dropped > 150
    numbers = []
    while not numbers or numbers[-1] != 199:
        numbers += [client.codec.loads(event.args)[0] for event in client.receive()]
    assert len(numbers) == 200 - at.outbox.dropped
    assert numbers == sorted(numbers)


def test_goodbye_is_fetched_before_the_transport_goes() -> None:
    """Also when it is the router that ends the session."""
    at = port()
    client = Poll(at).join()
    at.router.goodbye("wamp.close.system_shutdown")
    at.settle()
    assert client.receive()[0].reason == "wamp.close.system_shutdown"
    client.send(Goodbye(CloseDetails(), "wamp.close.goodbye_and_out"))
    assert at.post(f"{client.base}/receive").status == 404


def test_a_client_that_leaves() -> None:
    """GOODBYE, its answer, and the end of the transport a while later, as on every transport."""
    at = port()
    client = Poll(at).join()
    client.send(Goodbye(CloseDetails(), "wamp.close.close_realm"))
    assert client.receive()[0].reason == "wamp.close.goodbye_and_out"
    assert at.sessions == []
    at.clock.advance(5.1)
    at.settle()
    assert at.post(f"{client.base}/receive").status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[99]", b"[2,1,{}]", b"\xff", b"[" * 5000])
@pytest.mark.parametrize("batched", ["", ".batched"])
def test_what_is_no_message_ends_the_session(body: bytes, batched: str) -> None:
    """400, and ABORT for who still listens; nothing else happens to anybody."""
    at = port()
    client = Poll(at, f"wamp.2.json{batched}").join()
    assert at.post(f"{client.base}/send", body).status == (204 if body == b"[2,1,{}]" and not batched else 400)
    assert client.receive()[0].reason == "wamp.error.protocol_violation"
    assert at.sessions == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/lp/open", b"", 400),
        ("/lp/open", b"[]", 400),
        ("/lp/open", b'{"protocols": []}', 400),
        ("/lp/open", b'{"protocols": ["wamp.2.ubjson"]}', 400),
        ("/lp/open", b'{"protocols": ["wamp.2.ubjson", "wamp.2.json"]}', 200),
        ("/lp/open?x=382913", b'{"protocols": ["wamp.2.json"]}', 200),
        ("/lp/nothing/send", b"", 404),
        ("/lp/nothing/else", b"", 404),
        ("/lp", b"", 404),
        ("/lp/", b"", 404),
        ("/lp/open/x/y", b"", 404),
    ],
)
def test_paths_and_protocols(path: str, body: bytes, status: int) -> None:
    at = port()
    assert at.post(path, body).status == status
    assert at.post(path, method="GET").status == 405


def test_sessions_are_bounded() -> None:
    """`max_sessions`; one that is closed makes room."""
    at = port(max_sessions=2)
    first, _ = Poll(at), Poll(at)
    answer = at.post("/lp/open", b'{"protocols": ["wamp.2.json"]}')
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    at.post(f"{first.base}/close")
    Poll(at)


def test_ids_cannot_be_guessed() -> None:
    """144 bits; whoever has one is the client."""
    at = port()
    ids = {Poll(at).base for _ in range(50)}
    assert len(ids) == 50
    assert all(len(name) == len("/lp/") + 24 for name in ids)


def test_pages_of_other_origins() -> None:
    """As for WebSockets; autobahn-js sends cookies along, so the origin is named, not `*`."""
    at = port(allowed_origins=["https://app.example"])
    body = b'{"protocols": ["wamp.2.json"]}'
    assert at.post("/lp/open", body, Origin="https://evil.example").status == 403
    answer = at.post("/lp/open", body, Origin="https://app.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_the_port_is_closed() -> None:
    """Sessions are lost, requests that wait are answered, no timer is left."""
    at = port()
    client = Poll(at).join()
    waiting = client.poll()
    at.site.stop()
    assert client.read(waiting) == []
    assert at.sessions == []
    assert at.clock.getDelayedCalls() == []


@given(st.lists(st.binary(max_size=300).map(lambda octets: octets.replace(b"\x1e", b"")), min_size=1), st.booleans())
def test_batches_are_cut_where_they_were_joined(messages: list[bytes], binary: bool) -> None:
    framing = WIRES["cbor" if binary else "json"].framing
    assert list(messages_in(b"".join(map(framing, messages)), binary)) == messages


@given(st.binary(max_size=100), st.booleans())
def test_any_octets_are_a_batch_or_a_violation(octets: bytes, binary: bool) -> None:
    try:
        list(messages_in(octets, binary))
    except ProtocolViolation:
        pass
