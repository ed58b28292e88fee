"""What outputs of every kind have in common: what they wait for, and the losses that they follow (`on_loss`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bridges.clock import Clock, Delayed


class LossRules(Protocol):
    """The section of an output, as far as it says when something counts as lost. Seconds."""

    @property
    def loss_after(self) -> float: ...

    @property
    def uplink_after(self) -> float: ...


class Timers:
    """Calls that are due later, one of a name. clock: monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, Delayed] = {}
        self._at: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._calls

    def after(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call this, and not what was due under this name before."""
        self.cancel(name)
        self._at[name] = self._clock.seconds() + seconds
        self._calls[name] = self._clock.callLater(seconds, self._due, name, call)

    def at(self, name: str, when: float, call: Callable[[], object]) -> None:
        """The same at a moment of the clock; now, if that is over."""
        self.after(name, max(when - self._clock.seconds(), 0.0), call)

    def cancel(self, *names: str) -> None:
        """Call none of these. Names under which nothing is due do no harm."""
        for name in names:
            waiting = self._calls.pop(name, None)
            if waiting is not None:
                waiting.cancel()

    def clear(self) -> None:
        """Call nothing any more."""
        self.cancel(*self._calls)

    def due(self) -> dict[str, float]:
        """When each of them comes, by the clock."""
        return {name: self._at[name] for name in self._calls}

    def _due(self, name: str, call: Callable[[], object]) -> None:
        del self._calls[name]
        call()


class Losses:
    """An output that something happens to when whoever has last set it, or the uplink, is gone.

    rules: its section. clock: monotonic time. controller: the session that has last set it.
    """

    def __init__(self, rules: LossRules, clock: Clock) -> None:
        self.controller: int | None = None
        self.timers = Timers(clock)
        self.is_cut_off = False
        self._rules = rules

    def lose(self, timer: str, seconds: float) -> None:
        """Do what on_loss says after some time."""
        raise NotImplementedError

    def session_gone(self, session: int) -> None:
        """A session has left the realm."""
        if self.controller == session:
            self.controller = None
            self.lose("loss", self._rules.loss_after)

    def uplink_changed(self, up: bool) -> None:
        """The uplink of the options came or went."""
        self.is_cut_off = not up
        if up:
            self.timers.cancel("uplink")
        elif "uplink" not in self.timers:
            self.lose("uplink", self._rules.uplink_after)
