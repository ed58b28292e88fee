"""The rules of one output: what commands and losses do to it, and what it does by itself.

A command is a call. Whatever else changes the level has a cause that the configuration has named, and it is published
and logged. While the chip is away the level is unknown and nothing runs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from msgspec import Struct

from bridges.clock import Clock
from bridges.gpio.interlock import Group
from bridges.gpio.losses import Losses
from bridges.gpio.outputconfig import OutputRules, level_of

DEVICE_AWAY: Final = "edge.error.device_away"
INTERLOCK: Final = "edge.error.interlock"
MIN_OFF: Final = "edge.error.min_off"
CALLER_UNKNOWN: Final = "edge.error.caller_unknown"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"


class Refused(Exception):
    """A command that is not obeyed. uri: of the error. The text is for the caller."""

    def __init__(self, uri: str, text: str) -> None:
        super().__init__(text)
        self.uri = uri


class Handover(Struct, frozen=True):
    """What an output leaves to its successor at a reload. since: monotonic time of its last change. due: when what it
    waits for would come, by the name of the timer.
    """

    value: bool
    since: float
    last: bool | None
    controller: int | None
    due: dict[str, float]


class ActuatorUser(Protocol):
    """Who is told of an output."""

    def output_changed(self, name: str, value: bool, cause: str) -> None:
        """It has another level, or its level is known now."""


class Actuator(Losses):
    """One output.

    name: its own. options: its section. clock: monotonic time. group: its interlock, if it has one. user: who is told.

    value: the logical level; None while the chip is away. cause: of the level. controller: the session that has last
    set it.
    """

    def __init__(self, name: str, options: OutputRules, clock: Clock, group: Group | None, user: ActuatorUser) -> None:
        super().__init__(options, clock)
        self.name = name
        self.options = options
        self.value: bool | None = None
        self.cause = "start"
        #: what a call has last set, for `on_start: last`
        self.last: bool | None = None
        self._clock = clock
        self._group = group
        self._user = user
        self._write: Callable[[bool], bool] | None = None
        self._since = clock.seconds()
        self._before: Handover | None = None
        self._found = False
        if group is not None:
            group.add(name, lambda: self.value is True)

    # --- the line ----------------------------------------------------------------------------------------------------

    def first(self, found: bool) -> bool:
        """The level to begin with. found: the one that the line has."""
        self._found = found
        if self._before is not None:
            return found
        wish = self.last if self.options.on_start == "last" else level_of(self.options.on_start)
        if not found and wish and (self.options.min_off or self._hindered()):
            return False
        return found if wish is None else wish

    def opened(self, write: Callable[[bool], bool], value: bool) -> None:
        """The line is ours. write: sets its level, and says whether the chip is there. value: the level it has."""
        before, self._before = self._before, None
        self._write = write
        self.value = value
        same = before is not None and before.value == value
        self._since = before.since if before is not None and same else self._clock.seconds()
        self.controller = before.controller if before is not None and same else None
        if self._group is not None and not value and (before is not None or self._found):
            self._group.ended(self.name, self._since)
        self._changed("start")
        if before is not None:
            self._wait_on(before.due)
            return
        if self.is_cut_off:
            self.lose("uplink", self.options.uplink_after)
        wanted = self.last if self.options.on_start == "last" else level_of(self.options.on_start)
        if wanted and not value:
            self._set_later(True, "start")

    def closed(self) -> None:
        """The line is not ours any more. Idempotent."""
        self._write = None
        self.value = None
        self.timers.clear()

    def hand_over(self) -> Handover | None:
        """What the next one has to know, if the level is known."""
        if self.value is None:
            return None
        return Handover(self.value, self._since, self.last, self.controller, self.timers.due())

    def take_over(self, before: Handover) -> None:
        """The output goes on as it was, in the place of another one."""
        self._before = before
        self.last = before.last

    # --- commands ----------------------------------------------------------------------------------------------------

    def known(self) -> bool:
        """The level. Raises Refused while the chip is away."""
        if self.value is None or self._write is None:
            raise Refused(DEVICE_AWAY, f"the chip of {self.name} is away")
        return self.value

    def command(self, value: bool, caller: int | None) -> bool:
        """Set the level because somebody called. caller: his session, as far as told. Result: whether it changed.

        Raises Refused.
        """
        before = self.known()
        if caller is None and self.options.depends and value != level_of(self.options.on_loss):
            text = (
                f"{self.name} has on_loss, so it has to be known who sets it: "
                "the caller's permission needs disclose: {caller: true}"
            )
            raise Refused(CALLER_UNKNOWN, text)
        if value and not before:
            self._check_on()
        self.timers.cancel("pulse", "later", "loss", "uplink")
        self.controller = caller
        self.last = value
        if value == before:
            return False
        self._set(value, "call")
        return True

    def pulse(self, seconds: float, caller: int | None) -> None:
        """Switch on, and off after some time. Raises Refused."""
        limit = self.options.max_on or 86_400.0
        if not 0 < seconds <= limit:
            raise Refused(INVALID_ARGUMENT, f"a pulse of {self.name} takes more than 0 and up to {limit:g} seconds")
        self.command(True, caller)
        self.last = False
        self._after("pulse", seconds, self._set, False, "pulse")

    # --- losses ------------------------------------------------------------------------------------------------------

    def lose(self, timer: str, seconds: float) -> None:
        """See Losses; at once if there is nothing to wait for."""
        wanted = level_of(self.options.on_loss)
        if wanted is None or self.value is None:
            return
        if seconds:
            self._after(timer, seconds, self._lost, wanted)
        else:
            with suppress(Refused):
                self._lost(wanted)

    def _lost(self, wanted: bool) -> None:
        self.timers.cancel("pulse", "later")
        if self.value != wanted:
            self._set_later(wanted, "loss")

    # --- inside ------------------------------------------------------------------------------------------------------

    def _hindered(self) -> str | None:
        return None if self._group is None else self._group.hinders(self.name, self.options.interlock_wait)

    def _off_left(self) -> float:
        """Seconds that it has to stay off still."""
        return self._since + (self.options.min_off or 0.0) - self._clock.seconds()

    def _check_on(self) -> None:
        hindered = self._hindered()
        if hindered:
            raise Refused(INTERLOCK, f"{self.name} cannot be switched on: {hindered}")
        left = self._off_left()
        if left > 0:
            raise Refused(MIN_OFF, f"{self.name} stays off for {left:.1f} s more (min_off)")

    def _set_later(self, value: bool, cause: str) -> None:
        """By itself: at once, or when min_off is over."""
        left = self._off_left() if value and not self.value else 0.0
        if left > 0:
            self._after("later", left, self._set_later, value, cause)
        elif value == self.value or (value and self._hindered()):
            return
        else:
            self._set(value, cause)

    def _set(self, value: bool, cause: str) -> None:
        if self._write is None or not self._write(value):
            raise Refused(DEVICE_AWAY, f"the chip of {self.name} is away")
        if self.value and not value and self._group is not None:
            self._group.ended(self.name, self._clock.seconds())
        if self.value != value:
            self._since = self._clock.seconds()
        self.value = value
        self._changed(cause)

    def _changed(self, cause: str) -> None:
        """Timers first: who is told may command at once."""
        assert self.value is not None
        self.cause = cause
        self.timers.cancel("pulse")
        if not self.value:
            self.timers.cancel("max_on")
        elif self.options.max_on is not None and "max_on" not in self.timers:
            left = self._since + self.options.max_on - self._clock.seconds()
            self._after("max_on", max(left, 0.0), self._set, False, "max_on")
        self._user.output_changed(self.name, self.value, cause)

    def _after(self, name: str, seconds: float, call: Callable[..., None], *args: object) -> None:
        self.timers.after(name, seconds, partial(self._obey, call, *args))

    def _obey(self, call: Callable[..., None], *args: object) -> None:
        with suppress(Refused):  # the chip is gone, and that is told already
            call(*args)

    def _wait_on(self, due: dict[str, float]) -> None:
        """What the one before has waited for still comes when it was to. due: as handed over."""
        wanted = level_of(self.options.on_loss)
        calls: dict[str, Callable[[], None]] = {}
        if self.value:
            calls["pulse"] = partial(self._set, False, "pulse")
        else:
            calls["later"] = partial(self._set_later, True, "start")
        if wanted is not None:
            calls["loss"] = partial(self._lost, wanted)
            if self.options.uplink is not None:
                calls["uplink"] = partial(self._lost, wanted)
        for name in due.keys() & calls.keys():
            self.timers.at(name, due[name], partial(self._obey, calls[name]))
