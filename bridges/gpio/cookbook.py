"""The procedures and topics of the GPIO component in Crossbar.io's IoT cookbook, for the clients that use them.

There, pins have numbers: their places in the lists `digout_pins` and `digin_pins`. (iotcookbook, device/pi, "gpio")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Final, Protocol

from bridges.gpio.actuator import INVALID_ARGUMENT
from bridges.gpio.commands import Commands
from bridges.gpio.config import GpioConfig
from edge_router.client import CallError, Invoked

MODEL: Final = Path("/proc/device-tree/model")
#: milliseconds
PERIOD: Final = 500


class CookbookUser(Protocol):
    """What a bridge does for it."""

    def tell(self, topic: str, kwargs: Mapping[str, Any]) -> None:
        """Publish an event with keyword arguments only."""


class Cookbook:
    """The names of one bridge. config: with `cookbook`. commands: of its outputs. user: publishes."""

    def __init__(self, config: GpioConfig, commands: Commands, user: CookbookUser, model: Path = MODEL) -> None:
        assert config.cookbook is not None
        self._prefix = config.cookbook.prefix
        self._digouts = config.digouts
        self._digins = config.digins
        self._inputs: dict[str, bool] = {}
        self._outputs: dict[str, bool] = {}
        self._commands = commands
        self._user = user
        self._model = model

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """URI -> handler that gets an Invoked first."""
        handlers: dict[str, Callable[..., Any]] = {
            "get_version": self._get_version,
            "set_digout": self._set_digout,
            "get_digout": partial(self._get, self._digouts, self._outputs, "digout"),
            "trigger_digout": self._trigger_digout,
            "toggle_digout": self._toggle_digout,
            "get_digin": partial(self._get, self._digins, self._inputs, "digin"),
        }
        return {f"{self._prefix}.{name}": _strict(handler) for name, handler in handlers.items()}

    def ready(self) -> None:
        """The chip is there."""
        self._user.tell(f"{self._prefix}.on_ready", {})

    def away(self) -> None:
        """The chip is not there; nothing is known of its lines."""
        self._inputs.clear()
        self._outputs.clear()

    def input_read(self, name: str, value: Any) -> None:
        """An input has a level; told if it changed."""
        self._changed(self._digins, self._inputs, "digin", name, value)

    def output_changed(self, name: str, value: bool) -> None:
        """An output has a level; told if it changed."""
        self._changed(self._digouts, self._outputs, "digout", name, value)

    def _changed(self, names: list[str], known: dict[str, bool], kind: str, name: str, value: bool) -> None:
        if name not in names:
            return
        before, known[name] = known.get(name), value
        if before is not None and before != value:
            self._user.tell(f"{self._prefix}.on_{kind}_changed", {kind: names.index(name), "state": value})

    def _set_digout(self, invoked: Invoked, digout: Any, state: Any) -> bool:
        """Result: whether the level changed."""
        if not isinstance(state, bool):
            raise CallError(INVALID_ARGUMENT, "state must be a bool")
        return self._commands.command(_one(self._digouts, digout, "digout"), state, invoked)

    def _trigger_digout(self, invoked: Invoked, digout: Any, period: Any = PERIOD) -> None:
        """On for some milliseconds."""
        if not isinstance(period, int | float) or isinstance(period, bool):
            raise CallError(INVALID_ARGUMENT, "period must be a number of milliseconds")
        self._commands.pulse(_one(self._digouts, digout, "digout"), period / 1000, invoked)

    def _toggle_digout(self, invoked: Invoked, digout: Any) -> bool:
        """Result: the level that it has now."""
        name = _one(self._digouts, digout, "digout")
        level = not self._outputs.get(name, False)
        self._commands.command(name, level, invoked)
        return level

    def _get(self, names: list[str], known: dict[str, bool], kind: str, _: Invoked, *args: Any, **kwargs: Any) -> Any:
        """The level of one, by args [number] or its keyword, or a list of all."""
        wanted = args[0] if args else kwargs.get(kind)
        if len(args) + len(kwargs) > 1 or set(kwargs) - {kind}:
            raise CallError(INVALID_ARGUMENT, f"what is expected is the number of a {kind}, or nothing")
        return [known.get(name) for name in names] if wanted is None else known.get(_one(names, wanted, kind))

    def _get_version(self, _: Invoked) -> dict[str, Any]:
        """What board it is."""
        model = None
        with suppress(OSError):
            model = self._model.read_bytes().rstrip(b"\0").decode("utf-8", "replace")
        return {"pi": {"TYPE": model}, "board": model}


def _one(names: list[str], number: Any, kind: str) -> str:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(names):
        raise CallError(INVALID_ARGUMENT, f"invalid value {number!r} for {kind}; there are 0 to {len(names) - 1}")
    return names[number]


def _strict(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments that a handler does not have are the caller's mistake, not ours."""

    def call(invoked: Invoked, *args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature(handler).bind(invoked, *args, **kwargs)
        except TypeError as error:
            raise CallError(INVALID_ARGUMENT, str(error)) from None
        return handler(*bound.args, **bound.kwargs)

    return call
