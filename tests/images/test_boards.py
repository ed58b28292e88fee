"""A board under emulation, from power on to a reading in a client: what people flash is what is tried here."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.images.board import MACHINES, Board

KILLS = int(os.environ.get("KILLS", "2"))
NEEDED = ("arch-test", "depmod", "mke2fs", "debugfs", "qemu-aarch64-static")
CONFIG = """\
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        store: {type: sqlite, path: events.sqlite, event-history: [{uri: com.example.sensor}]}
        roles:
          - name: anonymous
            permissions:
              - {uri: "", match: prefix, allow: {subscribe: true, call: true}}
    transports:
      - type: web
        endpoint: {type: tcp, port: 8080}
        paths:
          /: {type: static, package: edge_router, resource: page}
          ws: {type: websocket}
          info: {type: nodeinfo}
          metrics: {type: metrics}
bridges:
  - {type: serial, id: com.example.sensor, realm: realm1, device: TTY, baudrate: 115200, decode: json}
  - {type: board, id: com.example.board, realm: realm1}
  - type: gpio
    id: com.example.pins
    realm: realm1
    chip: 9030000.pl061
    inputs: {button: {line: 3}}
"""
TTYS = {"arm64": "/dev/ttyS0", "armhf": "/dev/ttyS0"}
#: what was measured, printed at the end
FIGURES: dict[str, str] = {}


@pytest.fixture(scope="module", params=["arm64"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board that has booted."""
    missing = [name for name in (*NEEDED, MACHINES[request.param][0]) if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    place: Path = tmp_path_factory.mktemp("board")
    board = Board(request.param, place, CONFIG.replace("TTY", TTYS[request.param]))
    FIGURES[f"{request.param}: power on to serving, s"] = f"{board.start():.0f}"
    yield board
    board.pull_the_plug()
    shutil.rmtree(place)
    print("\n" + "\n".join(f"{name}: {value}" for name, value in FIGURES.items()))


class Browser:
    """A client over WebSocket, as a browser on the LAN is."""

    def __init__(self, board: Board, *topics: str) -> None:
        url = f"ws://127.0.0.1:{board.port}/ws"
        self._stack = ExitStack()
        self._socket = self._stack.enter_context(connect(url, subprotocols=["wamp.2.json"], open_timeout=60))  # type: ignore
        self._say(1, "realm1", {"roles": {"subscriber": {}, "caller": {}}})
        assert self._hears()[0] == 2
        for number, topic in enumerate(topics, 1):
            self._say(32, number, {"get_retained": True}, topic)

    def _say(self, *message: Any) -> None:
        self._socket.send(json.dumps(message))

    def _hears(self) -> list[Any]:
        message: list[Any] = json.loads(self._socket.recv(timeout=120))
        return message

    def event(self) -> list[Any]:
        """The args of the next event."""
        while (message := self._hears())[0] != 36:
            pass
        args: list[Any] = message[4]
        return args

    def close(self) -> None:
        self._stack.close()


def test_a_reading_of_the_serial_line_is_in_a_client(board: Board) -> None:
    """From the sensor's line to the browser's event."""
    browser = Browser(board, "com.example.sensor")
    with board.sensor() as sensor:
        for _ in range(3):  # the first may come in two halves: the port was just opened
            sensor.sendall(b'{"temperature": 21.5}\n')
        assert browser.event() == [{"temperature": 21.5}]
    browser.close()


def test_an_edge_of_a_pin_is_an_event(board: Board) -> None:
    """By the kernel's own GPIO."""
    browser = Browser(board, "com.example.pins.button")
    assert browser.event() == [False]
    board.presses_the_power_button()
    assert browser.event() == [True]
    browser.close()


def test_the_board_says_how_it_is(board: Board) -> None:
    """Half a gigabyte is plenty."""
    said = board.get("/metrics")
    found = re.search(r"^process_resident_memory_bytes (\S+)", said, re.M)
    assert found is not None, said
    megabytes = float(found[1]) / 1e6
    FIGURES["resident memory of the node, MB"] = f"{megabytes:.1f}"
    assert megabytes < 60
    browser = Browser(board, "com.example.board")
    facts = browser.event()[0]
    browser.close()
    FIGURES["memory of the board, MB"] = f"{facts['memory']['total'] / 1e6:.0f}"
    FIGURES["of it available, MB"] = f"{facts['memory']['available'] / 1e6:.0f}"
    assert facts["memory"]["available"] > 200e6


def test_the_plug_may_be_pulled_while_it_writes(board: Board) -> None:
    """It boots and serves each time, its file system is whole, and the store has what was written."""
    for _ in range(KILLS):
        with board.sensor() as sensor:
            for number in range(200):
                sensor.sendall(b'{"number": %d}\n' % number)
        board.pull_the_plug()
        board.check_disk()
        board.start()
        assert json.loads(board.get("/info"))["state"] == "running"
