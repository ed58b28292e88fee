"""What a node leaves behind for whoever sees to its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bridges.board.config import BoardConfig
from bridges.gpio.config import GpioConfig
from edge_router.node import outputs

LAMP: dict[str, Any] = {
    "type": "gpio", "id": "io", "realm": "realm1", "chip": "sim:", "outputs": {"lamp": {"line": 4, "on_stop": False}},
}  # fmt: skip


def test_only_bridges_with_outputs(tmp_path: Path) -> None:
    """They are read as they were written."""
    lamp = msgspec.convert(LAMP, GpioConfig)
    outputs.write(tmp_path, [BoardConfig(id="board", realm="realm1"), lamp])
    assert outputs.read(tmp_path) == [lamp]
    outputs.forget(tmp_path)
    outputs.forget(tmp_path)
    assert outputs.read(tmp_path) is None


def test_without_outputs_there_is_no_file(tmp_path: Path) -> None:
    """Also if there were some before a reload."""
    outputs.write(tmp_path, [msgspec.convert(LAMP, GpioConfig)])
    outputs.write(tmp_path, [BoardConfig(id="board", realm="realm1")])
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_good_is_none(tmp_path: Path) -> None:
    """The configuration says it then."""
    wrong = '[{"type": "gpio"}]', '[{"type": "nothing"}]', '[{"type": "\xff"}]', "[{}]", "[" * 5000
    for text in ("", "{", "[1]", *wrong):
        (tmp_path / outputs.NAME).write_text(text, "latin-1")
        assert outputs.read(tmp_path) is None, text
