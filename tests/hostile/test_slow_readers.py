"""Readers that are slow, or do not read at all, on a busy topic: memory stays bounded and nobody else notices.

It takes ten seconds; EDGE_SOAK=60 in the environment makes it a minute.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.conftest import NOTICEABLE, Witness, settle
from tests.hostile.raw import DUMPS, Client, Closed
from tests.interop.running_node import RunningNode, doors, tcp

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("EDGE_SOAK", "10"))
#: octets of one event's text, and events that the good reader must have got before more are published
EVENT, WINDOW = 1_000, 200
QUEUE = 1_048_576
#: octets that a slow reader may cost: its queue, the transport's buffer and as much again for what holds them
PER_READER = 3 * QUEUE

SLOW = [("rawsocket", "msgpack"), ("rawsocket", "json"), ("websocket", "json"), ("websocket", "cbor"), ("unix", "cbor")]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node of its own, with one more door whose slow readers are sent away; no pings, which would end them all."""
    made = doors(limits={"send_queue": QUEUE})
    made["universal"].pop("limits", None)
    made["web"].pop("limits", None)
    made["websocket"]["options"] = {"auto_ping_interval": 0}
    made["calm"] = {"type": "websocket", "endpoint": tcp(), "options": {"auto_ping_interval": 0}}
    made["impatient"] = {"type": "rawsocket", "endpoint": {**tcp(), "user_timeout": 1_000}}
    made["closing"] = {
        "type": "rawsocket",
        "endpoint": tcp(),
        "limits": {"send_queue": QUEUE, "slow_reader": "close"},
    }
    running = RunningNode(tmp_path / "node", made)
    running.start()
    yield running
    assert running.stop() == 0
    assert running.complaints() == []


class Busy:
    """A topic on which a good reader gets every event, at the pace that it can take them.

    The publisher waits for the good reader, so that what the router drops is never this reader's.
    """

    def __init__(self, node: RunningNode) -> None:
        self.published = 0
        self.problem: BaseException | None = None
        self._publisher = Client(node, "rawsocket", "msgpack")
        self._reader = Client(node, "calm", "json")
        self._publisher.hello()
        self._reader.hello()
        assert self._reader.ask([32, 1, {}, "com.busy"])[0] == 33
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        self._publisher.close()
        self._reader.close()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._publish_window()
        except BaseException as problem:  # noqa: BLE001 - told by the test's own thread
            self.problem = problem

    def _publish_window(self) -> None:
        text, dumps = "x" * EVENT, DUMPS["msgpack"]
        frames = []
        first = self.published
        for number in range(first, first + WINDOW):
            frames.append(self._publisher.frame(dumps([16, number + 1, {}, "com.busy", [number, text]])))
        self._publisher.send_octets(b"".join(frames))
        for number in range(first, first + WINDOW):
            event = self._reader.receive()
            assert event[4][0] == number, "the good reader misses nothing"
        self.published = first + WINDOW


def slow_reader(node: RunningNode, door: str, serializer: str) -> Client:
    """A client that subscribes to the busy topic; who reads, and how fast, is the test's business.

    Its window is that of a small computer. One of few kilobytes would not do: as long as it is smaller than what the
    kernel has put into one piece, Linux counts TCP_USER_TIMEOUT although the peer reads (`tcp_ack_probe`).
    """
    client = Client(node, door, serializer, receive_buffer=65_536)
    client.hello()
    assert client.ask([32, 1, {}, "com.busy"])[0] == 33
    return client


def test_slow_readers_on_a_busy_topic(node: RunningNode) -> None:
    """Memory bounded, latency of others bounded, nobody else dropped, drops counted, sessions alive (DESIGN 4)."""
    witness = Witness(node)
    before = node.rss()
    slow = [slow_reader(node, door, serializer) for door, serializer in SLOW]
    sessions = node.sessions()
    worst, latencies = 0, []
    with Busy(node) as busy:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            latencies.append(witness.exchange())
            worst = max(worst, node.rss())
            for client in slow:
                client.sip(2_048)
            time.sleep(0.02)
        settle(lambda: busy.published > 20 * QUEUE / EVENT or busy.problem, 30)
        info = node.info()
        assert busy.problem is None, busy.problem
        assert node.sessions() == sessions + 2
    latencies.sort()
    dropped = info["events_dropped"]
    print(f"{busy.published} events, {dropped} dropped, RSS {before} -> {worst}, longest wait {latencies[-1]:.3f} s")
    assert worst < before + len(slow) * PER_READER
    assert latencies[len(latencies) // 2] < 0.25
    assert latencies[-1] < NOTICEABLE
    assert dropped > len(slow) * (busy.published - 4 * QUEUE / EVENT) * 0.5
    assert node.said().count("reads too slowly") == len(slow), "one line for each, not one for each event"
    for client in slow:
        _catches_up(client, busy.published - 1)
        client.close()
    witness.close()
    settle(lambda: node.sessions() == 0)


def _catches_up(client: Client, last: int) -> None:
    """Once it reads, the oldest that it can have missed are gone, the newest are there, in order."""
    client.send([32, 7, {}, "com.other"])
    numbers = []
    while (message := client.receive())[0] == 36:
        numbers.append(message[4][0])
    assert message[:2] == [33, 7]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < last
    assert numbers[-1] == last


def test_slow_reader_is_sent_away_where_configured(node: RunningNode) -> None:
    """`slow_reader: close`: its session ends, and its connection within a few seconds; the others stay."""
    witness = Witness(node)
    client = slow_reader(node, "closing", "msgpack")
    sessions = node.sessions()
    with Busy(node) as busy:
        settle(lambda: node.sessions() == sessions + 2 - 1 or busy.problem, 20)
        assert busy.problem is None, busy.problem
        assert witness.exchange() < NOTICEABLE
    assert 36 in [message[0] for message in _all_but_the_last(client)]
    client.close()
    witness.close()


def test_reader_that_stopped_for_good_is_dropped_by_tcp(node: RunningNode) -> None:
    """Nothing acknowledged for `user_timeout`: the connection is taken for dead, without pings too."""
    client = slow_reader(node, "impatient", "cbor")
    sessions = node.sessions()
    with Busy(node) as busy:
        settle(lambda: node.sessions() == sessions + 2 - 1 or busy.problem, 20)
        assert busy.problem is None, busy.problem
    client.close()


def _all_but_the_last(client: Client) -> list[Any]:
    """What has come whole before the connection was cut."""
    messages = []
    try:
        while True:
            messages.append(client.receive())
    except Closed:
        return messages


@pytest.mark.parametrize(("door", "serializer"), SLOW)
def test_callee_that_does_not_read(node: RunningNode, door: str, serializer: str) -> None:
    """An INVOCATION that cannot be delivered becomes an ERROR to its caller; those delivered are answered later."""
    with Client(node, door, serializer, receive_buffer=4096) as callee, Client(node, "rawsocket") as caller:
        callee.hello()
        caller.hello()
        assert callee.ask([64, 1, {}, "com.lazy"])[0] == 65
        text = "x" * 100_000
        refused: list[int] = []
        number = 0
        caller.socket.settimeout(0.05)
        while not refused and number < 900:
            number += 1
            caller.send([48, number, {}, "com.lazy", [text]])
            try:
                answer = caller.receive()
            except TimeoutError:
                continue
            assert answer[:2] == [8, 48]
            assert answer[4] == "wamp.error.unavailable"
            refused.append(answer[2])
        assert refused
        caller.socket.settimeout(10)
        answered = []
        for _ in range(number - len(refused)):
            invocation = callee.receive()
            callee.send([70, invocation[1], {}, ["done"]])
            answered.append(caller.receive()[1])
        assert sorted([*answered, *refused]) == list(range(1, number + 1)), "each call has exactly one answer"
