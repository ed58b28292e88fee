"""The examples do what their pages say, with nothing changed but the bus, which is simulated; and in a whole node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_router import registry
from edge_router.config.load import load
from tests.bridges.polled.harness import Polled

EXAMPLES = Path(__file__).parents[3] / "examples"


class Example(Polled):
    """The bridge of an example. sim: its options that are others."""

    def __init__(self, name: str, **sim: str) -> None:
        (section,) = load(EXAMPLES / name / "config.yaml").config.bridges
        part = registry.part_class("bridge", section)
        super().__init__(part, type(section), **{**_plain(section), **sim})
        self.base = str(section.base_topic)  # type: ignore[attr-defined]

    def topics(self) -> dict[str, Any]:
        """What was published, below the bridge's topic: topic -> unit."""
        events = self.session.events
        found = {topic.removeprefix(self.base): about.get("unit") for topic, _, about in events}
        del found[".status"]
        return found


def _plain(section: Any) -> dict[str, Any]:
    """As the file has it. The harness names bridges itself."""
    plain: dict[str, Any] = msgspec.to_builtins(section, str_keys=True)
    return {name: value for name, value in plain.items() if name not in ("type", "id", "realm")}


def test_board() -> None:
    board = Example("board", root="sim:pi").start()
    topics = board.topics()
    assert {"", ".temperature", ".disk.root.free", ".wifi.wlan0.signal", ".throttling.under_voltage"} <= set(topics)
    assert (topics[".temperature"], topics[".disk.root.free"], topics[""]) == ("°C", "B", None)
    board.stop()


def test_onewire() -> None:
    house = Example("onewire", bus="sim:thermometers?count=1").start()
    assert house.topics() == {".boiler": "°C", ".outside": "°C", ".28-000000000001": "°C"}
    house.stop()


def test_i2c() -> None:
    garden = Example("i2c", bus="sim:").start()
    assert garden.topics() == {
        ".air": None, ".air.temperature": "°C", ".air.humidity": "%", ".air.pressure": "hPa",
        ".light": None, ".light.illuminance": "lx", ".adc": None, ".adc.soil": "%",
    }  # fmt: skip
    garden.stop()


def test_spi() -> None:
    bench = Example("spi", bus="sim:").start()
    assert bench.topics() == {".adc": None, ".adc.light": "V", ".adc.tank": "%", ".adc.bridge": "V"}
    bench.stop()


NODE = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: local
            permissions: [{uri: "", match: prefix, allow: {subscribe: true, call: true}}]
    transports:
      - type: rawsocket
        endpoint: {type: unix, path: router.sock, mode: "660"}
        auth: {anonymous: {type: static, role: local}}
bridges:
  - {type: board, id: board, realm: realm1, facts: [uptime]}
  - {type: onewire, id: house, realm: realm1, bus: "sim:thermometers?count=1"}
  - {type: i2c, id: garden, realm: realm1, bus: "sim:", devices: [{type: bme280, id: air}]}
  - {type: spi, id: bench, realm: realm1, bus: "sim:", devices: [{type: mcp3008, id: adc, inputs: {a: "0"}}]}
"""
ROUTER = [sys.executable, "-m", "edge_router"]


@pytest.mark.slow
def test_in_a_node(tmp_path: Path) -> None:
    """With threads of their own: all of them read, and the node ends in order."""
    (tmp_path / "config.yaml").write_text(NODE)
    with subprocess.Popen([*ROUTER, "start", "--cbdir", str(tmp_path)], stderr=subprocess.PIPE, text=True) as node:
        assert node.stderr is not None
        try:
            read = 0
            while read < 4:
                line = node.stderr.readline()
                assert line, "it ended too soon"
                assert "away" not in line
                read += " is read" in line
            said = _call(tmp_path, "garden.read", "air"), _call(tmp_path, "board.read")
        finally:
            node.terminate()
        rest = node.stderr.read()
        assert node.wait(30) == 0, rest
    assert set(said[0]["args"][0]) == {"temperature", "humidity", "pressure"}
    assert said[1]["args"][0]["uptime"] > 0
    assert "Traceback" not in rest


def _call(directory: Path, *words: str) -> Any:
    done = subprocess.run(
        [*ROUTER, "call", "--cbdir", str(directory), *words], capture_output=True, text=True, check=True, timeout=30
    )
    return json.loads(done.stdout)
