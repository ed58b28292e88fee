"""examples/simulated in a real node: what its README types."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import start_node as start_node
from tests.cli.running import RunningNode, run

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "simulated" / "config.yaml"


def test_the_example(tmp_path: Path, start_node: Callable[..., RunningNode], monkeypatch: pytest.MonkeyPatch) -> None:
    """A thermometer speaks, is pulled out and comes back; an instrument answers. Nothing is left in /tmp."""
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "tmp").mkdir()
    node = start_node(TMPDIR=str(tmp_path / "tmp"))
    node.wait_until_ready()
    where = ("--cbdir", tmp_path)
    reading = run("subscribe", "room", "--retained", "--count", "1", "--values", *where)
    assert 15 < json.loads(reading.stdout)["temperature"] < 27
    assert run("call", "room.simulate", "unplug", *where).stdout == "unplug\n"
    away = run("subscribe", "room.status", "--retained", "--count", "1", "--values", *where)
    assert away.stdout == '"away"\n'
    assert run("call", "room.simulate", "ok", *where).stdout == "ok\n"
    wrong = run("call", "room.simulate", "explode", *where)
    assert "there are drop, garble, unplug, hang, ok" in wrong.stderr
    assert len(list((tmp_path / "tmp").iterdir())) == 4
    node.process.terminate()
    assert node.ended() == 0
    assert not list((tmp_path / "tmp").iterdir())
    assert "sim:thermometer?period=2 is away: it was unplugged or hung up" in node.stderr
