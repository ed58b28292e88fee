"""The camera bridge: pictures one at a time, for whoever asks, and every so often."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred

from bridges.bridge import Bridge
from bridges.camera.capture import AWAY, Capture, NoPicture, surroundings
from bridges.camera.config import SIMULATORS, CameraConfig
from bridges.camera.tools import NoTool, command
from bridges.clock import Delayed
from bridges.simulated import Faults, is_simulated, parse
from bridges.simulating import simulate
from bridges.stamps import Stamp, Stamps
from edge_router.client import CallError, Result

INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
QUEUE_FULL: Final = "edge.error.queue_full"
#: callers that wait for the next picture; they all get the same
MOST_WAITING: Final = 100
#: seconds a killed program has to end before those who wait are told
GRACE: Final = 2.0
SIMULATOR: Final = Path(__file__).with_name("simcamera.py")

Wanted = Deferred[Result]


class CameraBridge(Bridge):
    """See Bridge. config: its section. reactor: IReactorProcess and IReactorTime. which: finds programs."""

    def __init__(
        self,
        config: CameraConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        which: Callable[[str], str | None] = shutil.which,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self._settings = config
        self._reactor = reactor
        self._which = which
        self._faults: Faults | None = None
        if is_simulated(config.device):
            self._faults = Faults(reactor, parse(config.device, SIMULATORS).options)
        self._waiting: list[Wanted] = []
        self._served: list[Wanted] = []
        self._capture: Capture | None = None
        self._grace: Delayed | None = None
        self._timer: Delayed | None = None
        self._pictures = 0
        self._failures = 0
        self._last_ts: int | None = None

    # --- a bridge ---------------------------------------------------------------------------------------------------

    def opening(self) -> None:
        """No picture is taken yet, unless the interval says so; whether there is a program for it is seen."""
        try:
            self._command()
        except NoTool as error:
            self._tell_away(str(error))
        else:
            self.status.change("open")
        if self._settings.interval is not None:
            self._due()

    def closing(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.stop()
        if self._faults is not None:
            self._faults.stop()
        self._calm()
        for those in (self._served, self._waiting):
            self._fail(those, NoPicture(AWAY, "the bridge was stopped"))

    def procedures(self) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {"snapshot": self._snapshot}
        return found if self._faults is None else {**found, "simulate": simulate(self._faults)}

    def details(self) -> dict[str, Any]:
        """pictures: taken. failures: that were not. waiting: callers."""
        return {
            "device": self._settings.device,
            "pictures": self._pictures,
            "failures": self._failures,
            "waiting": len(self._waiting) + len(self._served),
            "last_picture_ts": self._last_ts,
        }

    # --- asked for --------------------------------------------------------------------------------------------------

    def _snapshot(self, *args: Any, **kwargs: Any) -> Wanted:
        """Take a picture. Result: args [JPEG, bytes], kwargs {bridge, seq, ts, ts_quality}.

        Who asks while one is taken gets the next. Errors: edge.error.device_away, edge.error.no_answer,
        edge.error.bad_answer, edge.error.queue_full, wamp.error.invalid_argument.
        """
        if args or kwargs:
            raise CallError(INVALID_ARGUMENT, "no arguments are expected")
        if len(self._waiting) >= MOST_WAITING:
            raise CallError(QUEUE_FULL, f"{MOST_WAITING} callers wait for a picture already")
        if not self.allowed():
            raise CallError(QUEUE_FULL, f"more than {self.config.max_rate} pictures a second are asked for (max_rate)")
        wanted: Wanted = Deferred(self._not_wanted)
        self._waiting.append(wanted)
        self._next()
        return wanted

    def _not_wanted(self, wanted: Wanted) -> None:
        """The caller is gone, or has canceled; the picture is taken for the others."""
        for those in (self._waiting, self._served):
            if wanted in those:
                those.remove(wanted)

    def _due(self) -> None:
        """One for the topic. Is there one being taken, it serves for this."""
        assert self._settings.interval is not None
        self._timer = self.clock.callLater(self._settings.interval, self._due)
        if self._capture is None:
            self._take()

    # --- taking -----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._capture is None and self._waiting:
            self._take()
        elif self._capture is not None and self._capture.answered and self._grace is None:
            self._grace = self.clock.callLater(GRACE, self._stuck)

    def _take(self) -> None:
        served = self._served = self._waiting
        self._waiting = []
        took = partial(self._took, served)
        try:
            words = self._command()
        except NoTool as error:
            took(NoPicture(AWAY, str(error)))
            return
        capture = self._capture = Capture(self._settings.max_size, self._settings.timeout, self.clock, took, self._gone)
        try:
            self._reactor.spawnProcess(capture, words[0], words, env=surroundings(os.environ), path="/")
        except OSError as error:
            self._capture = None
            capture.stop()
            took(NoPicture(AWAY, f"{words[0]} cannot be started: {error.strerror}"))

    def _command(self) -> list[str]:
        if self._faults is None:
            return command(self._settings, self._which)
        size = [str(self._settings.width), str(self._settings.height)]
        fault = self._faults.strike()
        return [sys.executable, "-I", "-S", str(SIMULATOR), *size, f"{self.clock.seconds():.3f}", fault]

    def _gone(self) -> None:
        self._capture = None
        self._calm()
        self._next()

    def _stuck(self) -> None:
        """A program was killed and does not end: the kernel's driver holds it. Who waits need not wait for that."""
        self._grace = None
        waiting, self._waiting = self._waiting, []
        self._fail(waiting, NoPicture(AWAY, "the program of the last picture was killed and does not end"))

    def _calm(self) -> None:
        grace, self._grace = self._grace, None
        if grace is not None:
            grace.cancel()

    def _took(self, served: list[Wanted], outcome: bytes | NoPicture) -> None:
        if self._waiting:
            self._next()
        if isinstance(outcome, NoPicture):
            self._failures += 1
            self._tell_away(str(outcome))
            self._fail(served, outcome)
            return
        stamp = self.stamps.next()
        self._pictures += 1
        self._last_ts = stamp.ts
        if self.status.state != "open":
            self.log.info("{id}: there are pictures again", id=self.config.id)
            self.status.change("open")
        if self._settings.publish or self._settings.interval is not None:
            self.publish(self.topic, outcome, stamp)
        result = Result((outcome,), self._about(stamp))
        while served:
            served.pop().callback(result)

    def _about(self, stamp: Stamp) -> dict[str, Any]:
        return {"bridge": self.config.id, "seq": stamp.seq, "ts": stamp.ts, "ts_quality": stamp.ts_quality}

    def _tell_away(self, reason: str) -> None:
        """Once an outage; why may change meanwhile."""
        if self.status.state == "away":
            self.status.note(reason)
            return
        self.log.warn("{id}: no picture: {reason}", id=self.config.id, reason=reason)
        self.status.change("away", reason)

    @staticmethod
    def _fail(those: list[Wanted], why: NoPicture) -> None:
        while those:
            those.pop().errback(CallError(why.uri, str(why)))
