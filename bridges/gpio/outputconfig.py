"""What an output is told: its section of the configuration, and which of its rules contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.config import Seconds, Uri
from bridges.gpio.lines import Bias, Drive
from edge_router.config.schema import Section

LineName = Annotated[str, Meta(min_length=1, max_length=31)]
LineNumber = Annotated[int, Meta(ge=0, le=1_023)]
#: YAML reads `off` and `on` as false and true
Wish = Literal["keep", "off", "on"] | bool
FirstWish = Literal["keep", "last", "off", "on"] | bool
Wait = Annotated[float, Meta(ge=0, le=86_400)]

_LEVELS: Final[dict[str | bool, bool]] = {"off": False, "on": True, False: False, True: True}


def level_of(wish: str | bool) -> bool | None:
    """The level that a wish means; None for those that mean none, as `keep`."""
    return _LEVELS.get(wish)


class OutputRules(Section, kw_only=True):
    """What every output has that is on or off, of whatever device.

    topic: where its level is published; left out, the bridge's topic, a dot and the output's name. active_low: whether
    it is on when there is no voltage. on_start: what happens when the router starts, or the device comes back: `keep`
    leaves the level that is there, `last` sets what was last set, `off` and `on` set that. on_stop: what happens when
    the router stops: `keep`, `off` or `on`. on_loss: what happens when the session that has last set it is gone, or
    the uplink. loss_after: seconds that the session may be gone before that. uplink: the id of an uplink whose loss
    counts too. uplink_after: seconds that the uplink may be down before that. max_on: seconds after which it goes off
    by itself, also if it is switched on again meanwhile; needs `on_stop: off`. min_off: seconds that it stays off
    before it can be switched on. interlock: the name of a group, of which only one is on at a time. interlock_wait:
    seconds between the end of another of the group and the begin of this one.
    """

    topic: Uri | None = None
    active_low: bool = False
    on_start: FirstWish = "keep"
    on_stop: Wish = "keep"
    on_loss: Wish = "keep"
    loss_after: Wait = 0.0
    uplink: str | None = None
    uplink_after: Wait = 30.0
    max_on: Seconds | None = None
    min_off: Seconds | None = None
    interlock: str | None = None
    interlock_wait: Wait = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        if self.max_on is not None and level_of(self.on_stop) is not False:
            raise ValueError("max_on needs on_stop: off, for a router that does not run switches nothing off")
        if level_of(self.on_loss) is None and (self.uplink is not None or self.loss_after):
            raise ValueError("uplink and loss_after say when on_loss happens; give on_loss: off or on_loss: on")
        if self.interlock_wait and self.interlock is None:
            raise ValueError("interlock_wait is about a group; give its name in interlock")
        if self.interlock is not None:
            for option in ("on_start", "on_stop", "on_loss"):
                if level_of(getattr(self, option)):
                    raise ValueError(f"{option}: on could break the interlock {self.interlock}; off or keep cannot")

    @property
    def depends(self) -> bool:
        """Whether it matters who has set it."""
        return level_of(self.on_loss) is not None


class Output(OutputRules, kw_only=True):
    """An output: a line that procedures switch. Its level is an event of its topic, at each change.

    Below its topic are the procedures `set` (args [true or false]), `get`, `toggle` and `pulse` (args [seconds]).
    Nothing is switched unless a procedure is called or an option here says so. What on_stop says is also done by
    `edge-router outputs --on-stop`, for a router that was killed.

    line: its name, as GPIO17, or its number on the chip. drive: `open-drain` only pulls to ground, `open-source` only
    to the supply. bias: the resistor inside the chip.
    """

    line: LineName | LineNumber
    drive: Drive = "push-pull"
    bias: Bias = "as-is"


def check_lines(lines: Mapping[str, str | int], inputs: Mapping[str, object]) -> None:
    """A line that is an output is nothing else. lines: of inputs and outputs, by name. Raises ValueError."""
    seen: dict[str | int, str] = {}
    for name, line in lines.items():
        other = seen.get(line)
        if other is not None and not (name in inputs and other in inputs):
            raise ValueError(f"{other} and {name} both have the line {line}; an output shares its line with nobody")
        seen[line] = name
