"""What a client could make the router remember: it must not remember it for ever, or not at all."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.hostile.conftest import NOTICEABLE, Witness, settle
from tests.hostile.raw import DUMPS, Client, Closed, websocket_frame
from tests.interop.running_node import RunningNode, doors

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000
LONG = "x" * 900


def in_bulk(client: Client, messages: Iterator[list[object]], answers: bool) -> None:
    """Send many messages, some hundred at a time; with `answers`, take one answer to each."""
    dumps = DUMPS[client.serializer]
    while True:
        frames = [client.frame(dumps(message)) for _, message in zip(range(200), messages, strict=False)]
        if not frames:
            return
        client.send_octets(b"".join(frames))
        for _ in range(len(frames) if answers else 0):
            client.receive()


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize(
    ("name", "message", "answers"),
    [
        ("topics", lambda n: [16, n, {}, f"com.t{n}.{LONG}"], False),
        ("acknowledged topics", lambda n: [16, n, {"acknowledge": True}, f"com.t{n}.{LONG}"], True),
        ("procedures", lambda n: [48, n, {}, f"com.p{n}.{LONG}"], True),
        ("denied topics", lambda n: [16, n, {"acknowledge": True}, f"com.denied.t{n}.{LONG}"], True),
        ("options", lambda n: [16, n, {"eligible_authid": [f"{n}{LONG}"]}, "com.x"], False),
        ("errors", lambda n: [34, n, n], True),
    ],
)
def test_many_different_names(
    node: RunningNode, serializer: str, name: str, message: Callable[[int], list[object]], answers: bool
) -> None:
    """Twenty thousand names of a kilobyte that were used once are not kept (permissions, matches, options)."""
    with Client(node, "rawsocket", serializer) as client:
        client.hello()
        before = node.rss()
        in_bulk(client, (message(n) for n in range(1, 20_001)), answers)
        assert client.ask([32, 1, {}, "com.x"])[0] == 33
        assert node.rss() < before + 8 * MEGABYTE, name


@pytest.mark.parametrize("code", [32, 64])
@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
def test_patterns_that_come_and_go(node: RunningNode, code: int, match: str) -> None:
    """Subscribing and registering, then the opposite, again and again, leaves nothing behind."""
    with Client(node, "rawsocket", "msgpack") as client:
        client.hello()

        def round_trip(first: int, count: int) -> None:
            for n in range(first, first + count):
                uri = f"com.n{n}.{'.' if match == 'wildcard' else ''}{'y' * 500}"
                made = client.ask([code, n, {"match": match}, uri])
                assert made[0] == code + 1
                assert client.ask([code + 2, n + 1, made[2]])[0] == code + 3

        round_trip(1, 1_000)
        before = node.rss()
        round_trip(10_000, 4_000)
        assert node.rss() < before + 1 * MEGABYTE


def test_hello_that_announces_a_hundred_thousand_features(node: RunningNode) -> None:
    """Of what a client says of itself, only what the router acts on is kept."""
    features = {f"feature{n}": True for n in range(45_000)}
    hello = msgspec.json.encode([1, "realm1", {"roles": {"caller": {"features": features}}, "authextra": {"x": LONG}}])
    with ExitStack() as stack:
        before = node.rss()
        for _ in range(20):
            client = stack.enter_context(Client(node, "rawsocket"))
            client.send_frame(hello)
            assert client.receive()[0] == 2
        assert node.rss() < before + 12 * MEGABYTE


def test_sessions_in_turn_on_one_connection(node: RunningNode) -> None:
    """HELLO, SUBSCRIBE, GOODBYE, five thousand times on the same transport."""
    with Client(node, "rawsocket", "msgpack") as client:

        def sessions(count: int) -> None:
            for _ in range(count):
                client.hello()
                assert client.ask([32, 1, {"match": "prefix"}, "com.x"])[0] == 33
                assert client.ask([6, {}, "wamp.close.normal"])[0] == 6

        sessions(500)
        before = node.rss()
        sessions(4_500)
        assert node.rss() < before + 1 * MEGABYTE


def test_callers_that_leave_in_the_middle_of_their_calls(node: RunningNode) -> None:
    """Neither the calls nor their answers, which come late, stay; the callee is told (INTERRUPT)."""
    with Client(node, "rawsocket", "msgpack") as callee:
        callee.hello()
        assert callee.ask([64, 1, {}, "com.slow"])[0] == 65

        def leave_behind(calls: int) -> None:
            with Client(node, "rawsocket", "msgpack") as caller:
                caller.hello()
                in_bulk(caller, ([48, n, {}, "com.slow", [LONG]] for n in range(1, calls + 1)), answers=False)
                invocations = [callee.receive() for _ in range(calls)]
            interrupted = [callee.receive() for _ in range(calls)]
            assert sorted(message[1] for message in interrupted) == [message[1] for message in invocations]
            for message in invocations:
                callee.send([70, message[1], {}, ["late"]])

        leave_behind(500)
        assert callee.ask([32, 1, {}, "com.x"])[0] == 33
        before = node.rss()
        for _ in range(10):
            leave_behind(500)
        assert callee.ask([32, 1, {}, "com.x"])[0] == 33
        assert node.rss() < before + 2 * MEGABYTE


def test_requests_to_the_web_that_nobody_reads_the_answers_of(node: RunningNode, witness: Witness) -> None:
    """HTTP requests one behind the other: not read any further while their answers wait."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 500
    with node.connect("web") as connection:
        connection.settimeout(0.5)
        before = node.rss()
        deadline = time.monotonic() + 3
        try:
            while time.monotonic() < deadline:
                connection.sendall(request)
        except (TimeoutError, ConnectionError):
            pass
        assert node.rss() < before + 4 * MEGABYTE
        assert witness.exchange() < NOTICEABLE


def test_requests_to_the_web_one_behind_the_other(node: RunningNode) -> None:
    """Whoever reads the answers gets them all, however many requests came at once."""
    with node.connect("web") as connection:
        connection.settimeout(10)
        connection.sendall(b"GET /?format=json HTTP/1.1\r\nHost: x\r\n\r\n" * 4_999)
        connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b""
        while more := connection.recv(1_000_000):
            answers += more
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 4_999
    assert answers.count(b"HTTP/1.1 404 ") == 1


@pytest.fixture
def deflating_node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node whose WebSocket takes compressed messages."""
    made = doors()
    made["websocket"]["options"] = {"compression": {"deflate": {}}}
    node = RunningNode(tmp_path / "node", made)
    node.start()
    yield node
    assert node.stop() == 0
    assert node.complaints() == []


class DeflatingClient(Client):
    """Offers permessage-deflate."""

    more_headers = ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)


def deflated(octets: bytes) -> bytes:
    """As permessage-deflate wants it (RFC 7692 section 7.2.1)."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -11)
    return (squeeze.compress(octets) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_a_bomb_in_a_compressed_message(deflating_node: RunningNode) -> None:
    """A few hundred kilobytes that would be two hundred megabytes are refused when they pass `max_message_size`."""
    frame = websocket_frame(1, deflated(b'["' + b" " * 200 * MEGABYTE + b'"]'))
    frame = bytes((frame[0] | 0x40,)) + frame[1:]
    assert len(frame) < MEGABYTE
    before = deflating_node.rss()
    for _ in range(3):
        with DeflatingClient(deflating_node, "websocket") as client:
            client.send([1, "realm1", {"roles": {"caller": {}}}])
            assert client.receive_frame()[0] == 1, "WELCOME, compressed"
            client.send_octets(frame)
            with pytest.raises(Closed):
                client.receive()
            assert client.close_code == 1009
    assert deflating_node.rss() < before + 8 * MEGABYTE
    settle(lambda: deflating_node.sessions() == 0)
