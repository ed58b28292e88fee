"""Setting the outputs of a router that does not run: each for itself."""

from __future__ import annotations

import json
from pathlib import Path

from bridges.gpio.backends import backend_of, simulation
from bridges.gpio.lines import Settings
from bridges.gpio.stopping import StoppedOutputs
from tests.bridges.gpio.conftest import configured


def test_one_that_cannot_be_set_holds_up_no_other(tmp_path: Path) -> None:
    config = configured(
        chip="sim:?file=pins",
        outputs={
            "gone": {"line": 99, "on_stop": "off"},
            "kept": {"line": 1},
            "lamp": {"line": 2, "on_stop": True},
            "fan": {"line": 3, "on_stop": "off", "active_low": True},
        },
    )
    assert list(StoppedOutputs(config, tmp_path).stop()) == [
        ("gone", "cannot be set off: sim has no line 99; there are 0 to 53", False),
        ("lamp", "on", True),
        ("fan", "off", True),
    ]
    assert json.loads((tmp_path / "pins").read_text()) == {"2": True, "3": True}


def test_lines_that_are_held(tmp_path: Path) -> None:
    """By a router that runs after all, or by another program: they stay as they are."""
    config = configured(chip="sim:?file=pins", outputs={"lamp": {"line": 2, "on_stop": "on"}})
    chip = backend_of(config, simulation(config, None, tmp_path)).open("sim:")
    request = chip.request([2], Settings(direction="output"), {2: False}, "somebody")
    assert list(StoppedOutputs(config, tmp_path).stop()) == [("lamp", "cannot be set on: a line is in use", False)]
    request.close()
    assert list(StoppedOutputs(config, tmp_path).stop()) == [("lamp", "on", True)]


def test_no_chip(tmp_path: Path) -> None:
    config = configured(chip="no-such-label", outputs={"lamp": {"line": 2, "on_stop": "on"}})
    outputs = StoppedOutputs(config, tmp_path)
    for outcomes in (outputs.stop(), outputs.describe()):
        ((name, text, good),) = outcomes
        assert (name, good) == ("lamp", False)
        assert "there is no chip no-such-label" in text
