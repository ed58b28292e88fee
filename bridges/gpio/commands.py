"""The procedures of outputs: what callers may say, and what they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bridges.gpio.actuator import INVALID_ARGUMENT, Actuator, Refused
from bridges.gpio.dimmers import Dimmer
from edge_router.client import CallError, Invoked, Result

_LEVELS: Final[dict[Any, bool]] = {"on": True, "off": False, 1: True, 0: False}


class Commands:
    """The procedures of all outputs of a bridge.

    actuators: by name. topics: of them. obeyed: is told the name of an output that was set.
    """

    def __init__(
        self, actuators: Mapping[str, Actuator], topics: Mapping[str, str], obeyed: Callable[[str], object]
    ) -> None:
        self._actuators = actuators
        self._topics = topics
        self._obeyed = obeyed

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """URI -> handler that gets an Invoked first."""
        made: dict[str, Callable[..., Any]] = {}
        for name in self._actuators:
            for word, handler in (
                ("set", self._set), ("get", self._get), ("toggle", self._toggle), ("pulse", self._pulse),
            ):  # fmt: skip
                made[f"{self._topics[name]}.{word}"] = partial(handler, name)
        return made

    def _set(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> bool:
        """Args [true or false]; `on`, `off`, 1 and 0 mean the same. Result: the level it has."""
        (value,) = _arguments(args, kwargs, "true or false", 1)
        level = level_in(value)
        self.command(name, level, invoked)
        return level

    def _get(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> Result:  # noqa: ARG002 - all may ask
        """Result: args [level], kwargs {cause}: `call`, `pulse`, `max_on`, `loss`, `start`."""
        _arguments(args, kwargs, "nothing", 0)
        actuator = self._actuators[name]
        return Result((_guard(actuator.known),), {"cause": actuator.cause})

    def _toggle(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> bool:
        """Result: the level it has now."""
        _arguments(args, kwargs, "nothing", 0)
        level = not _guard(self._actuators[name].known)
        self.command(name, level, invoked)
        return level

    def _pulse(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> bool:
        """Args [seconds]. Result: true, at once."""
        (seconds,) = _arguments(args, kwargs, "the seconds that the pulse lasts", 1)
        self.pulse(name, seconds, invoked)
        return True

    def command(self, name: str, level: bool, invoked: Invoked) -> bool:
        """Set an output. Result: whether its level is another now. Raises CallError."""
        changed = _guard(self._actuators[name].command, level, invoked.details.caller)
        self._obeyed(name)
        return bool(changed)

    def pulse(self, name: str, seconds: Any, invoked: Invoked) -> None:
        """Switch an output on for a while. Raises CallError."""
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise CallError(INVALID_ARGUMENT, f"{seconds!r} is no number of seconds")
        _guard(self._actuators[name].pulse, seconds, invoked.details.caller)
        self._obeyed(name)


class Dimming:
    """The procedures of all PWM outputs of a bridge; see Commands."""

    def __init__(
        self, dimmers: Mapping[str, Dimmer], topics: Mapping[str, str], obeyed: Callable[[str], object]
    ) -> None:
        self._dimmers = dimmers
        self._topics = topics
        self._obeyed = obeyed

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """URI -> handler that gets an Invoked first."""
        made: dict[str, Callable[..., Any]] = {}
        for name in self._dimmers:
            made[f"{self._topics[name]}.set"] = partial(self._set, name)
            made[f"{self._topics[name]}.get"] = partial(self._get, name)
        return made

    def _set(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> float:
        """Args [duty], from 0 to 1. Result: the duty."""
        (duty,) = _arguments(args, kwargs, "the duty, from 0 to 1", 1)
        if not isinstance(duty, int | float) or isinstance(duty, bool) or not 0 <= duty <= 1:
            raise CallError(INVALID_ARGUMENT, f"{duty!r} is no duty; a number from 0 to 1 is right")
        _guard(self._dimmers[name].command, float(duty), invoked.details.caller)
        self._obeyed(name)
        return float(duty)

    def _get(self, name: str, invoked: Invoked, *args: Any, **kwargs: Any) -> Result:  # noqa: ARG002 - all may ask
        """Result: args [duty], kwargs {cause}: `call`, `loss`, `start`."""
        _arguments(args, kwargs, "nothing", 0)
        dimmer = self._dimmers[name]
        return Result((_guard(dimmer.known),), {"cause": dimmer.cause})


def level_in(value: Any) -> bool:
    """The level that a caller means. Raises CallError."""
    if isinstance(value, bool):
        return value
    level = _LEVELS.get(value) if isinstance(value, str | int) else None
    if level is None:
        raise CallError(INVALID_ARGUMENT, f"{value!r} is no level; true or false is right")
    return level


def _guard(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except Refused as refused:
        raise CallError(refused.uri, str(refused)) from None


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any], what: str, count: int) -> tuple[Any, ...]:
    if len(args) != count or kwargs:
        raise CallError(INVALID_ARGUMENT, f"what is expected is {what}")
    return args
