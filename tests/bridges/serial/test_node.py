"""The serial bridge in a real node, on the real reactor: a browser's session sees the device come, go and come back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        while (received := self._next())[0] != answer:
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
def node(tmp_path: Path, device: FakeDevice) -> Iterator[Node]:
    """Started with the device not plugged in yet."""
    device.unplug()
    (tmp_path / "config.yaml").write_text(CONFIG.replace("DEVICE", str(device.link)))
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
