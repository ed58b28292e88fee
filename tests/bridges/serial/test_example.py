"""examples/serial does what its README says, with nothing changed but the device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from edge_router.config.load import load
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

EXAMPLE = Path(__file__).parents[3] / "examples" / "serial" / "config.yaml"


@pytest.fixture
def example(device: FakeDevice, reactor: PtyReactor) -> Iterator[SerialBridge]:
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, SerialConfig)
    bridge = SerialBridge(msgspec.structs.replace(section, device=str(device.link)), reactor)
    yield bridge
    bridge.stop()


def test_the_line_of_the_readme(
    example: SerialBridge, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    example.start(session)
    reactor.until(lambda: session.values("com.example.kitchen.status") == ["open"])
    device.say(b'{"temperature": 21.52, "humidity": 40, "door": 0}\r\n')
    reactor.until(lambda: session.values("com.example.kitchen.door"))
    published: dict[str, Any] = {
        topic.removeprefix("com.example.kitchen"): (value, about.get("unit")) for topic, value, about in session.events
    }
    del published[".status"]
    assert published == {
        "": ({"temperature": 21.5, "humidity": 40, "door": "closed"}, None),
        ".temperature": (21.5, "°C"),
        ".humidity": (40, "%"),
        ".door": ("closed", None),
    }
    assert set(session.procedures) == {"com.example.kitchen.write", "com.example.kitchen.get_status"}
