"""Setting the outputs of a board whose router was killed: what on_stop says, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import serial
from websockets.sync.client import connect

from bridges.firmata import protocol, simulator
from bridges.firmata.simkinds import Uno
from bridges.firmata.simulator import SimulatedUno
from bridges.firmata.stopping import StoppedOutputs
from tests.bridges.firmata.bench import configured
from tests.bridges.harness import FakeDevice
from tests.bridges.serial.test_node import Browser, Node

OUTPUTS = {
    "pump": {"pin": 12, "on_stop": "off"},
    "valve": {"pin": 4, "on_stop": True, "active_low": True},
    "lamp": {"pin": 13},
}


class Served:
    """A board that answers in a thread of its own."""

    def __init__(self, device: FakeDevice) -> None:
        self.uno = SimulatedUno(Uno(), Random(1))
        self.heard = b""
        self._master = device.master
        self._end, self._stop = os.pipe()
        os.set_blocking(device.master, True)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._end], [], [])
            if self._end in ready:
                return
            with contextlib.suppress(OSError):
                data = os.read(self._master, 1000)
                self.heard += data
                os.write(self._master, self.uno.hear(data))

    def stop(self) -> None:
        os.write(self._stop, b"x")
        self._thread.join(5)
        os.close(self._stop)
        os.close(self._end)


@pytest.fixture
def board(device: FakeDevice) -> Iterator[Served]:
    """Its outputs are as a router left them that was killed."""
    found = Served(device)
    found.uno.values[12] = found.uno.values[13] = found.uno.values[4] = 1
    yield found
    found.stop()


def test_outputs_are_set_as_on_stop_says(board: Served, device: FakeDevice, tmp_path: Path) -> None:
    config = configured(
        device=str(device.link),
        outputs=OUTPUTS,
        pwm={"fan": {"pin": 9, "on_stop": 0.5}},
        servos={"arm": {"pin": 10}, "flap": {"pin": 11, "on_stop": 90}},
    )
    done = list(StoppedOutputs(config, tmp_path).stop())
    assert done == [("pump", "off", True), ("valve", "on", True), ("fan", "0.5", True), ("flap", "90", True)]
    assert [board.uno.values[pin] for pin in (12, 4, 13, 9, 11)] == [0, 0, 1, 128, 90]
    assert board.uno.modes[10] == protocol.OUTPUT, "a servo that is to be kept is not touched"


def test_a_board_that_nothing_is_said_about_is_not_opened(board: Served, device: FakeDevice, tmp_path: Path) -> None:
    """Opening it would restart it."""
    config = configured(device=str(device.link), outputs={"lamp": {"pin": 13}}, servos={"arm": {"pin": 10}})
    outputs = StoppedOutputs(config, tmp_path)
    assert list(outputs.stop()) == []
    assert list(outputs.describe()) == [
        ("lamp", f"pin 13 of {device.link}; on_start keep, on_stop keep, on_loss keep", True),
        ("arm", f"pin 10 of {device.link}; on_start keep, on_stop keep, on_loss keep", True),
    ]
    assert board.heard == b""


def test_a_pin_that_cannot_and_a_board_that_does_not(
    board: Served, device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one holds up no other; the other is found out."""
    outputs = {"gone": {"pin": 0, "on_stop": "off"}, "pump": {"pin": 12, "on_stop": "off"}}
    config = configured(device=str(device.link), timeout=0.2, outputs=outputs)
    gone = ("gone", "cannot be set to off: pin 0 of this board cannot do output", False)
    assert list(StoppedOutputs(config, tmp_path).stop()) == [gone, ("pump", "off", True)]
    board.uno.values[12] = 1
    monkeypatch.delitem(simulator._HANDLERS, protocol.SET_PIN_MODE)
    monkeypatch.delitem(simulator._HANDLERS, protocol.SET_PIN_VALUE)
    pump = ("pump", "cannot be set to off: the board does not say that it did it", False)
    assert list(StoppedOutputs(config, tmp_path).stop()) == [gone, pump]


def test_a_silent_board(board: Served, device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(simulator._HANDLERS, protocol.VERSION)
    config = configured(device=str(device.link), timeout=0.05, outputs={"pump": {"pin": 12, "on_stop": "off"}})
    ((name, text, good),) = StoppedOutputs(config, tmp_path).stop()
    assert (name, good) == ("pump", False)
    assert "it does not speak Firmata" in text


def test_no_board(tmp_path: Path) -> None:
    config = configured(device=str(tmp_path / "gone"), outputs={"pump": {"pin": 12, "on_stop": "off"}})
    ((name, text, good),) = StoppedOutputs(config, tmp_path).stop()
    assert (name, good) == ("pump", False)
    assert "No such file" in text


@pytest.mark.parametrize("call", ["open", "flush"])
def test_a_board_that_is_just_being_unplugged(
    board: Served, device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The outputs of other bridges are still to be set."""
    opened = serial.Serial.open

    def gone(line: serial.Serial) -> None:
        opened(line)
        line.close()
        raise termios.error(errno.EIO, "Input/output error")

    def lost(_line: serial.Serial) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(serial.Serial, call, gone if call == "open" else lost)
    config = configured(device=str(device.link), outputs={"pump": {"pin": 12, "on_stop": "off"}})
    ((name, text, good),) = StoppedOutputs(config, tmp_path).stop()
    assert (name, good) == ("pump", call == "flush"), text


def test_a_board_before_version_2_5(
    board: Served, device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has whole ports set; what is to be kept is kept."""
    monkeypatch.setattr("bridges.firmata.simulator.FIRMWARE", (2, 4, "StandardFirmata.ino"))
    board.uno.modes[13] = board.uno.modes[12] = protocol.OUTPUT
    config = configured(device=str(device.link), outputs=OUTPUTS)
    assert list(StoppedOutputs(config, tmp_path).stop()) == [("pump", "off", True), ("valve", "on", True)]
    assert [board.uno.values[pin] for pin in (12, 4, 13)] == [0, 0, 1]


def test_a_simulated_board(tmp_path: Path) -> None:
    config = configured(device="sim:uno", outputs={"pump": {"pin": 12, "on_stop": "off"}})
    assert list(StoppedOutputs(config, tmp_path).stop()) == [("pump", "the board is simulated, and gone", True)]


def test_no_twisted() -> None:
    """The unit waits for it."""
    code = "import sys, bridges.firmata.stopping; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CONFIG = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              - {uri: board, match: prefix, allow: {subscribe: true, call: true}}
    transports:
      - type: web
        endpoint: {type: tcp, interface: 127.0.0.1, port: 0}
        paths: {/: {type: nodeinfo}, ws: {type: websocket}}
bridges:
  - type: firmata
    id: board
    realm: realm1
    device: DEVICE
    settle: 0
    outputs:
      pump: {pin: 12, on_stop: off}
      alarm: {pin: 7, on_stop: on}
      lamp: {pin: 13}
"""


@pytest.mark.slow
def test_a_router_that_is_killed(device: FakeDevice, tmp_path: Path) -> None:
    """SIGKILL leaves everything as it was; the stop helper does what on_stop says, and starting again nothing more."""
    (tmp_path / "config.yaml").write_text(CONFIG.replace("DEVICE", str(device.link)))
    board = Served(device)
    node = Node(tmp_path)
    try:
        node.ready()
        with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
            browser = Browser(socket, "board")
            while browser.ask(48, 1, {}, "board.get_status", [], answer=50)[4]["outputs"]["lamp"] is None:
                pass  # an event of it may have come before the subscription
            for name in ("pump", "lamp"):
                assert browser.ask(48, 2, {}, f"board.{name}.set", [True], answer=50)[3] == [True]
        node.process.kill()
        assert node.stop() == -9
        assert [board.uno.values[pin] for pin in (12, 7, 13)] == [1, 0, 1]
        helper = [sys.executable, "-m", "edge_router", "outputs", "--on-stop", "--cbdir", str(tmp_path)]
        done = subprocess.run(helper, capture_output=True, text=True, check=True)
        assert done.stdout == "board.pump: off\nboard.alarm: on\n"
        assert [board.uno.values[pin] for pin in (12, 7, 13)] == [0, 1, 1]
    finally:
        node.process.kill()
        board.stop()
