"""What an idle node costs: the bounds of the design, for any machine that runs the tests. `make bench` measures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import RunningNode, configuration, write

pytestmark = pytest.mark.slow

WEB = {
    "type": "web",
    "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"},
    "paths": {"/": {"type": "static", "package": "edge_router", "resource": "page"}, "ws": {"type": "websocket"}},
}


def lan_router(directory: Path) -> dict[str, Any]:
    """Sockets, pages, WebSocket and one serial bridge."""
    device = str(directory / "ttyUSB0")
    bridge = {"type": "serial", "id": "kitchen", "realm": "realm1", "device": device}
    config = configuration(bridges=[bridge])
    config["workers"][0]["transports"].append(WEB)
    return config


@pytest.mark.parametrize(("shape", "most"), [("sockets", 36_000_000), ("lan", 42_000_000)])
def test_memory_of_an_idle_node(
    tmp_path: Path, start_node: Callable[..., RunningNode], shape: str, most: int
) -> None:
    """The `must` of the design. Over it, something is loaded that the configuration does not name."""
    write(tmp_path, configuration() if shape == "sockets" else lan_router(tmp_path))
    node = start_node()
    node.wait_until_ready()
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    assert pages * os.sysconf("SC_PAGE_SIZE") < most


def test_time_to_listening(tmp_path: Path, start_node: Callable[..., RunningNode]) -> None:
    """Seconds of CPU, as the node itself says them; they do not depend on what else the machine does."""
    write(tmp_path, lan_router(tmp_path))
    node = start_node()
    node.wait_until_ready()
    node.process.terminate()
    assert node.ended() == 0
    said = re.search(r"([0-9.]+) s of CPU time", node.stderr)
    assert said is not None
    assert float(said[1]) < 1.0
