"""A Firmata bridge `bench` on a real pty, at whose other end a simulated board is; what was sent is remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed

from bridges.firmata.bridge import FirmataBridge
from bridges.firmata.config import FirmataConfig
from bridges.firmata.simkinds import Uno
from bridges.firmata.simulator import SimulatedUno
from bridges.stamps import Stamps
from edge_router.client import CallError, Invoked, Received, Result
from edge_router.wamp.messages import EventDetails, InvocationDetails
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor


class BenchSession(FakeSession):
    """A session that also subscribes and calls, as controllers do. leave: a session has left the realm."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: dict[str, Callable[[Received], object]] = {}

    def register(self, procedure: str, handler: Callable[..., Any], details: bool = False) -> Deferred[Any]:
        return super().register(procedure, handler)

    def call(self, procedure: str) -> Deferred[Any]:
        return succeed(Result(([],)))

    def subscribe(self, topic: str, handler: Callable[[Received], object], get_retained: bool = False) -> Deferred[Any]:
        self.handlers[topic] = handler
        return succeed(None)

    def leave(self, session: int) -> None:
        self.event("wamp.session.on_leave", session)

    def event(self, topic: str, *args: Any) -> None:
        self.handlers[topic](Received(topic, list(args), {}, 1, EventDetails()))


def configured(**options: Any) -> FirmataConfig:
    """A section as the file would have it."""
    section = {"type": "firmata", "id": "bench", "realm": "realm1", "device": "/dev/ttyACM9", "settle": 0, **options}
    return msgspec.convert(section, FirmataConfig)


class Bench:
    """The bridge and its board.

    uno: the board. deaf: whether it hears nothing. sent: what it has heard.
    """

    def __init__(self, device: FakeDevice, reactor: PtyReactor, directory: Path) -> None:
        self.device = device
        self.reactor = reactor
        self.directory = directory
        self.session = BenchSession()
        self.uno = SimulatedUno(Uno(), Random(1))
        self.deaf = False
        self.sent = b""
        self.bridge: Any = None

    def start(self, **options: Any) -> None:
        config = configured(device=str(self.device.link), **options)
        self.bridge = FirmataBridge(config, self.reactor, Stamps(self.reactor), random=lambda: 0.5)
        self.bridge.directory = self.directory
        self.bridge.start(self.session)

    def open(self, **options: Any) -> None:
        """Started, and the board is set up."""
        self.start(**options)
        self.until(lambda: self.state() == "open")
        self.settle()

    def state(self) -> Any:
        states = self.session.values("bench.status")
        return states[-1] if states else None

    def values(self, name: str) -> list[Any]:
        return self.session.values(f"bench.{name}")

    def until(self, condition: Callable[[], object], step: float = 0.01) -> None:
        def served() -> object:
            self.serve()
            return condition()

        self.reactor.until(served, step)

    def settle(self) -> None:
        """What is on its way arrives."""
        for _ in range(6):
            self.reactor.pump(0.003)
            self.serve()
            self.reactor.advance(0)

    def wait(self, seconds: float) -> None:
        for _ in range(10):
            self.reactor.advance(seconds / 10)
            self.settle()

    def serve(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            data = self.device.heard()
            self.sent += data
            if data and not self.deaf:
                self.device.say(self.uno.hear(data))

    def say(self, data: bytes) -> None:
        """The board says something by itself."""
        self.device.say(data)
        self.settle()

    def set(self, pin: int | str, value: Any) -> None:
        """An input changes, and the board reports."""
        self.uno.words()["set"](pin, value)
        self.say(next(self._reports())[1])

    def _reports(self) -> Any:
        def reports() -> Any:
            said, self.uno._said = self.uno._said, b""
            yield 0, said + b"".join(map(self.uno._analog_report, sorted(self.uno._reported)))

        return reports()

    def call(self, name: str, *args: Any, caller: int | None = 7, **kwargs: Any) -> Any:
        invoked = Invoked(name, InvocationDetails(caller=caller), None)
        result = self.session.procedures[f"bench.{name}"](invoked, *args, **kwargs)
        self.settle()
        return result

    def refusal(self, name: str, *args: Any, caller: int | None = 7) -> tuple[str, str]:
        """URI and text of the error that a call has."""
        try:
            self.call(name, *args, caller=caller)
        except CallError as error:
            return error.uri, error.error_args[0]
        raise AssertionError("it was done")

    def heard(self) -> str:
        """What the board has heard since the last call, in hexadecimal digits."""
        self.settle()
        sent, self.sent = self.sent, b""
        return sent.hex(" ")

    def status(self) -> dict[str, Any]:
        result = self.session.procedures["bench.get_status"]()
        return {"state": result.args[0], **result.kwargs}
