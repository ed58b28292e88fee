"""The simulated sensor: what it says and how it obeys. No terminal, no time."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.simkinds import Room
from bridges.serial.simroom import LED_LUX, Sensor

DAY = Room().day
NIGHT, NOON = DAY * 15 / 24, DAY * 3 / 24  # it begins at nine


def said(line: bytes) -> dict[str, Any]:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found: dict[str, Any] = json.loads(line)
    return found


def mean(sensor: Sensor, name: str, around: float) -> float:
    values: list[float] = [said(sensor.reading(around + step / 100))[name] for step in range(200)]
    return sum(values) / len(values)


def test_says_one_json_line_a_reading() -> None:
    """Four values, of the types and in the ranges that the demo's configuration expects."""
    sensor = Sensor(Room(), Random(1))
    for step in range(2000):
        values = said(sensor.reading(step / 4))
        assert list(values) == ["temperature", "humidity", "light", "led"]
        assert 10 < values["temperature"] < 35
        assert 0 <= values["humidity"] <= 100
        assert isinstance(values["light"], int)
        assert values["light"] >= 0
        assert values["led"] is False


def test_has_days_and_nights() -> None:
    """At noon it is bright, at midnight dark; the afternoon is warmer and drier than the night."""
    sensor = Sensor(Room(), Random(2))
    assert mean(sensor, "light", NOON) > 300
    assert mean(sensor, "light", NIGHT) < 20
    afternoon, morning = DAY * 6 / 24, DAY * 18 / 24
    assert mean(sensor, "temperature", afternoon) > mean(sensor, "temperature", morning) + 3
    assert mean(sensor, "humidity", afternoon) < mean(sensor, "humidity", morning) - 5


def test_has_noise() -> None:
    """Two readings of the same moment differ."""
    sensor = Sensor(Room(), Random(3))
    assert len({sensor.reading(5) for _ in range(20)}) > 10


def test_same_randomness_same_readings() -> None:
    """All of its noise comes from the source it was given."""
    one, other = Sensor(Room(), Random(4)), Sensor(Room(), Random(4))
    assert [one.reading(t) for t in range(50)] == [other.reading(t) for t in range(50)]


def test_led() -> None:
    """`led on` is answered, said with each reading, and seen by the light sensor."""
    sensor = Sensor(Room(), Random(5))
    dark = mean(sensor, "light", NIGHT)
    assert said(sensor.command(b"led on\n")) == {"answer": "led on", "ok": True}
    assert said(sensor.reading(0))["led"] is True
    assert mean(sensor, "light", NIGHT) == pytest.approx(dark + LED_LUX, abs=5)
    sensor.command(b"led off")
    assert said(sensor.reading(0))["led"] is False


def test_rate() -> None:
    """`rate` sets the readings a second."""
    sensor = Sensor(Room(), Random(6))
    assert said(sensor.command(b"rate 5"))["ok"]
    assert sensor.period == 0.2


def test_commands_in_pieces_and_an_endless_line() -> None:
    """What never ends is no command, and is not kept; the next one is obeyed."""
    sensor = Sensor(Room(), Random(7))
    assert sensor.hear(b"led ") == b""
    assert said(sensor.hear(b"on\r\n")) == {"answer": "led on", "ok": True}
    for _ in range(4):
        assert sensor.hear(b"x" * 1_000) == b""
    assert sensor.hear(b"\nled off\n").endswith(b'{"answer": "led off", "ok": true}\n')


def test_its_readings_follow_its_rate() -> None:
    """A day lasts as long, however many readings it has."""
    sensor = Sensor(Room(day=60, period=1), Random(8))
    messages = sensor.messages()
    assert [next(messages)[0] for _ in range(3)] == [1, 1, 1]
    sensor.command(b"rate 10")
    assert next(messages)[0] == 0.1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"dance", "no command 'dance'; there are: led on|off, rate HZ"),
        (b"led", "led on, or led off"),
        (b"led maybe", "led on, or led off"),
        (b"rate", "rate HZ, from 0.1 to 20"),
        (b"rate fast", "rate HZ, from 0.1 to 20"),
        (b"rate nan", "rate HZ, from 0.1 to 20"),
        (b"rate 21", "rate HZ, from 0.1 to 20"),
    ],
)
def test_what_it_does_not_understand(line: bytes, error: str) -> None:
    """It says what would be right, and goes on as before."""
    sensor = Sensor(Room(), Random(8))
    answer = said(sensor.command(line))
    assert (answer["ok"], answer["error"]) == (False, error)
    assert sensor.period == 0.25


@given(st.binary(max_size=200))
def test_any_bytes_get_one_line(line: bytes) -> None:
    """Whatever is sent, the answer is one line of JSON."""
    said(Sensor(Room(), Random(9)).command(line))
