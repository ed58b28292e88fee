"""The serial bridge in a real node, on the real reactor: a browser's session sees the device come, go and come back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.bridges.harness import FakeDevice

pytestmark = pytest.mark.slow

#: seconds
PATIENCE = 20.0

CONFIG = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              - {uri: kitchen, match: prefix, allow: {subscribe: true, call: true}}
    transports:
      - type: web
        endpoint: {type: tcp, interface: 127.0.0.1, port: 0}
        paths:
          /: {type: nodeinfo}
          ws: {type: websocket}
bridges:
  - {type: serial, id: kitchen, realm: realm1, device: "DEVICE", decode: keyvalue, fields: {t: {unit: K}}}
"""


ASKED = """
  - type: serial
    id: kitchen
    realm: realm1
    device: "DEVICE"
    decode: raw
    settle: 0
    poll: [{send: "T?", every: 1, field: t, expect: {prefix: "2"}}]
    procedures: {identify: {send: "*IDN?", expect: {prefix: "S"}}}
    fields: {t: {type: number}}
"""


class Node:
    """A running node; `log` grows while it runs."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-m", "edge_router", "start", "--cbdir", str(directory)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self._port = threading.Event()
        self.port = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"web listens on tcp4:127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                self._port.set()

    def ready(self) -> None:
        assert self._port.wait(PATIENCE), "".join(self.log)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


class Browser:
    """A WAMP session over WebSocket with JSON, spoken by hand."""

    def __init__(self, socket: ClientConnection, topics: str = "kitchen") -> None:
        self._socket = socket
        self.events: list[tuple[str, Any, dict[str, Any]]] = []
        self.ask(1, "realm1", {"roles": {"subscriber": {}, "caller": {}}}, answer=2)
        self.ask(32, 1, {"match": "prefix"}, topics, answer=33)

    def ask(self, *message: Any, answer: int) -> list[Any]:
        """Send a message and wait for an answer of this code; events that come before are kept."""
        self._socket.send(json.dumps(message))
        return self.wait_for(answer)

    def wait_for(self, code: int) -> list[Any]:
        """The next message of this code; events that come before are kept."""
        while (received := self._next())[0] != code:
            assert received[0] == 36, received
        return received

    def until(self, topic: str, value: Any) -> dict[str, Any]:
        """Wait for an event. Result: its kwargs."""
        while not self.events or self.events[-1][:2] != (topic, value):
            self._next()
        return self.events[-1][2]

    def _next(self) -> list[Any]:
        message: list[Any] = json.loads(self._socket.recv(PATIENCE))
        if message[0] == 36:
            self.events.append((message[3]["topic"], message[4][0], message[5]))
        return message


@pytest.fixture
def node(tmp_path: Path, device: FakeDevice, request: pytest.FixtureRequest) -> Iterator[Node]:
    """Started with the device not plugged in yet. param: another bridge than that of CONFIG."""
    device.unplug()
    text = CONFIG
    if hasattr(request, "param"):
        text = CONFIG.partition("bridges:\n")[0] + "bridges:" + request.param
    (tmp_path / "config.yaml").write_text(text.replace("DEVICE", str(device.link)))
    running = Node(tmp_path)
    try:
        running.ready()
        yield running
    finally:
        status = running.stop()
    assert status == 0, "".join(running.log)


def test_a_device_comes_goes_and_comes_back(node: Node, device: FakeDevice) -> None:
    """Written to and heard from in between. The log has one line each time."""
    with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
        browser = Browser(socket)
        for reading in (20, 21):
            error = browser.ask(48, 7, {}, "kitchen.write", ["x"], answer=8)
            assert error[4] == "edge.error.device_away"
            device.plug()
            browser.until("kitchen.status", "open")
            device.say(b"t=%d\r\n" % reading)
            assert browser.until("kitchen.t", reading)["unit"] == "K"
            browser.ask(48, 8, {}, "kitchen.write", ["led on"], answer=50)
            os.set_blocking(device.master, True)
            assert device.heard() == b"led on\n"
            device.unplug()
            browser.until("kitchen.status", "away")
    said = [line.split(f"{device.link} ")[1].strip() for line in node.log if str(device.link) in line]
    gone = "is away: it was unplugged or hung up"
    assert said == ["is away: it is not there", "is open", gone, "is open", gone]


class Sensor:
    """Hears what is asked, and answers in a thread until it is unplugged. mute: hears and is silent."""

    ANSWERS: ClassVar = {b"T?": b"21.5", b"*IDN?": b"Sensor 1"}

    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.mute = False
        self.asked: list[bytes] = []

    def __enter__(self) -> Sensor:
        self._device.plug()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopped.set()
        self._thread.join(PATIENCE)
        self._device.unplug()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not select.select([self._device.master], [], [], 0.02)[0]:
                continue
            for line in self._device.heard().splitlines():
                self.asked.append(line)
                if not self.mute:
                    self._device.say(self.ANSWERS[line] + b"\r\n")


@pytest.mark.parametrize("node", [ASKED], indirect=True)
def test_a_device_that_answers_comes_and_goes(node: Node, device: FakeDevice) -> None:
    """Polls become values, a command is a procedure; who waits when the plug is pulled is told; it all comes back."""
    with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
        browser = Browser(socket)
        for _ in range(2):
            with Sensor(device) as sensor:
                browser.until("kitchen.t", 21.5)
                assert browser.ask(48, 7, {}, "kitchen.identify", answer=50)[3] == ["Sensor 1"]
                sensor.mute = True
                socket.send(json.dumps([48, 8, {}, "kitchen.identify"]))
                while sensor.asked[-1] != b"*IDN?" or sensor.asked.count(b"*IDN?") < 2:
                    select.select([], [], [], 0.01)
            assert browser.wait_for(8)[4] == "edge.error.device_away"
            error = browser.ask(48, 9, {}, "kitchen.request", ["T?"], answer=8)
            assert error[4] == "edge.error.device_away"


@contextlib.contextmanager
def talking(device: FakeDevice, line: bytes) -> Iterator[None]:
    """The device says a line again and again, for what it says before it is open is rightly lost."""
    stopped = threading.Event()

    def talk() -> None:
        while not stopped.wait(0.03):
            device.say(line)

    thread = threading.Thread(target=talk)
    thread.start()
    yield
    stopped.set()
    thread.join(PATIENCE)


def test_a_loose_contact(node: Node, device: FakeDevice) -> None:
    """Plugged and unplugged again and again, as fast as it goes: it is there soon, and nothing is left open."""
    with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
        browser = Browser(socket)
        counts = set()
        for turn in range(10):
            for pause in (0.0, 0.01, 0.06):
                device.plug()
                select.select([], [], [], pause)
                device.unplug()
            device.plug()
            begun = time.monotonic()
            with talking(device, b"t=%d\n" % turn):
                browser.until("kitchen.t", turn)
            assert time.monotonic() - begun < 5, "at once; waits that grow would be over 7 s by the third"
            counts.add(node.descriptors())
            device.unplug()
            browser.until("kitchen.status", "away")
        assert len(counts) == 1, counts
