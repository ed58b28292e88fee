"""examples/firmata runs as it is: the board is simulated."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from websockets.sync.client import connect

from bridges.firmata.bridge import FirmataBridge
from bridges.firmata.config import FirmataConfig
from bridges.stamps import Stamps
from edge_router.config.load import load
from tests.bridges.firmata.bench import BenchSession
from tests.bridges.harness import PtyReactor
from tests.bridges.serial.test_node import Browser, Node

EXAMPLE = Path(__file__).parents[3] / "examples" / "firmata" / "config.yaml"


def test_the_example(reactor: PtyReactor, tmp_path: Path) -> None:
    """Its inputs are heard of, with nothing changed but the time that a real board needs to start."""
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, FirmataConfig)
    session = BenchSession()
    bridge = FirmataBridge(structs.replace(section, settle=0), reactor, Stamps(reactor))
    bridge.directory = tmp_path
    bridge.start(session)
    try:
        topics = ("door", "light", "temperature", "lamp", "pump")
        reactor.until(lambda: all(session.values(f"com.example.board.{topic}") for topic in topics))
    finally:
        bridge.stop()
    assert session.values("com.example.board.door") == ["open"]
    assert session.last("com.example.board.light")[0] == 50
    assert session.last("com.example.board.temperature")[0] in (21.4, 21.5, 21.6)


@pytest.mark.slow
def test_a_node_with_a_simulated_board(tmp_path: Path) -> None:
    """On the real reactor, whose time goes on between two lines of code. The pump goes off with who has set it."""
    text = EXAMPLE.read_text("utf-8")
    for old, new in {
        "allow: {subscribe: true}\n": f"allow: {{subscribe: true, call: true}}\n{' ' * 16}disclose: {{caller: true}}\n",
        "{type: tcp, port: 8080}": "{type: tcp, interface: 127.0.0.1, port: 0}",
        "device: sim:uno": "device: sim:uno\n    settle: 0",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    node = Node(tmp_path)
    try:
        node.ready()
        with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
            browser = Browser(socket, "com.example.board.")
            while browser.ask(48, 1, {}, "com.example.board.get_status", [], answer=50)[4]["outputs"]["pump"] is None:
                pass
            assert browser.ask(48, 2, {}, "com.example.board.pump.set", [True], answer=50)[3] == [True]
            assert browser.ask(48, 3, {}, "com.example.board.valve.set", [90], answer=50)[3] == [90.0]
            browser.ask(48, 4, {}, "com.example.board.simulate", ["set", 2, False], answer=50)
            browser.until("com.example.board.door", "closed")
    finally:
        status = node.stop()
    assert status == 0, "".join(node.log)
    assert any("pump is False now: loss" in line for line in node.log), "".join(node.log)
    assert not [line for line in node.log if "Traceback" in line or "rror" in line], "".join(node.log)
