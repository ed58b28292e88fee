"""PWM outputs: their duties, what commands and losses do to them, and how they are begun and left."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import partial
from typing import Any, Protocol

from bridges.clock import Clock
from bridges.gpio.actuator import CALLER_UNKNOWN, DEVICE_AWAY, Refused
from bridges.gpio.lines import LineError
from bridges.gpio.losses import Losses
from bridges.gpio.pwmchips import Channel, Source
from bridges.gpio.pwmconfig import Pwm, duty_of


class DimmerUser(Protocol):
    """Who is told of PWM outputs."""

    def duty_changed(self, name: str, duty: float, cause: str) -> None:
        """It has another duty, or its duty is known now."""

    def chip_gone(self, reason: str) -> None:
        """A channel is gone."""


class Dimmer(Losses):
    """One PWM output.

    duty: None while the channel is away. last: what a call has last set. controller: the session that has last set it.
    """

    def __init__(self, name: str, options: Pwm, clock: Clock, user: DimmerUser) -> None:
        super().__init__(options, clock)
        self.name = name
        self.options = options
        self.duty: float | None = None
        self.cause = "start"
        self.last: float | None = None
        self._user = user
        self._channel: Channel | None = None
        self._before: Dimmer | None = None
        #: monotonic time of the losses that were to come when it was let go of
        self.due: dict[str, float] = {}

    def begin(self, channel: Channel) -> None:
        """The channel is ours. Raises LineError; nothing was changed but what on_start says."""
        before, self._before = self._before, None
        wanted = self.last if self.options.on_start == "last" else None
        if before is not None:
            wanted = None
        elif self.options.on_start not in ("keep", "last"):
            wanted = duty_of(self.options.on_start)
        found = channel.duty()
        if wanted is not None:
            channel.set(wanted)
        self._channel = channel
        self.controller = before.controller if before is not None else None
        self._changed(found if wanted is None else wanted, "start")
        if before is not None:
            self._wait_on(before.due)
        elif self.is_cut_off:
            self.lose("uplink", self.options.uplink_after)

    def take_over(self, before: Dimmer) -> None:
        """It goes on as it was, in the place of another one."""
        self._before = before
        self.last = before.last

    def end(self, stopping: bool) -> None:
        """The channel is not ours any more. stopping: do what on_stop says before. Idempotent."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self.due = self.timers.due()
        self.timers.clear()
        wanted = duty_of(self.options.on_stop)
        if stopping and channel is not None and wanted is not None:
            try:
                channel.set(wanted)
            except LineError:
                return
            if self.duty != wanted:
                self._changed(wanted, "stop")
        self.duty = None

    def known(self) -> float:
        """The duty. Raises Refused while the channel is away."""
        if self.duty is None:
            raise Refused(DEVICE_AWAY, f"the PWM channel of {self.name} is away")
        return self.duty

    def command(self, duty: float, caller: int | None) -> bool:
        """Set the duty because somebody called. Result: whether it changed. Raises Refused."""
        before = self.known()
        if caller is None and self.options.depends and duty != duty_of(self.options.on_loss):
            text = f"{self.name} has on_loss: the caller's permission needs disclose: {{caller: true}}"
            raise Refused(CALLER_UNKNOWN, text)
        self.timers.cancel("loss", "uplink")
        self.controller = caller
        self.last = duty
        if duty == before:
            return False
        self._set(duty, "call")
        if self.duty is None:
            raise Refused(DEVICE_AWAY, f"the PWM channel of {self.name} is away")
        return True

    def lose(self, timer: str, seconds: float) -> None:
        """See Losses."""
        wanted = self._wanted_by_loss()
        if wanted is not None:
            self.timers.after(timer, seconds, partial(self._lost, wanted))

    def _wait_on(self, due: dict[str, float]) -> None:
        """The losses that the one before has waited for still come when they were to."""
        wanted = self._wanted_by_loss()
        for timer, at in due.items():
            if wanted is not None and (timer == "loss" or self.options.uplink is not None):
                self.timers.at(timer, at, partial(self._lost, wanted))

    def _wanted_by_loss(self) -> float | None:
        return None if self.duty is None else duty_of(self.options.on_loss)

    def _lost(self, wanted: float) -> None:
        if self.duty is not None and self.duty != wanted:
            self._set(wanted, "loss")

    def _set(self, duty: float, cause: str) -> None:
        assert self._channel is not None
        try:
            self._channel.set(duty)
        except LineError as error:
            self._user.chip_gone(str(error))
        else:
            self._changed(duty, cause)

    def _changed(self, duty: float, cause: str) -> None:
        self.duty = duty
        self.cause = cause
        self._user.duty_changed(self.name, duty, cause)


class Dimmers:
    """All PWM outputs of a bridge, by name."""

    def __init__(self, pwm: Mapping[str, Pwm], clock: Clock, user: DimmerUser) -> None:
        self.all = {name: Dimmer(name, options, clock, user) for name, options in pwm.items()}

    def open(self, source: Source) -> None:
        """Have the channels. Raises LineError; none is held then."""
        try:
            channels = {name: Channel(source.open(each.options), each.options) for name, each in self.all.items()}
            for name, dimmer in self.all.items():
                dimmer.begin(channels[name])
        except LineError:
            self.close(False)
            raise

    def take_over(self, before: Dimmers, staying: Container[str]) -> None:
        """Go on with what those of another bridge have left. staying: the names of those that are the same."""
        for name, dimmer in self.all.items():
            if name in staying and name in before.all:
                dimmer.take_over(before.all[name])

    def close(self, stopping: bool, staying: Container[str] = ()) -> None:
        """Let go of the channels. stopping: do what on_stop says before, but for those `staying`. Idempotent."""
        for name, dimmer in self.all.items():
            dimmer.end(stopping and name not in staying)

    def values(self) -> dict[str, Any]:
        """The duties as they are known."""
        return {name: dimmer.duty for name, dimmer in self.all.items()}
