"""An output that is set to a number, a PWM output or a servo: what commands, losses, start and stop do to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from bridges.clock import Clock, Delayed
from bridges.firmata.config import Dial
from bridges.gpio.actuator import CALLER_UNKNOWN, DEVICE_AWAY, INVALID_ARGUMENT, Refused
from bridges.values import shown


class DialUser(Protocol):
    """Who is told of a dial."""

    def output_changed(self, name: str, value: Any, cause: str) -> None:
        """It has another value."""


class DialOutput:
    """One output.

    name: its own. options: its section. clock: monotonic time. user: who is told.

    value: what was set; None while that is not known. cause: of it. controller: the session that has last set it.
    last: what a call has last set.
    """

    def __init__(self, name: str, options: Dial, clock: Clock, user: DialUser) -> None:
        self.name = name
        self.options = options
        self.value: float | None = None
        self.cause = "start"
        self.controller: int | None = None
        self.last: float | None = None
        self._clock = clock
        self._user = user
        self._write: Callable[[float], object] | None = None
        self._timers: dict[str, Delayed] = {}

    # --- the board ----------------------------------------------------------------------------------------------------

    def opened(self, write: Callable[[float], object]) -> None:
        """The board is there. write: sets it."""
        self._write = write
        self.controller = None
        wish = self.last if self.options.on_start == "last" else _number(self.options.on_start)
        if wish is not None:
            self._set(wish, "start")

    def stopping(self) -> None:
        """The router stops, and the board is still there: do what on_stop says."""
        wish = _number(self.options.on_stop)
        if wish is not None and self._write is not None:
            self._set(wish, "stop")

    def closed(self) -> None:
        """The board is gone, and nobody knows what the output does. Idempotent."""
        self._write = None
        self.value = None
        for name in list(self._timers):
            self._cancel(name)

    # --- commands -----------------------------------------------------------------------------------------------------

    def known(self) -> float | None:
        """The value; None if nothing was set yet. Raises Refused while the board is away."""
        if self._write is None:
            raise Refused(DEVICE_AWAY, f"the board of {self.name} is away")
        return self.value

    def command(self, value: Any, caller: int | None) -> float:
        """Set it because somebody called. caller: his session, as far as told. Result: the value. Raises Refused."""
        self.known()
        options = self.options
        if type(value) not in (int, float) or not options.min <= value <= options.max:
            text = f"{self.name} takes numbers from {options.min:g} to {options.max:g}, not {shown(value)}"
            raise Refused(INVALID_ARGUMENT, text)
        if caller is None and options.depends and value != options.on_loss:
            text = (
                f"{self.name} has on_loss, so it has to be known who sets it: "
                "the caller's permission needs disclose: {caller: true}"
            )
            raise Refused(CALLER_UNKNOWN, text)
        for name in ("loss", "uplink"):
            self._cancel(name)
        self.controller = caller
        self.last = value
        self._set(value, "call")
        return float(value)

    # --- losses -------------------------------------------------------------------------------------------------------

    def session_gone(self, session: int) -> None:
        """A session has left the realm."""
        if self.controller == session:
            self.controller = None
            self._lose("loss", self.options.loss_after)

    def uplink_changed(self, up: bool) -> None:
        """The uplink of the options came or went."""
        if up:
            self._cancel("uplink")
        elif "uplink" not in self._timers:
            self._lose("uplink", self.options.uplink_after)

    def _lose(self, timer: str, seconds: float) -> None:
        wanted = _number(self.options.on_loss)
        if wanted is not None and self._write is not None:
            self._cancel(timer)
            self._timers[timer] = self._clock.callLater(seconds, self._lost, timer, wanted)

    def _lost(self, timer: str, wanted: float) -> None:
        del self._timers[timer]
        with suppress(Refused):  # the board is gone, and that is told already
            self._set(wanted, "loss")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _set(self, value: float, cause: str) -> None:
        assert self._write is not None
        self._write(value)
        self.cause = cause
        if value != self.value:
            self.value = value
            self._user.output_changed(self.name, value, cause)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _number(wish: str | float) -> float | None:
    """The number that a wish means; None for those that mean none."""
    return None if isinstance(wish, str) else wish
