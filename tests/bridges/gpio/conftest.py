"""A simulated chip, and a bridge on it whose clock stands until a test moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred, fail, succeed

from bridges.gpio.bridge import GpioBridge
from bridges.gpio.config import GpioConfig
from bridges.gpio.simulator import SimulatedKernel
from bridges.stamps import Stamps
from edge_router.client import CallError, Invoked, Received, Result
from edge_router.wamp.messages import EventDetails, InvocationDetails
from tests.bridges.conftest import WALL
from tests.bridges.harness import FakeSession, PtyReactor


class Router(FakeSession):
    """A session that subscribes too, and remembers who is told of callers. meta: whether the realm has its meta API."""

    def __init__(self, meta: bool = True) -> None:
        super().__init__()
        self.told: list[tuple[str, Any]] = []
        self.subscriptions: dict[str, Callable[[Received], object]] = {}
        self.disclosed: set[str] = set()
        self.meta = meta
        self.present = [7]

    def register(self, procedure: str, handler: Callable[..., Any], details: bool = False) -> Deferred[Any]:
        if details:
            self.disclosed.add(procedure)
        return super().register(procedure, handler)

    def publish(self, topic: str, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
        if options.get("retain"):
            return super().publish(topic, args, kwargs, **options)
        self.told.append((topic, kwargs))
        return succeed(1) if options.get("acknowledge") else None

    def subscribe(
        self, topic: str, handler: Callable[[Received], object], get_retained: bool = False
    ) -> Deferred[Any]:
        self.subscriptions[topic] = handler
        return succeed(None)

    def call(self, procedure: str) -> Deferred[Any]:
        if not self.meta:
            return fail(CallError("wamp.error.no_such_procedure", procedure))
        return succeed(Result((self.present,)))

    def tell(self, topic: str, *args: Any) -> None:
        """An event comes."""
        self.subscriptions[topic](Received(topic, list(args), {}, 1, EventDetails()))


class Board:
    """The bridge `io` with a simulated chip, open."""

    def __init__(self, bridge: GpioBridge, reactor: PtyReactor, session: Router) -> None:
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

    def call(self, name: str, *args: Any, caller: int | None = 7, **kwargs: Any) -> Any:
        """Call a procedure below the bridge's topic, as the session `caller`, who is disclosed unless it is None."""
        procedure = f"io.{name}"
        if procedure in self.session.disclosed:
            args = (Invoked(procedure, InvocationDetails(caller=caller), None), *args)
        return self.session.procedures[procedure](*args, **kwargs)

    def pin(self, offset: int) -> bool:
        """What a meter shows there."""
        return self.kernel.lines[offset].level

    def refused(self, name: str, *args: Any, **more: Any) -> tuple[str, str]:
        """The error of a call: its URI and its text."""
        with pytest.raises(CallError) as raised:
            self.call(name, *args, **more)
        return raised.value.uri, str(raised.value.error_args[0])

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
def session() -> Router:
    return Router()


@pytest.fixture
def board(reactor: PtyReactor, session: Router, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """Makes a bridge and starts it. All are stopped after the test, and nothing of them may be left."""
    made: list[GpioBridge] = []

    def make(predecessor: GpioBridge | None = None, **options: Any) -> Board:
        stamps = Stamps(reactor, wall=lambda: WALL + reactor.seconds(), synchronized=lambda: True)
        bridge = GpioBridge(configured(**options), reactor, stamps, random=lambda: 0.5)
        bridge.directory = tmp_path
        bridge.predecessor = predecessor
        made.append(bridge)
        bridge.start(session)  # type: ignore[arg-type]
        return Board(bridge, reactor, session)

    yield make
    for bridge in made:
        bridge.stop()
    assert not reactor.getReaders(), "a stopped bridge reads no descriptor"
    assert not reactor.getDelayedCalls(), "a stopped bridge has no timer"
