"""examples/modbus runs as it is: in a real node, over the simulated line and over a simulated connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.sync.client import connect

from bridges.modbus.config import ModbusConfig
from edge_router.config.load import load
from tests.bridges.serial.test_node import Browser, Node

EXAMPLE = Path(__file__).parents[3] / "examples" / "modbus" / "config.yaml"
#: so that a browser of this test may call, and no port is taken
CHANGES = {
    "allow: {subscribe: true}": "allow: {subscribe: true, call: true}",
    "{type: tcp, port: 8080}": "{type: tcp, interface: 127.0.0.1, port: 0}",
    "interval: 5 ": "interval: 0.2 ",
}


def test_the_example_is_loaded() -> None:
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, ModbusConfig)
    assert set(section.units) == {"boiler", "fan"}


@pytest.mark.slow
@pytest.mark.parametrize("key", ["device", "host"])
def test_a_node_with_simulated_slaves(tmp_path: Path, key: str) -> None:
    """Values are read, and one is written."""
    text = EXAMPLE.read_text("utf-8").replace("    device: sim:", f"    {key}: sim:")
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    node = Node(tmp_path)
    try:
        node.ready()
        with connect(f"ws://127.0.0.1:{node.port}/ws", subprotocols=["wamp.2.json"]) as socket:  # type: ignore[list-item]
            browser = Browser(socket, "com.example.plant.")
            browser.until("com.example.plant.boiler.setpoint", 21.5)
            written = browser.ask(48, 3, {}, "com.example.plant.boiler.setpoint.set", [23.51], answer=50)
            assert written[3] == [23.5]
            assert browser.ask(48, 4, {}, "com.example.plant.read", ["boiler.name"], answer=50)[3] == ["edge-router"]
            refused = browser.ask(48, 5, {}, "com.example.plant.boiler.setpoint.set", [31], answer=8)
            assert refused[4:] == [
                "wamp.error.invalid_argument",
                ["boiler.setpoint: 31 is not within its limits, 5 to 30"],
            ]
            browser.until("com.example.plant.boiler.setpoint", 23.5)
    finally:
        status = node.stop()
    assert status == 0, "".join(node.log)
    assert not [line for line in node.log if "Traceback" in line or "rror" in line], "".join(node.log)
