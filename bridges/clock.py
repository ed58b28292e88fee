"""What bridges ask of time. Twisted's reactor (with `seconds` set to time.monotonic) and `task.Clock` fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Delayed(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Monotonic time in seconds."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> Delayed: ...
