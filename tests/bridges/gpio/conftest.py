"""A simulated chip, and a bridge on it whose clock stands until a test moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.gpio.bridge import GpioBridge
from bridges.gpio.config import GpioConfig
from bridges.gpio.simulator import SimulatedKernel
from bridges.stamps import Stamps
from tests.bridges.conftest import WALL
from tests.bridges.harness import FakeSession, PtyReactor


class Board:
    """The bridge `io` with a simulated chip, open."""

    def __init__(self, bridge: GpioBridge, reactor: PtyReactor, session: FakeSession) -> None:
        self.bridge = bridge
        self.reactor = reactor
        self.session = session

    @property
    def kernel(self) -> SimulatedKernel:
        simulation = self.bridge._simulation
        assert simulation is not None
        return simulation.kernel

    def drive(self, offset: int, *levels: bool, apart: float = 0.0) -> None:
        """Change what an input sees, and let the bridge read it. apart: seconds between two changes."""
        for level in levels:
            self.kernel.set_level(offset, level)
            self.reactor.pump()
            if apart:
                self.advance(apart)

    def advance(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass in small steps, and edges be read in between."""
        while seconds > 1e-9:
            self.reactor.advance(min(step, seconds))
            self.reactor.pump()
            seconds -= step

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.session.procedures[f"io.{name}"](*args, **kwargs)

    def values(self, name: str) -> list[Any]:
        return self.session.values(f"io.{name}")

    def status(self) -> dict[str, Any]:
        result = self.call("get_status")
        return {"state": result.args[0], **result.kwargs}


def configured(**options: Any) -> GpioConfig:
    """A configuration as the file would say it, with the id `io`."""
    section = {"type": "gpio", "id": "io", "realm": "realm1", "chip": "sim:", **options}
    return msgspec.convert(section, GpioConfig)


@pytest.fixture
def board(reactor: PtyReactor, session: FakeSession, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """Makes a bridge and starts it. All are stopped after the test, and nothing of them may be left."""
    made: list[GpioBridge] = []

    def make(**options: Any) -> Board:
        stamps = Stamps(reactor, wall=lambda: WALL + reactor.seconds(), synchronized=lambda: True)
        bridge = GpioBridge(configured(**options), reactor, stamps, random=lambda: 0.5)
        bridge.directory = tmp_path
        made.append(bridge)
        bridge.start(session)  # type: ignore[arg-type]
        return Board(bridge, reactor, session)

    yield make
    for bridge in made:
        bridge.stop()
    assert not reactor.getReaders(), "a stopped bridge reads no descriptor"
    assert not reactor.getDelayedCalls(), "a stopped bridge has no timer"
