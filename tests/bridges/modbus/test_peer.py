"""A real node and another implementation of the protocol, pymodbus, as slave: every function, both framings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.bridges.serial.test_node import Browser, Node

pytest.importorskip("pymodbus")
pytestmark = pytest.mark.slow

CONFIG = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              - {uri: "", match: prefix, allow: {subscribe: true, call: true}}
    transports:
      - type: web
        endpoint: {type: tcp, interface: 127.0.0.1, port: 0}
        paths: {/: {type: nodeinfo}, ws: {type: websocket}}
bridges:
"""
BRIDGE = """
  - type: modbus
    id: FRAMING
    realm: realm1
    host: 127.0.0.1
    port: PORT
    framing: FRAMING
    interval: 0.2
    pause: 0
    raw_access: write
    units:
      peer:
        unit: 1
        values:
          voltage: {table: input, address: 0, format: float32}
          power: {table: input, address: 2, format: int16, scale: 0.1, round: 1}
          contacts: {table: discrete, address: 0, length: 3}
          lamp: {table: coil, address: 4, write: {read_back: true}}
          valves: {table: coil, address: 8, length: 11, write: {read_back: true}}
          target: {table: holding, address: 10, format: int16, scale: 0.1, round: 1, write: {read_back: true}}
          energy: {table: holding, address: 20, format: uint64, order: CDAB, write: {read_back: true}}
"""


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Of the server: TCP, and RTU over TCP."""
    command = [sys.executable, str(Path(__file__).with_name("peer.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield [int(server.stdout.readline()) for _ in range(2)]
        server.terminate()


def test_every_function_with_pymodbus(tmp_path: Path, ports: list[int]) -> None:
    bridges = [
        BRIDGE.replace("FRAMING", framing).replace("PORT", str(port))
        for framing, port in zip(("tcp", "rtu"), ports, strict=True)
    ]
    (tmp_path / "config.yaml").write_text(CONFIG + "".join(bridges))
    node = Node(tmp_path)
    try:
        node.ready()
        for framing in ("tcp", "rtu"):
            with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
                try_functions(Browser(socket, f"{framing}."), framing)
    finally:
        status = node.stop()
    assert status == 0, "".join(node.log)


def try_functions(browser: Browser, framing: str) -> None:
    """Functions 1 to 4 by polling, 5, 6, 15 and 16 by writing and reading back, and an exception."""

    def call(procedure: str, *args: Any) -> Any:
        return browser.ask(48, 1, {}, f"{framing}.{procedure}", list(args), answer=50)[3][0]

    browser.until(f"{framing}.peer.voltage", 230.0)
    browser.until(f"{framing}.peer.power", -20.0)
    browser.until(f"{framing}.peer.contacts", [True, False, True])
    valves = [True, False, False, True, True, False, True, False, True, True, False]
    for name, value in {"lamp": True, "valves": valves, "target": -12.3, "energy": 2**53 + 1}.items():
        assert call(f"peer.{name}.set", value) == value
        browser.until(f"{framing}.peer.{name}", value)
    assert call("read_raw", "peer", "holding", 10, 1) == [65536 - 123]
    refused = browser.ask(48, 2, {}, f"{framing}.read_raw", ["peer", "holding", 200, 1], answer=8)
    assert refused[4] == "edge.error.refused"
    assert refused[6] == {"code": 2, "name": "illegal data address"}
