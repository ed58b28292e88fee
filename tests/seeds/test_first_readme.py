"""Seed 003, Crossbar.io's README of February 2014: `init --cbdata`, two transports, TimeService and TickService."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds.desk import Desk, Program, complaints

pytestmark = pytest.mark.slow

TIME = r"Current time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def both_frontends(desk: Desk, **environment: str) -> None:
    """The time service and the ticker answer."""
    for name, expected in (("timeservice", TIME), ("ticker", r"Tick: \d+\nTick: \d+\n")):
        frontend = desk.put(f"frontends/{name}.js", f"{name}.js")
        program = desk.node(str(frontend), **environment)
        program.says(expected)
        assert program.ends() == 0


def ended(node: Program) -> str:
    assert node.interrupt() == 0
    assert complaints(node.said()) == []
    return node.said()


def test_init_and_start(desk: Desk) -> None:
    """The README's demo is `--template components` today; the rest is typed as it stands there."""
    desk.edge_router("init", "--cbdata", "./test1", "--template", "components")
    config = desk.directory / "test1" / "config.yaml"
    config.write_text(desk.ported(config.read_text()))
    node = desk.start("--cbdata", "./test1")
    both_frontends(desk)
    log = ended(node)
    assert f"web listens on tcp4:*:{desk.port}" in log
    assert f"rawsocket listens on unix:{desk.directory / 'test1' / 'router.sock'}" in log


def test_the_configuration_of_then(desk: Desk) -> None:
    """Its form is understood: classes by class paths, WebSocket over TCP and over a Unix socket, by which the
    container connects. `crossbar.demo` was a part of Crossbar itself; in its place are the files that `init` writes.
    The socket is not in /tmp here, and the port is another."""
    socket = desk.directory / "mysocket"

    def change(text: str) -> str:
        text = text.replace("crossbar.demo.Time", "timeservice.Time").replace("crossbar.demo.Tick", "tickservice.Tick")
        return text.replace("/tmp/mysocket", str(socket)).replace("9000", str(desk.port))

    desk.edge_router("init", "--cbdata", "./test1", "--template", "components")
    (desk.directory / "test1" / "config.yaml").unlink()
    desk.put("first-readme/config.json", "test1/config.json", change)
    node = desk.start("--cbdata", "./test1")
    both_frontends(desk, CBURL=f"ws://localhost:{desk.port}")
    log = ended(node)
    assert f"websocket listens on tcp4:*:{desk.port}" in log
    assert f"websocket listens on unix:{socket}" in log
    assert "a form from 2014, read as `workers` of version 2" in log


def test_classes_that_are_not_there_are_told(desk: Desk, tmp_path: Path) -> None:
    """With `crossbar.demo` left in it, the log says which module is missing; everything else runs."""
    desk.edge_router("init", "--cbdata", "./test1")
    (desk.directory / "test1" / "config.yaml").unlink()
    desk.put(
        "first-readme/config.json", "test1/config.json",
        lambda text: text.replace("/tmp/mysocket", str(tmp_path / "s")).replace("9000", str(desk.port)),
    )  # fmt: skip
    node = desk.start("--cbdata", "./test1")
    node.says("node: component component001: there is no module 'crossbar'")
    node.says("container: worker002: component component001: there is no module 'crossbar'")
    assert node.interrupt() == 0
