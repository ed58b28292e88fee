"""`edge-router outputs` where what a node has left behind is no good."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.cli import outputs as command
from edge_router.node import outputs

LAMP: dict[str, Any] = {
    "type": "gpio", "id": "io", "realm": "realm1", "chip": "sim:", "outputs": {"lamp": {"line": 4, "on_stop": False}},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "version": 2,
    "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": []}]}],
    "bridges": [LAMP],
}


@pytest.mark.parametrize("left", ["[{", json.dumps([{**LAMP, "option_of_old": 1}])])
def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str) -> None:
    """The configuration may have other outputs than the node that was killed."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    args = argparse.Namespace(cbdir=str(tmp_path), config=None, on_stop=True)
    assert command.run(args) == 0
    assert capsys.readouterr() == ("io.lamp: off\n", "")
    (tmp_path / outputs.NAME).write_text(left)
    assert command.run(args) == 0
    said = capsys.readouterr()
    assert said.out == "io.lamp: off\n"
    assert f"{tmp_path / outputs.NAME} cannot be read" in said.err
    assert not (tmp_path / outputs.NAME).exists(), "all is as it should be"
