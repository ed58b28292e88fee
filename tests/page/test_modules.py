"""The page's modules in Node: the `.test.mjs` files beside this one, also against a running router."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = 20  # the first with timers that a test can move
OPEN_ROUTER = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles: [{name: anonymous, allow-by-default: true}]
    transports:
      - type: web
        endpoint: {type: tcp, interface: 127.0.0.1, port: PORT}
        paths: {/: {type: nodeinfo}, ws: {type: websocket}}
"""


def node() -> str:
    """The path of a Node that can run the tests; skips if there is none."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"node {version.strip()} is older than {OLDEST}")
    return program


def run(name: str, *options: str, **environment: str) -> int:
    """Run a file of tests. Result: how many passed; it fails if one did not."""
    command = [node(), *options, "--test", "--test-reporter=tap", str(HERE / f"{name}.test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None
    return int(passed[1])


@pytest.mark.parametrize("name", ["wamp", "model"])
def test_module(name: str) -> None:
    """Every test of the file passes, and there are some."""
    assert run(name) > 20


@pytest.fixture
def router_url(tmp_path: Path) -> Iterator[str]:
    """The WebSocket of an edge-router that lets everybody do everything."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "config.yaml").write_text(OPEN_ROUTER.replace("PORT", str(port)))
    command = [sys.executable, "-m", "edge_router", "start", "--cbdir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "ready" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"ws://127.0.0.1:{port}/ws"
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_with_a_router(router_url: str) -> None:
    """wamp.js and edge-router understand each other."""
    program = node()
    has_websocket = subprocess.run([program, "--experimental-websocket", "-e", "new WebSocket('ws://[::1]:9').onerror=()=>{}"])
    if has_websocket.returncode:
        pytest.skip("this node has no WebSocket")
    assert run("real_router", "--experimental-websocket", ROUTER_URL=router_url) == 8
