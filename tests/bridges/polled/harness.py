"""Workers that need no thread, and polled bridges on a false clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.task import Clock

from bridges.polled.bridge import PolledBridge
from bridges.polled.worker import Done
from bridges.stamps import Stamps
from edge_router.client import Result
from edge_router.config.parts import as_part
from tests.bridges.harness import FakeSession

#: where the false wall clock starts, in seconds since 1970
WALL = 1_700_000_000.0


class Inline:
    """Runs calls at once, where they are. Where `held` is true they wait for `go`, as if the kernel took its time."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: list[tuple[Callable[[], Any], Done]] = []
        self.running = 0
        self.ended = 0

    def submit(self, call: Callable[[], Any], done: Done) -> None:
        assert not self.running, "one at a time"
        if self.held:
            self.waiting.append((call, done))
            return
        self.running += 1
        try:
            outcome: tuple[Any, Exception | None] = (call(), None)
        except Exception as error:  # noqa: BLE001
            outcome = (None, error)
        self.running -= 1
        done(*outcome)

    def go(self) -> None:
        """The kernel comes back."""
        self.held = False
        waiting, self.waiting = self.waiting, []
        for call, done in waiting:
            self.submit(call, done)

    def stop(self, last: Callable[[], object]) -> None:
        self.ended += 1
        last()


class Polled:
    """A polled bridge with the id `x`, its session and its thread."""

    def __init__(self, kind: Any, section: Any, **options: Any) -> None:
        self.clock = Clock()
        self.session = FakeSession()
        self.worker = Inline()
        self.config = convert(section, **options)
        self.bridge: PolledBridge = kind(
            self.config,
            self.clock,
            Stamps(self.clock, wall=lambda: WALL + self.clock.seconds(), synchronized=lambda: True),
            random=lambda: 0.5,
            make_worker=lambda _: self.worker,
        )

    def start(self) -> Polled:
        self.bridge.start(self.session)
        return self

    def stop(self) -> None:
        self.bridge.stop()
        left = [call for call in self.clock.getDelayedCalls() if call.active()]
        assert not left, "a stopped bridge has no timer"

    def passes(self, seconds: float, step: float = 0.5) -> Polled:
        """Time passes."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(step, end - self.clock.seconds()))
        return self

    def values(self, topic: str) -> list[Any]:
        return self.session.values(topic)

    def last(self, topic: str) -> tuple[Any, dict[str, Any]]:
        return self.session.last(topic)

    def call(self, name: str, *args: Any) -> Any:
        return self.session.procedures[f"x.{name}"](*args)

    def status(self) -> dict[str, Any]:
        result: Result = self.call("get_status")
        return {"state": result.args[0], **result.kwargs}


def convert(section: Any, **options: Any) -> Any:
    """A section as the file would say it."""
    tag = section.__struct_config__.tag
    return msgspec.convert({"type": tag, "id": "x", "realm": "realm1", **options}, section, dec_hook=as_part)
