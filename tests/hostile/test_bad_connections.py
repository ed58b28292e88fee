"""Connections that are not meant well: garbage, silence, dripping, floods, and peers that vanish."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.conftest import HANDSHAKE, NOTICEABLE, Witness, settle
from tests.hostile.raw import Client, Closed, websocket_frame
from tests.interop.running_node import RunningNode, doors, tcp

pytestmark = pytest.mark.slow

DOORS = ["rawsocket", "unix", "websocket", "universal", "web"]
#: seconds after which a connection without a handshake must be gone
GIVEN_UP = HANDSHAKE / 1000 + 3

GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"GET " + b"/a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000,
    b"HEAD / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"\x7f",
    b"\x7f\xf1\x00",
    b"\x7f\x01\x00\x01",
    b"\x7f\xff\x00\x00",
    b"\x7f\xf0\x00\x00",
    b"\x7f\xf1\x00\x00\xff\xff\xff\xff",
    b"\x7f\xf1\x00\x00\x00\xff\xff\xff" + bytes(1000),
    bytes(10_000),
    b"\xff" * 10_000,
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc",
]


def closes(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side closes within so many seconds; what it says meanwhile is thrown away."""
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(65_536):
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return False


def flood_of(node: RunningNode, door: str, count: int, stack: ExitStack) -> list[socket.socket]:
    """So many connections that say nothing."""
    return [stack.enter_context(node.connect(door)) for _ in range(count)]


@pytest.mark.parametrize("door", DOORS)
def test_garbage_on_every_port(node: RunningNode, door: str) -> None:
    """Each piece of garbage gets an answer or silence, and the connection ends; nothing else happens."""
    with ExitStack() as stack:
        connections = []
        for octets in GARBAGE:
            connection = stack.enter_context(node.connect(door))
            connections.append((octets, connection))
            try:
                connection.sendall(octets)
            except ConnectionError:
                pass
        for octets, connection in connections:
            assert closes(connection, GIVEN_UP), octets[:60]


@pytest.mark.parametrize("door", DOORS)
def test_random_octets_on_every_port(node: RunningNode, door: str) -> None:
    """Noise, some of it behind a good handshake."""
    chance = random.Random(door)
    beginnings = [b"", b"\x7f\xf1\0\0", b"\x7f\xf2\0\0", b"\x7f\xf3\0\0", b"GET /ws HTTP/1.1\r\n"]
    for i in range(60):
        with node.connect(door) as connection:
            try:
                connection.sendall(beginnings[i % 5] + chance.randbytes(chance.randint(1, 3_000)))
            except ConnectionError:
                pass


@pytest.mark.parametrize("door", DOORS)
def test_three_hundred_silent_connections(node: RunningNode, witness: Witness, door: str) -> None:
    """They are let in, they do not disturb, and they are gone when the time for a handshake is up."""
    before, said = node.descriptors(), node.log.stat().st_size
    with ExitStack() as stack:
        connections = flood_of(node, door, 300, stack)
        assert witness.exchange() < NOTICEABLE
        deadline = time.monotonic() + GIVEN_UP
        for connection in connections:
            assert closes(connection, deadline - time.monotonic())
    settle(lambda: node.descriptors() <= before)
    assert node.said(said).count("\n") < 40


REFUSED = [b"\x7f\xff\0\0", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x7f\xf1\0\0\0\0\0\x01x"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("octets", REFUSED)
def test_log_does_not_grow_with_each_refusal(node: RunningNode, witness: Witness, door: str, octets: bytes) -> None:
    """A client that comes back again and again must not fill the card that the log is on."""
    before = node.log.stat().st_size
    for _ in range(200):
        with node.connect(door) as connection:
            connection.sendall(octets)
            with suppress(OSError):  # the node may have closed it already
                connection.shutdown(socket.SHUT_WR)
    assert witness.exchange() < NOTICEABLE
    assert node.said(before).count("\n") < 40


@pytest.mark.parametrize(
    ("door", "head"),
    [
        ("rawsocket", b""),
        ("rawsocket", b"\x7f\xf1\0\0"),
        ("unix", b"\x7f"),
        ("websocket", b"GET / HTTP/1.1\r\n"),
        ("universal", b"GET /ws HTTP/1.1\r\n"),
        ("universal", b"\x7f"),
        ("web", b"GET /ws HTTP/1.1\r\n"),
    ],
)
def test_dripping_handshakes(node: RunningNode, door: str, head: bytes) -> None:
    """An octet now and then (slow loris) buys no more time than silence."""
    drip = b"\0" if head[:1] == b"\x7f" else b"\x7f" if not head else b"X: y\r\n"
    with node.connect(door) as connection:
        connection.sendall(head)
        deadline = time.monotonic() + GIVEN_UP
        gone = False
        while not gone and time.monotonic() < deadline:
            try:
                connection.sendall(drip[:1])
                drip = drip[1:] + drip[:1]
            except ConnectionError:
                gone = True
                break
            gone = closes(connection, 0.05)
        assert gone, "still connected"


@pytest.mark.parametrize("door", ["rawsocket", "websocket"])
def test_joined_and_then_half_a_frame(node: RunningNode, witness: Witness, door: str) -> None:
    """A client that stops in the middle of a frame holds its connection and nothing else."""
    with ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(Client(node, door))
            client.hello()
            client.send_octets(client.frame(b'[16,1,{},"com.x",["' + b"x" * 50_000 + b'"]]')[:40_000])
        assert witness.exchange() < NOTICEABLE
        assert node.sessions() == 52
    settle(lambda: node.sessions() == 2)


@pytest.mark.parametrize("door", ["rawsocket", "websocket"])
def test_pings_that_nobody_reads_the_answers_of(node: RunningNode, witness: Witness, door: str) -> None:
    """A client that sends nothing but pings and reads nothing takes no more memory than any slow reader."""
    with Client(node, door, receive_buffer=4096) as client:
        client.hello()
        client.socket.settimeout(1.0)
        before = node.rss()
        ping = client.frame(bytes(120), 9 if client.is_websocket else 1) * 500
        sent = 0
        deadline = time.monotonic() + 2
        try:
            while sent < 48_000_000 and time.monotonic() < deadline:
                sent += client.socket.send(ping)
        except (TimeoutError, ConnectionError):
            pass  # not read any more, or sent away: either will do
        assert node.rss() < before + 12_000_000
        assert witness.exchange() < NOTICEABLE


@pytest.mark.parametrize("door", ["rawsocket", "websocket"])
def test_requests_that_nobody_reads_the_answers_of(node: RunningNode, witness: Witness, door: str) -> None:
    """Answers belong to requests and are never dropped, so whoever does not read them is sent away."""
    with Client(node, door, receive_buffer=4096) as client:
        client.hello()
        client.socket.settimeout(1.0)
        before = node.rss()
        request = b"".join(client.frame(b'[48,%d,{},"com.no.such.procedure"]' % i) for i in range(1, 501))
        ended = False
        deadline = time.monotonic() + 8
        try:
            while not ended and time.monotonic() < deadline:
                client.socket.sendall(request)
        except (TimeoutError, ConnectionError):
            ended = True
        assert ended
        assert node.rss() < before + 16_000_000
        assert witness.exchange() < NOTICEABLE
    settle(lambda: node.sessions() == 2)


# --- nodes with a config of their own --------------------------------------------------------------------------


@pytest.fixture
def strict_node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node that pings often and lets in few."""
    made = doors()
    pings = {"auto_ping_interval": 300, "auto_ping_timeout": 300}
    made["websocket"].update(options=pings, max_connections=20)
    made["rawsocket"].update(options=pings, max_connections=20)
    made["unix"].update(options=pings, max_connections=20)
    made["universal"].update(max_connections=20)
    made["web"]["max_connections"] = 20
    made["quiet"] = {"type": "rawsocket", "endpoint": tcp()}
    node = RunningNode(tmp_path / "node", made)
    node.start()
    yield node
    assert node.stop() == 0
    assert node.complaints() == []


FROZEN = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.hostile.raw import Client
class Node:
    places = {sys.argv[2]: eval(sys.argv[3])}
client = Client(Node, sys.argv[2])
client.hello()
assert client.ask([64, 1, {}, "com.frozen"])[0] == 65
print("registered", flush=True)
while True:
    client.receive()
"""


@pytest.mark.parametrize("door", ["rawsocket", "unix", "websocket"])
def test_frozen_client_loses_its_registration(strict_node: RunningNode, door: str) -> None:
    """A client that vanishes without a word (here: SIGSTOP) is noticed by pings, and its procedure is free again."""
    repository = str(Path(__file__).resolve().parents[2])
    argv = [sys.executable, "-c", FROZEN, repository, door, repr(strict_node.places[door])]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"registered\n"
        with Client(strict_node, "quiet") as other:
            other.hello()
            time.sleep(1.0)
            answer = other.ask([64, 1, {}, "com.frozen"])
            assert answer[:3] == [8, 64, 1], "a client that answers pings keeps what it has"
            os.kill(process.pid, signal.SIGSTOP)
            other.send([48, 2, {}, "com.frozen"])
            began = time.monotonic()
            assert other.receive()[4] == "wamp.error.canceled", "the call under way is answered"
            assert time.monotonic() - began < 3
            assert other.ask([64, 3, {}, "com.frozen"])[0] == 65
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("door", ["rawsocket", "unix", "websocket", "universal", "web"])
def test_more_than_max_connections(strict_node: RunningNode, door: str) -> None:
    """Those over the limit are closed at once, those within live on, and room that is freed can be used."""
    kind = {"universal": "universal-raw"}.get(door, door)
    allowed = 20
    with ExitStack() as stack:
        inside = [stack.enter_context(Client(strict_node, kind)) for _ in range(allowed)]
        for client in inside:
            client.hello()
        for _ in range(200):
            with strict_node.connect(door) as connection:
                assert closes(connection, 3)
        for number, client in enumerate(inside, 1):
            assert client.ask([32, number, {}, "com.x"])[0] == 33
        inside[0].close()
        late: list[Any] = []

        def let_in() -> bool:
            try:
                late.append(stack.enter_context(Client(strict_node, kind)))
            except (Closed, ConnectionError):
                return False
            return True

        settle(let_in)
        late[0].hello()
    refusals = [line for line in strict_node.said().splitlines() if "max_connections" in line]
    assert 1 <= len(refusals) <= 5, "told, but not once for each"


@pytest.mark.parametrize("door", ["rawsocket", "websocket", "universal-raw", "web"])
def test_storms_of_reconnects_leave_nothing_behind(node: RunningNode, witness: Witness, door: str) -> None:
    """Twenty times a hundred sessions that subscribe, register and are cut: memory and counts are as before."""
    sessions = node.sessions()
    descriptors = node.descriptors()

    def storm(number: int) -> None:
        with ExitStack() as stack:
            for i in range(100):
                client = stack.enter_context(Client(node, door))
                client.send([1, "realm1", {"roles": {"callee": {}, "subscriber": {}}}])
                client.send([32, 1, {"match": "prefix"}, f"com.storm.topic{i}"])
                client.send([64, 2, {}, f"com.storm{number}.procedure{i}"])
                assert [client.receive()[0] for _ in range(3)] == [2, 33, 65]
                if i % 3 == 0:
                    client.send_octets(websocket_frame(1, b"[16")[:3])

    for number in range(4):
        storm(number)
    settle(lambda: node.sessions() == sessions)
    before = node.rss()
    for number in range(4, 20):
        storm(number)
    settle(lambda: node.sessions() == sessions)
    settle(lambda: node.descriptors() <= descriptors)
    assert node.rss() < before + 2_000_000
    assert witness.exchange() < NOTICEABLE
