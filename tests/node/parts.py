"""Parts for a node under test: they write down what happens to them, and fail as they are told."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from edge_router.config.schema import Section
from edge_router.transports.listen import CannotListen

#: what happened, in order
diary: list[str] = []


class TransportConfig(Section, tag="fake"):
    """A transport. behaviour: `cannot_listen`, `hangs` (its stop never ends), `breaks` (its stop fails)."""

    id: str
    behaviour: str = ""


class FakeTransport:
    """A transport without a network. host: kept, so that a test can attach peers."""

    reloads = False

    def __init__(self, config: TransportConfig, host: Any) -> None:
        self.config = config
        self.host = host

    def start(self) -> Deferred[str]:
        diary.append(f"{self.config.id} starts")
        if self.config.behaviour == "cannot_listen":
            return fail(CannotListen(f"{self.config.id}: the port is in use"))
        return succeed(f"place of {self.config.id}")

    def statistics(self) -> dict[str, int]:
        return {"connections": 0}

    def stop(self) -> Deferred[None]:
        diary.append(f"{self.config.id} stops")
        if self.config.behaviour == "hangs":
            return Deferred()
        return fail(RuntimeError("bug")) if self.config.behaviour == "breaks" else succeed(None)


class BridgeConfig(Section, tag="fake"):
    """A bridge. behaviour: `cannot_start`, `hangs`."""

    id: str
    realm: str = "realm1"
    role: str = "trusted"
    behaviour: str = ""


class FakeBridge:
    """A bridge that publishes when it stops."""

    def __init__(self, config: BridgeConfig, clock: Any) -> None:
        self.config = config
        self.session: Any = None

    def start(self, session: Any) -> None:
        diary.append(f"{self.config.id} starts")
        if self.config.behaviour == "cannot_start":
            raise OSError("no such device")
        self.session = session

    def stop(self) -> Any:
        diary.append(f"{self.config.id} stops")
        if self.session:
            self.session.publish(f"{self.config.id}.status", ["stopped"])
        return Deferred() if self.config.behaviour == "hangs" else None
