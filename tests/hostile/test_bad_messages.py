"""Messages that are none, that are wrong, or that come at the wrong time: one session ends, nobody else notices."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.hostile.raw import DUMPS, PROTOCOL_VIOLATION, SERIALIZERS, Client, Closed, websocket_frame
from tests.interop.running_node import RunningNode

pytestmark = pytest.mark.slow

DOORS = ["rawsocket", "websocket"]
ways = pytest.mark.parametrize(
    ("door", "serializer"), [(door, serializer) for door in DOORS for serializer in SERIALIZERS]
)

#: what no session may say, by a name for it
VIOLATIONS: dict[str, Any] = {
    "no list": {"a": 1},
    "text": "HELLO",
    "null": None,
    "empty list": [],
    "unknown code": [7000, 1],
    "negative code": [-1, 1],
    "code as text": ["16", 1, {}, "com.x"],
    "code alone": [16],
    "too short": [16, 1, {}],
    "request id 0": [16, 0, {}, "com.x"],
    "request id negative": [32, -5, {}, "com.x"],
    "request id over 2**53": [32, 2**53 + 1, {}, "com.x"],
    "request id as text": [48, "1", {}, "com.x"],
    "request id null": [48, None, {}, "com.x"],
    "options as list": [16, 1, [], "com.x"],
    "options null": [16, 1, None, "com.x"],
    "topic as number": [16, 1, {}, 17],
    "topic as list": [16, 1, {}, ["com.x"]],
    "args as dict": [16, 1, {}, "com.x", {}],
    "args as text": [16, 1, {}, "com.x", "args"],
    "kwargs as list": [16, 1, {}, "com.x", [], []],
    "unknown match": [32, 1, {"match": "regex"}, "com.x"],
    "match as number": [32, 1, {"match": 1}, "com.x"],
    "unknown invocation policy": [64, 1, {"invoke": "loudest"}, "com.x"],
    "timeout negative": [48, 1, {"timeout": -1}, "com.x"],
    "exclude of texts": [16, 1, {"exclude": ["a"]}, "com.x"],
    "unknown cancel mode": [49, 1, {"mode": "softly"}],
    "HELLO twice": [1, "realm1", {"roles": {"caller": {}}}],
    "AUTHENTICATE unasked": [5, "signature", {}],
    "WELCOME from a client": [2, 1, {}],
    "CHALLENGE from a client": [4, "ticket", {}],
    "PUBLISHED from a client": [17, 1, 1],
    "EVENT from a client": [36, 1, 1, {}],
    "RESULT from a client": [50, 1, {}],
    "INVOCATION from a client": [68, 1, 1, {}],
    "INTERRUPT from a client": [69, 1, {}],
    "YIELD nobody asked for": [70, 77, {}],
    "ERROR for no INVOCATION": [8, 16, 1, {}, "com.error"],
    "ERROR for an INVOCATION that never was": [8, 68, 77, {}, "com.error"],
}
#: URIs that are none, which is an error of the request, not of the session
NO_URIS = ["", "com..x", "com.x ", "com.#.x", ".", "com.x\n", "com. x", "com.\u3000x"]


@ways
@pytest.mark.parametrize("case", VIOLATIONS)
def test_violation_ends_the_session_with_abort(node: RunningNode, door: str, serializer: str, case: str) -> None:
    """ABORT `wamp.error.protocol_violation` with a sentence that says why, then the end of the connection."""
    with Client(node, door, serializer) as client:
        client.hello()
        client.send(VIOLATIONS[case])
        assert client.expect_abort()


@ways
@pytest.mark.parametrize("uri", NO_URIS)
def test_bad_uri_is_an_error_of_the_request(node: RunningNode, door: str, serializer: str, uri: str) -> None:
    """ERROR `wamp.error.invalid_uri`, and the session goes on (DESIGN 6)."""
    with Client(node, door, serializer) as client:
        client.hello()
        for code in (16, 48):
            answer = client.ask([code, code, {"acknowledge": True} if code == 16 else {}, uri])
            assert answer[:3] == [8, code, code]
            assert answer[4] == "wamp.error.invalid_uri"
        assert client.ask([32, 99, {}, "com.x"])[0] == 33


@ways
def test_messages_before_welcome(node: RunningNode, door: str, serializer: str) -> None:
    """Everything but HELLO is a violation before a session is established."""
    for message in ([32, 1, {}, "com.x"], [16, 1, {}, "com.x"], [48, 1, {}, "com.x"], [6, {}, "wamp.close.normal"],
                    [5, "x", {}], [70, 1, {}], [7]):  # fmt: skip
        with Client(node, door, serializer) as client:
            client.send(message)
            assert client.expect_abort()


@ways
@pytest.mark.parametrize("hello", [[1], [1, 7, {}], [1, "realm1"], [1, "realm1", {}], [1, "realm1", {"roles": {}}],
                                   [1, "realm1", {"roles": []}], [1, "realm1", {"roles": {"caller": 1}}]])  # fmt: skip
def test_bad_hello(node: RunningNode, door: str, serializer: str, hello: list[Any]) -> None:
    """A HELLO that is none is a violation."""
    with Client(node, door, serializer) as client:
        client.send(hello)
        assert client.expect_abort()


@ways
def test_what_follows_a_violation_is_not_obeyed(node: RunningNode, door: str, serializer: str) -> None:
    """In one write: a violation, then a publication; the publication must not happen."""
    with Client(node, "rawsocket") as listener, Client(node, door, serializer) as client:
        listener.hello()
        assert listener.ask([32, 1, {}, "com.after"])[0] == 33
        client.hello()
        dumps = DUMPS[serializer]
        frames = [client.frame(dumps(message)) for message in ([2, 1, {}], [16, 2, {}, "com.after", ["no"]])]
        client.send_octets(b"".join(frames))
        assert client.expect_abort()
        assert listener.ask([32, 2, {}, "com.other"])[:2] == [33, 2], "the next word is not an EVENT"


def nested(serializer: str, depth: int) -> bytes:
    """A PUBLISH with args nested so deep."""
    if serializer == "json":
        return b'[16,1,{},"com.x",' + b"[" * depth + b"]" * depth + b"]"
    if serializer == "msgpack":
        return b"\x95\x10\x01\x80\xa5com.x" + b"\x91" * (depth - 1) + b"\x90"
    return b"\x85\x10\x01\xa0\x65com.x" + b"\x81" * (depth - 1) + b"\x80"


@ways
@pytest.mark.parametrize("depth", [200, 5_000, 400_000])
def test_deep_nesting(node: RunningNode, door: str, serializer: str, depth: int) -> None:
    """Receivers written in Python break at a thousand levels; the sender is told so, whatever the depth."""
    with Client(node, door, serializer) as client:
        client.hello()
        client.send_frame(nested(serializer, depth))
        assert "nested" in client.expect_abort()


BAD_UTF8 = {
    "json": [b'[16,1,{},"com.\xff"]', b'[16,1,{},"com.x",["\xc3\x28"]]', b'[16,1,{},"com.x",[],{"\xff":1}]'],
    "msgpack": [
        b"\x94\x10\x01\x80\xa5com.\xff",
        b"\x95\x10\x01\x80\xa5com.x\x91\xa2\xc3\x28",
        b"\x96\x10\x01\x80\xa5com.x\x90\x81\xa1\xff\x01",
    ],
    "cbor": [
        b"\x84\x10\x01\xa0\x65com.\xff",
        b"\x85\x10\x01\xa0\x65com.x\x81\x62\xc3\x28",
        b"\x86\x10\x01\xa0\x65com.x\x80\xa1\x61\xff\x01",
    ],
}


@ways
def test_invalid_utf8_is_its_senders_problem(node: RunningNode, door: str, serializer: str) -> None:
    """In a URI or in the depth of a payload: the sender is sent away, a subscriber hears nothing of it."""
    with Client(node, "websocket") as listener:
        listener.hello()
        assert listener.ask([32, 1, {}, "com.x"])[0] == 33
        for octets in BAD_UTF8[serializer]:
            with Client(node, door, serializer) as client:
                client.hello()
                client.send_frame(octets)
                ended = client.expect_end()
                # RFC 6455 section 8.1 has its own way to end a connection for text that is none
                assert client.close_code == 1007 or ended[-1][2] == PROTOCOL_VIOLATION
        assert listener.ask([32, 2, {}, "com.other"])[:2] == [33, 2], "the next word is not an EVENT"


@ways
def test_cut_off_messages(node: RunningNode, door: str, serializer: str) -> None:
    """Every beginning of a message, in a complete frame, is a violation or is empty."""
    message = DUMPS[serializer]([16, 1, {"acknowledge": True}, "com.x", ["ä", 2**40, 1.5], {"k": [None, True]}])
    for length in range(len(message)):
        with Client(node, door, serializer) as client:
            client.hello()
            client.send_frame(message[:length])
            assert client.expect_abort()


@ways
def test_oversized_message(node: RunningNode, door: str, serializer: str) -> None:
    """Longer than `max_message_size`: refused from its head on, before it has been collected."""
    with Client(node, door, serializer) as client:
        client.hello()
        before = node.rss()
        whole = client.frame(bytes(0x200000))
        client.send_octets(whole[:14])
        ended = client.expect_end()
        assert client.close_code == 1009 or ended[-1][2] == PROTOCOL_VIOLATION
        assert node.rss() < before + 4_000_000


@ways
def test_megabyte_uri(node: RunningNode, door: str, serializer: str) -> None:
    """A URI of nearly a megabyte is refused, as every URI is that is longer than any real one."""
    uri = "com." + "x" * 1_000_000
    with Client(node, door, serializer) as client:
        client.hello()
        for number, code in enumerate((32, 64, 48, 16), 1):
            answer = client.ask([code, number, {"acknowledge": True} if code == 16 else {}, uri])
            assert answer[:3] == [8, code, number]
            assert answer[4] == "wamp.error.invalid_uri"
            assert len(str(answer)) < 1_000, "and is not thrown back"
        assert client.ask([32, 9, {}, "com.x"])[0] == 33


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_random_octets_in_frames(node: RunningNode, serializer: str) -> None:
    """Mutations of a good message: whatever comes of it, the session either lives or ends in order."""
    chance = random.Random(2)
    good = DUMPS[serializer]([16, 1, {"acknowledge": True}, "com.x", ["ä", 2**40, 1.5], {"k": [None, True]}])
    for _ in range(150):
        octets = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        with Client(node, "rawsocket", serializer) as client:
            client.hello()
            client.send_frame(bytes(octets))
            client.send([6, {}, "wamp.close.normal"])
            answers = []
            try:
                while not answers or answers[-1][0] not in (3, 6):
                    answers.append(client.receive())
            except Closed as end:
                raise AssertionError(f"closed without a word after {octets.hex()}") from end


def test_bad_websocket_frames(node: RunningNode) -> None:
    """What RFC 6455 forbids: no mask, unknown opcodes, reserved bits, broken fragments, long control frames."""
    bad = [
        websocket_frame(1, b"[]", masked=False),
        websocket_frame(3, b"x"),
        websocket_frame(11, b"x"),
        b"\xc1\x82\0\0\0\0[]",
        websocket_frame(0, b"[]"),
        websocket_frame(1, b"[", fin=False) + websocket_frame(1, b"]"),
        websocket_frame(9, bytes(126)),
        websocket_frame(9, b"x", fin=False),
        websocket_frame(8, b"\x03"),
        websocket_frame(8, (1005).to_bytes(2, "big")),
        websocket_frame(1, b'["\xff"]'),
        websocket_frame(2, b"[]"),
        b"\x81\xff" + b"\x80" + bytes(7) + bytes(4),
    ]
    for joined in (False, True):
        for octets in bad:
            with Client(node, "websocket", "json") as client:
                if joined:
                    client.hello()
                client.send_octets(octets)
                client.expect_end()
                assert client.close_code in {1000, 1002, 1003, 1007, 1009}


def test_fragments_add_up_to_the_limit(node: RunningNode) -> None:
    """A message in endless fragments is cut at `max_message_size`, wherever the frames end."""
    with Client(node, "websocket", "json") as client:
        client.hello()
        client.send_octets(websocket_frame(1, b'["', fin=False))
        before = node.rss()
        for _ in range(40):
            client.send_octets(websocket_frame(0, b"x" * 60_000, fin=False))
        client.expect_end()
        assert client.close_code == 1009
        assert node.rss() < before + 6_000_000


def test_unknown_rawsocket_frames(node: RunningNode) -> None:
    """Frame types that do not exist are a violation; PING is answered with its payload, PONG passed over."""
    with Client(node, "rawsocket") as client:
        client.hello()
        client.send_frame(b"hello?", 1)
        assert client.receive_frame() == (2, b"hello?")
        client.send_frame(b"unasked", 2)
        client.send_frame(b"x", 3)
        assert client.expect_abort()
    with Client(node, "rawsocket") as client:
        client.send_octets(b"\x80\0\0\0")
        assert client.expect_abort()
