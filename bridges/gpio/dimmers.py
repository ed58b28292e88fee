"""PWM outputs: their duties, what commands and losses do to them, and how they are begun and left."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Protocol

from bridges.clock import Clock, Delayed
from bridges.gpio.actuator import CALLER_UNKNOWN, DEVICE_AWAY, Refused
from bridges.gpio.lines import LineError
from bridges.gpio.pwmchips import Channel, Source
from bridges.gpio.pwmconfig import Pwm, duty_of


class DimmerUser(Protocol):
    """Who is told of PWM outputs."""

    def duty_changed(self, name: str, duty: float, cause: str) -> None:
        """It has another duty, or its duty is known now."""

    def chip_gone(self, reason: str) -> None:
        """A channel is gone."""


class Dimmer:
    """One PWM output.

    duty: None while the channel is away. last: what a call has last set. controller: the session that has last set it.
    """

    def __init__(self, name: str, options: Pwm, clock: Clock, user: DimmerUser) -> None:
        self.name = name
        self.options = options
        self.duty: float | None = None
        self.cause = "start"
        self.last: float | None = None
        self._clock = clock
        self._user = user
        self._channel: Channel | None = None
        self._before: Dimmer | None = None
        self.controller: int | None = None
        self._is_cut_off = False
        self._timers: dict[str, Delayed] = {}
        #: monotonic time of the losses that were to come when it was let go of
        self.due: dict[str, float] = {}
        self._due_at: dict[str, float] = {}

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
        elif self._is_cut_off:
            self._lose("uplink", self.options.uplink_after)

    def take_over(self, before: Dimmer) -> None:
        """It goes on as it was, in the place of another one."""
        self._before = before
        self.last = before.last

    def end(self, stopping: bool) -> None:
        """The channel is not ours any more. stopping: do what on_stop says before. Idempotent."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self.due = {name: self._due_at[name] for name in self._timers}
        for name in list(self._timers):
            self._cancel(name)
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
        for name in ("loss", "uplink"):
            self._cancel(name)
        self.controller = caller
        self.last = duty
        if duty == before:
            return False
        self._set(duty, "call")
        if self.duty is None:
            raise Refused(DEVICE_AWAY, f"the PWM channel of {self.name} is away")
        return True

    def session_gone(self, session: int) -> None:
        """A session has left the realm."""
        if self.controller == session:
            self.controller = None
            self._lose("loss", self.options.loss_after)

    def uplink_changed(self, up: bool) -> None:
        """The uplink of the options came or went."""
        self._is_cut_off = not up
        if up:
            self._cancel("uplink")
        elif "uplink" not in self._timers:
            self._lose("uplink", self.options.uplink_after)

    def _lose(self, timer: str, seconds: float) -> None:
        wanted = duty_of(self.options.on_loss)
        if self.duty is None or wanted is None:
            return
        self._cancel(timer)
        self._due_at[timer] = self._clock.seconds() + seconds
        self._timers[timer] = self._clock.callLater(seconds, self._lost, timer, wanted)

    def _wait_on(self, due: dict[str, float]) -> None:
        """The losses that the one before has waited for still come when they were to."""
        for timer, at in due.items():
            if timer == "loss" or self.options.uplink is not None:
                self._lose(timer, max(at - self._clock.seconds(), 0.0))

    def _lost(self, timer: str, wanted: float) -> None:
        del self._timers[timer]
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

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


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


