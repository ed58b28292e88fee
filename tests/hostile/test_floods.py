"""Sessions that join and at once do too much: bounded, and nobody else has to wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from select import select

import msgspec
import pytest

from tests.hostile.conftest import NOTICEABLE, Witness, settle
from tests.hostile.raw import DUMPS, SERIALIZERS, Client, Closed
from tests.interop.running_node import RunningNode

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000
#: seconds that a flood lasts
FLOOD = 0.5
HELLO = [1, "realm1", {"roles": {role: {} for role in ("publisher", "subscriber", "caller", "callee")}}]

#: what is sent again and again, by its number
FLOODS: dict[str, Callable[[int], list[object]]] = {
    "publications": lambda n: [16, n, {}, "com.flood", ["x" * 1000]],
    "publications to itself": lambda n: [16, n, {"exclude_me": False}, "com.mine", ["x" * 1000]],
    "retained topics": lambda n: [16, n, {"retain": True}, f"com.flood.t{n}", ["x" * 1000]],
    "subscriptions": lambda n: [32, n, {"match": "wildcard"}, f"com..t{n}"],
    "subscriptions with one request id": lambda n: [32, 1, {"match": "prefix"}, f"com.t{n}"],
    "registrations": lambda n: [64, n, {}, f"com.flood.p{n}"],
    "calls that it does not answer": lambda n: [48, n, {}, "com.mine", ["x" * 1000]],
    "calls with timeouts": lambda n: [48, n, {"timeout": 3_600_000}, "com.mine"],
    "cancels of calls that never were": lambda n: [49, n, {"mode": "kill"}],
    "testaments": lambda n: [48, n, {}, "wamp.session.add_testament", ["com.x", ["x" * 1000], {}]],
    "all subscriptions there are": lambda n: [48, n, {}, "wamp.subscription.list"],
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("door", ["rawsocket", "websocket"])
def test_a_flood_right_behind_hello(node: RunningNode, witness: Witness, door: str, flood: str) -> None:
    """Others are served all the while, memory is bounded, and all is gone when the session is."""
    before = node.rss()
    numbers = count(3)
    with Client(node, door, "msgpack") as client:
        dumps = DUMPS["msgpack"]
        first = [HELLO, [32, 1, {}, "com.mine"], [64, 2, {}, "com.mine"]]
        client.send_octets(b"".join(client.frame(dumps(message)) for message in first))
        client.socket.setblocking(False)
        deadline = time.monotonic() + FLOOD
        ended = False
        while not ended and time.monotonic() < deadline:
            octets = b"".join(client.frame(dumps(FLOODS[flood](n))) for n, _ in zip(numbers, range(1000), strict=False))
            ended = not poured(client, octets)
            assert witness.exchange() < NOTICEABLE
        assert node.rss() < before + 40 * MEGABYTE
    settle(lambda: node.sessions() == 2)
    assert witness.exchange() < NOTICEABLE


def poured(client: Client, octets: bytes) -> bool:
    """Send what is taken within a while, and throw away what is answered. Result: whether the connection lives."""
    deadline = time.monotonic() + 1
    while octets and time.monotonic() < deadline:
        ready, _, _ = select([client.socket], [client.socket], [], 0.05)
        try:
            if ready and not client.socket.recv(1 << 20):
                return False
            octets = octets[client.socket.send(octets) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            return False
    return True


def deep(depth: int) -> list[object]:
    """Lists in lists."""
    made: list[object] = []
    for _ in range(depth):
        made = [made]
    return made


#: a message with something deep in it that is no payload
DEEP: dict[str, Callable[[list[object]], list[object]]] = {
    "what is not known of HELLO": lambda deep: [1, "realm1", {"roles": {"caller": {}}, "x": deep}],
    "authextra": lambda deep: [1, "realm1", {"roles": {"caller": {}}, "authextra": {"x": deep}}],
    "roles": lambda deep: [1, "realm1", {"roles": {"caller": {"features": {"x": deep}}}}],
    "what is not known of options": lambda deep: [32, 1, {"x": deep}, "com.x"],
    "a URI": lambda deep: [32, 1, {}, deep],
    "a message": lambda deep: deep,
}


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("place", DEEP)
def test_deep_nesting_outside_of_payloads(node: RunningNode, serializer: str, place: str) -> None:
    """Three hundred levels are an answer or a violation; nobody's stack ends."""
    with Client(node, "rawsocket", serializer) as client:
        message = DEEP[place](deep(300))
        if message[0] != 1:
            client.hello()
        client.send(message)
        answer = client.receive()
        assert answer[0] in (2, 33) or answer[::2] == [3, "wamp.error.protocol_violation"]


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_bottomless_nesting_outside_of_payloads(node: RunningNode, serializer: str) -> None:
    """A message of nothing but beginnings of lists is a violation."""
    opened = {"json": b"[", "msgpack": b"\x91", "cbor": b"\x81"}[serializer]
    for head in (b"", {"json": b'[1,"realm1",{"x":', "msgpack": b"\x93\x01\xa6realm1\x81\xa1x",
                       "cbor": b"\x83\x01\x66realm1\xa1\x61x"}[serializer]):  # fmt: skip
        with Client(node, "rawsocket", serializer) as client:
            client.send_frame(head + opened * 400_000)
            assert client.expect_abort()


@pytest.mark.parametrize("name", ["authid", "agent", "authrole", "authmethods", "authextra", "x"])
def test_hello_with_much_in_it(node: RunningNode, name: str) -> None:
    """Nearly a megabyte in one attribute, forty times: refused or let in, and not kept."""
    much = "x" * 900_000
    value = {"authmethods": ["anonymous", *([much[:1000]] * 800)], "authextra": {"x": much}}.get(name, much)
    hello = msgspec.json.encode([1, "realm1", {"roles": {"caller": {}}, name: value}])
    before = node.rss()
    clients = []
    for _ in range(40):
        client = Client(node, "rawsocket")
        clients.append(client)
        client.send_frame(hello)
        assert client.receive()[0] in (2, 3)
    assert node.rss() < before + 12 * MEGABYTE
    for client in clients:
        client.close()
    settle(lambda: node.sessions() == 2)


def test_a_second_call_with_the_id_of_one_under_way(node: RunningNode) -> None:
    """It is no later part of that one (no `progress`), so it breaks the protocol, and nothing is left of the first."""
    with Client(node, "rawsocket") as client:
        client.hello()
        assert client.ask([64, 1, {}, "com.twice"])[0] == 65
        client.send([48, 2, {}, "com.twice"])
        assert client.receive()[0] == 68
        client.send([48, 2, {}, "com.twice"])
        assert client.expect_abort()
        with pytest.raises(Closed):
            client.receive()
    settle(lambda: node.sessions() == 2)
