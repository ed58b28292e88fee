"""What is wrong with a section is said when the file is loaded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.bridges.firmata.bench import configured


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"device": None}, "needs its device"),
        ({"device": "sim:mega"}, "sim:uno"),
        ({"inputs": {"a": {"pin": 128}}}, "<= 127"),
        ({"inputs": {"a": {"pin": "B1"}}}, "matching"),
        ({"inputs": {"a": {"pin": 2}}, "outputs": {"a": {"pin": 3}}}, "two pins with the name a"),
        ({"inputs": {"a": {"pin": 2}}, "outputs": {"b": {"pin": 2}}}, "a and b are both pin 2"),
        ({"inputs": {"status": {"pin": 2}}}, "of the bridge itself"),
        ({"pwm": {"a": {"pin": 3, "max": 2}}}, "within 0 and 1"),
        ({"pwm": {"a": {"pin": 3, "min": 1}}}, "not below max"),
        ({"pwm": {"a": {"pin": 3, "on_stop": 2}}}, "on_stop: 2 is not within"),
        ({"pwm": {"a": {"pin": 3, "on_stop": "last"}}}, "on_stop"),
        ({"pwm": {"a": {"pin": 3, "uplink": "hq"}}}, "give on_loss a number"),
        ({"servos": {"a": {"pin": 3, "max": 181}}}, "within 0 and 180"),
        ({"servos": {"a": {"pin": 3, "pulses": [2400, 544]}}}, "shortest and the longest"),
        ({"outputs": {"a": {"pin": 3, "max_on": 5}}}, "max_on needs on_stop: off"),
        ({"i2c": {"a": {"address": 5}}}, ">= 8"),
        ({"i2c": {"a": {"address": 72, "format": "string"}}}, "Invalid enum"),
        ({"i2c": {"a": {"address": 72}, "b": {"address": 72, "register": 1}}}, "a and b are the same register of 0x48"),
        ({"i2c": {"a": {"address": 72, "register": 1}, "b": {"address": 72, "register": 1}}}, "same register"),
    ],
)
def test_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        configured(**options)


def test_what_is_left_out() -> None:
    config = configured(topic="com.board", inputs={"a": {"pin": 2}}, servos={"b": {"pin": 3, "topic": "com.arm"}})
    assert config.baudrate == 57600
    assert config.topics() == {"a": "com.board.a", "b": "com.arm"}
    assert config.servos["b"].max == 180
