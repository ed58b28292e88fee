"""A serial device that comes and goes: opened, lost, looked for, opened again.

States: away -> (open, settling) -> ready -> away. While it is away, each change on the way to its place is followed by
a try at once, and besides there are tries with growing waits. It never gives up. A device that has been silent for too
long is closed and opened again, if that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from bridges.backoff import STABLE, Backoff
from bridges.clock import Delayed
from bridges.config import SIM_PREFIX
from bridges.freshness import Freshness
from bridges.serial.device import Device, DeviceAway
from bridges.serial.place import GONE, Absent, DeviceError, PathPlace, Place, place_of, trace
from bridges.serial.portconfig import PortConfig
from bridges.serial.reasons import OPEN_ERRORS, explain
from bridges.serial.watch import PathWatch
from edge_router import registry

#: bytes that are kept of what came while the device settled: longer than any delimiter
KEPT = 16


class PortUser(Protocol):
    """Who is told of a port."""

    def port_ready(self, dropped: bytes) -> None:
        """It is open, or open again because it was silent. dropped: the last bytes of those while it settled."""

    def port_away(self, reason: str) -> None:
        """It is not there, or no more. Told once a reason, not with each try."""

    def port_received(self, data: bytes) -> None:
        """Bytes from the device."""


class Port:
    """One device of a bridge.

    config: which, and its settings. reactor: IReactorFDSet and IReactorTime. user: who is told.
    random: numbers of [0, 1), for the waits. place: where the device is; left out, as the config says.

    place: where the device is to be. path: where it was when it was last opened. unsent: bytes that were to be written
    and were lost with the device. reopened: how often it was opened again because it was silent.
    """

    def __init__(
        self,
        config: PortConfig,
        reactor: Any,
        user: PortUser,
        random: Callable[[], float],
        place: Place | None = None,
    ) -> None:
        self._simulated: Any = None
        if config.device_name.startswith(SIM_PREFIX):
            self._simulated = registry.load("bridges.serial.simport:simulated")(config, reactor)
            place = PathPlace(self._simulated.path, config.device_name)
        self.place = place or place_of(config)
        self._config = config
        self._reactor = reactor
        self._user = user
        self._backoff = Backoff(random)
        self._watch = PathWatch(reactor, self.place, self._changed)
        self._device: Device | None = None
        self._ready = False
        self._dropped = b""
        self._opened_at = 0.0
        self._opened: list[tuple[int, int] | None] = []
        self._timer: Delayed | None = None
        self._told: str | None = None
        self._absent = False
        self._running = False
        self._silence: Freshness | None = None
        if config.reopen_after is not None:
            self._silence = Freshness(config.reopen_after, reactor, self._silence_turned)
        self._reopening = self._quiet = False
        self.path: str | None = None
        self.unsent = 0
        self.reopened = 0

    def start(self) -> None:
        """Open the device, now or whenever it is there. Raises OSError if it is to be simulated and cannot be."""
        self._running = True
        self._told = None
        self._absent = self._quiet = False
        if self._simulated is not None:
            self._simulated.start()
        self._watch.start()
        self._retry()

    def stop(self) -> None:
        """Close the device and look for it no more. Idempotent."""
        self._running = False
        self._watch.stop()
        self._cancel_timer()
        if self._silence is not None:
            self._silence.stop()
        if self._device is not None:
            self._device.close()
        if self._simulated is not None:
            self._simulated.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """For the bridge: those of a device that is simulated."""
        found: dict[str, Callable[..., Any]] = {} if self._simulated is None else self._simulated.procedures()
        return found

    def write(self, data: bytes) -> Deferred[None]:
        """Send bytes; the result fires when the kernel has taken them. Raises DeviceAway and QueueFull."""
        if self._device is None or not self._ready:
            raise DeviceAway(f"{self.place} is away: {self._told or 'it is being opened'}")
        return self._device.submit(data)

    def abandon(self) -> None:
        """What was written and has not left yet is not to be sent any more."""
        if self._device is not None:
            self._device.abandon()

    def received(self, data: bytes) -> None:
        """From the device."""
        if self._silence is not None:
            self._silence.seen()
        if self._ready:
            self._user.port_received(data)
        else:
            self._dropped = (self._dropped + data)[-KEPT:]

    def lost(self, reason: str) -> None:
        """From the device: it is gone, and its descriptor closed."""
        if self._device is not None:
            self.unsent += self._device.unsent
        self._device = None
        self._ready = False
        self._cancel_timer()
        if not self._running or self._reopening:
            return
        if self._silence is not None:
            self._silence.stop()
        if self._reactor.seconds() - self._opened_at >= STABLE:
            self._backoff.reset()
        self._watch.start()
        if trace(self.place) != self._opened:
            self._watch.expect_news()  # it may be back already
        self._tell(reason)
        self._absent = True  # that nothing is there now is no news
        self._wait()

    def _retry(self) -> None:
        """A wait is over; if there is nothing to open yet, the next one begins."""
        self._timer = None
        if not self._open():
            self._wait()

    def _changed(self) -> None:
        """Something happened on the way to the path: try now. If that fails, the wait that is running goes on."""
        if self._running and self._device is None:
            self._open()

    def _wait(self) -> None:
        self._timer = self._reactor.callLater(self._backoff.wait(), self._retry)

    def _open(self) -> bool:
        path = ""
        try:
            path = self.place.find()
            self._opened = trace(self.place)
            self._device = Device(path, self._config, self._reactor, self)
        except (*OPEN_ERRORS, DeviceError) as error:
            self._watch.start()
            self._not_opened(error, path)
            return False
        self.path = path
        self._cancel_timer()
        self._watch.stop()
        self._dropped = b""
        self._opened_at = self._reactor.seconds()
        self._timer = self._reactor.callLater(self._config.settle / 1000, self._settled)
        return True

    def _not_opened(self, error: Exception, path: str) -> None:
        reason = explain(error, path)
        absent = isinstance(error, Absent) or reason == GONE
        if not (absent and self._absent):
            self._tell(reason)
        self._absent = absent

    def _settled(self) -> None:
        self._timer = None
        self._ready = True
        self._told = None
        self._absent = False
        if self._silence is not None:
            self._silence.begin()
        self._user.port_ready(self._dropped)

    def _silence_turned(self) -> None:
        """Nothing came for reopen_after, or something comes again. What is done again and again is told once."""
        assert self._silence is not None
        if not self._silence.stale:
            self._quiet = False
        elif self._device is not None and self._ready:
            self._reopen()

    def _reopen(self) -> None:
        quiet, self._quiet = self._quiet, True
        self.reopened += 1
        self._reopening = True
        self._device.close()  # type: ignore[union-attr]
        self._reopening = False
        if not quiet:
            self._tell(f"nothing came for {self._config.reopen_after:g} s (reopen_after); it is opened again")
        if not self._open():
            self._wait()

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self._user.port_away(reason)

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
