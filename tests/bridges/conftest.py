"""Fixtures: the reactor, a device that can be unplugged, a session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.logger import globalLogPublisher

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.stamps import Stamps
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

#: where the false wall clock starts, in seconds since 1970
WALL = 1_700_000_000.0


@pytest.fixture
def reactor() -> PtyReactor:
    return PtyReactor()


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FakeDevice]:
    """Plugged in."""
    found = FakeDevice(tmp_path / "usb-Sensor-port0")
    found.plug()
    yield found
    with contextlib.suppress(OSError):
        found.unplug()


@pytest.fixture
def configure(device: FakeDevice) -> Callable[..., SerialConfig]:
    """A configuration as the file would say it, with the id `kitchen`."""

    def make(**options: Any) -> SerialConfig:
        section = {"type": "serial", "id": "kitchen", "realm": "realm1", "device": str(device.link), **options}
        return msgspec.convert(section, SerialConfig)

    return make


@pytest.fixture
def make_bridge(configure: Callable[..., SerialConfig], reactor: PtyReactor) -> Iterator[Callable[..., SerialBridge]]:
    """A bridge; it is not started, and stopped after the test."""
    made: list[SerialBridge] = []

    def make(synced: bool = True, **options: Any) -> SerialBridge:
        stamps = Stamps(reactor, wall=lambda: WALL + reactor.seconds(), synchronized=lambda: synced)
        bridge = SerialBridge(configure(**options), reactor, stamps, random=lambda: 0.5)
        made.append(bridge)
        return bridge

    yield make
    for bridge in made:
        bridge.stop()
    assert not reactor.getReaders(), "a stopped bridge reads no descriptor"
    ours = [call for call in reactor.getDelayedCalls() if call.func.__module__.startswith("bridges.")]
    assert not ours, "a stopped bridge has no timer"


@pytest.fixture
def open_bridge(
    make_bridge: Callable[..., SerialBridge], reactor: PtyReactor, session: FakeSession
) -> Callable[..., SerialBridge]:
    """A bridge that is started, and its device is open."""

    def make(**options: Any) -> SerialBridge:
        bridge = make_bridge(**options)
        bridge.start(session)
        reactor.until(lambda: session.values("kitchen.status") == ["open"])
        return bridge

    return make


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Texts that the bridge logged for the operator."""
    texts: list[str] = []

    def observe(event: Any) -> None:
        if event["log_namespace"].startswith("bridges.") and event["log_level"].name != "debug":
            texts.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)
