"""Readings on request: `<topic>.read` has a sensor read now, whatever its interval, and returns what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred

from bridges.polled.sensor import Sensor
from edge_router.client import CallError, Result

AWAY: Final = "edge.error.device_away"
BAD_ANSWER: Final = "edge.error.bad_answer"
QUEUE_FULL: Final = "edge.error.queue_full"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
#: callers that wait for one reading
MOST_WAITING: Final = 100

Wanted = Deferred[Result]


class Asking:
    """Those who wait for readings.

    sensors: by name. soon: has one read as soon as may be; one that is being read serves.
    """

    def __init__(self, sensors: Mapping[str, Sensor], soon: Callable[[Sensor], object]) -> None:
        self._sensors = sensors
        self._soon = soon
        self._waiting: dict[str, list[Wanted]] = {}

    def read(self, *args: Any, **kwargs: Any) -> Wanted:
        """args: [name]; it may be left out where there is but one sensor. Result: args [what is published of it: the
        frame, or its one value], kwargs {bridge, seq, ts, ts_quality}.

        Errors: edge.error.device_away, edge.error.bad_answer, edge.error.queue_full, wamp.error.invalid_argument.
        """
        sensor = self._sensor(args, kwargs)
        those = self._waiting.setdefault(sensor.name, [])
        if len(those) >= MOST_WAITING:
            raise CallError(QUEUE_FULL, f"{MOST_WAITING} callers wait for {sensor.name} already")
        wanted: Wanted = Deferred(lambda gone: those.remove(gone) if gone in those else None)
        those.append(wanted)
        self._soon(sensor)
        return wanted

    def answer(self, name: str, value: Any, about: dict[str, Any]) -> None:
        """A sensor was read. value: what it says, None if that means nothing. about: the stamp."""
        if value is None:
            self.fail(name, BAD_ANSWER, "it has no reading")
            return
        for wanted in self._waiting.pop(name, ()):
            wanted.callback(Result((value,), about))

    def fail(self, name: str, uri: str, reason: str) -> None:
        """A sensor could not be read, or not understood."""
        for wanted in self._waiting.pop(name, ()):
            wanted.errback(CallError(uri, f"{name}: {reason}"))

    def stop(self) -> None:
        """Nobody waits any more."""
        for name in list(self._waiting):
            self.fail(name, AWAY, "the bridge was stopped")

    def _sensor(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sensor:
        if kwargs or len(args) > 1 or not (args or len(self._sensors) == 1):
            raise CallError(INVALID_ARGUMENT, f"the name of a sensor is expected: {', '.join(self._sensors)}")
        name = args[0] if args else next(iter(self._sensors))
        if not isinstance(name, str) or name not in self._sensors:
            raise CallError(INVALID_ARGUMENT, f"there is no such sensor; there are {', '.join(self._sensors)}")
        return self._sensors[name]
