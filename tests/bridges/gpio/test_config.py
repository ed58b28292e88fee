"""What is said of a section that is wrong, before anything is opened."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import ValidationError

from tests.bridges.gpio.conftest import configured

ONE = {"door": {"line": "GPIO17"}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "without lines does nothing"),
        ({"chip": "gpiochip0", "inputs": ONE}, "gpiochip0 is another chip after the next kernel update"),
        ({"chip": "/dev/gpiochip4", "inputs": ONE}, "is another chip after the next kernel update"),
        ({"chip": None, "inputs": {"door": {"line": 17}}}, "door has a line number but the bridge no chip"),
        ({"chip": ["sim:", "pinctrl-rp1"], "inputs": ONE}, "sim: cannot be one of several chips"),
        ({"chip": "sim:?line=3", "inputs": ONE}, "sim: has no option 'line'; there are"),
        ({"chip": "sim:relay", "inputs": ONE}, "sim:relay is no simulator; there are sim:"),
        ({"inputs": {"status": {"line": 1}}}, "field 'status' has the topic io.status of the bridge itself"),
        (
            {"inputs": {"a": {"line": 1, "bias": "pull-up"}, "b": {"line": 1, "measure": "count"}}},
            "a and b are one line, but have bias pull-up and as-is",
        ),
        (
            {"inputs": {"a": {"line": 1, "debounce": 1}, "b": {"line": 1, "measure": "count", "debounce": 2}}},
            "a and b are one line, but have debounce 1.0 and 2.0",
        ),
    ],
)
def test_contradictions(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        configured(**options)
    assert words in str(raised.value)


def test_the_least() -> None:
    """Without a chip, lines have names, and find it by them."""
    assert configured(chip=None, inputs=ONE).chips == []
