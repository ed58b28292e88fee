"""What a PWM output is told: its section of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.config import Uri
from edge_router.config.schema import Section

Duty = Annotated[float, Meta(ge=0, le=1)]
DutyWish = Literal["keep", "off", "on"] | bool | Duty
FirstDutyWish = Literal["keep", "last", "off", "on"] | bool | Duty
Wait = Annotated[float, Meta(ge=0, le=86_400)]
NUMBERED: Final = re.compile(r"pwmchip[0-9]+")

_DUTIES: Final[dict[object, float]] = {"off": 0.0, "on": 1.0}


def duty_of(wish: str | bool | float) -> float | None:
    """The duty that a wish means; None for those that mean none, as `keep`."""
    return _DUTIES.get(wish) if isinstance(wish, str) else float(wish)


class Pwm(Section, kw_only=True):
    """A PWM output: a channel of the kernel whose duty procedures set, for the light of a lamp or the speed of a fan.

    Its duty, from 0 to 1, is an event of its topic at each change. Below it are the procedures `set` (args [duty]) and
    `get`. What on_stop says is also done by `edge-router outputs --on-stop`, for a router that was killed.

    chip: the device of the chip, as `fe20c000.pwm`; left out, the only one there is. channel: its number there.
    frequency: periods a second. inverted: whether the pulse is low. topic: where its duty is published; left out, the
    bridge's topic, a dot and the output's name. on_start: what happens when the router starts: `keep` leaves the duty
    that is there, `last` sets what was last set, a duty sets that. on_stop: what happens when the router stops: `keep`
    or a duty. on_loss: what happens when the session that has last set it is gone, or the uplink: `keep` or a duty.
    loss_after: seconds that the session may be gone before that. uplink: the id of an uplink whose loss counts too.
    uplink_after: seconds that the uplink may be down before that.
    """

    chip: Annotated[str, Meta(min_length=1, max_length=255, pattern="^[^/]+$")] | None = None
    channel: Annotated[int, Meta(ge=0, le=63)]
    frequency: Annotated[float, Meta(ge=0.1, le=10_000_000)] = 1_000.0
    inverted: bool = False
    topic: Uri | None = None
    on_start: FirstDutyWish = "keep"
    on_stop: DutyWish = "keep"
    on_loss: DutyWish = "keep"
    loss_after: Wait = 0.0
    uplink: str | None = None
    uplink_after: Wait = 30.0

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other, and for a chip by its number."""
        if self.chip is not None and NUMBERED.fullmatch(self.chip):
            raise ValueError(
                f"{self.chip} may be another chip after the next start; give its device, as fe20c000.pwm, "
                f"which /sys/class/pwm/{self.chip}/device leads to"
            )
        if not self.depends and (self.uplink is not None or self.loss_after):
            raise ValueError("uplink and loss_after say when on_loss happens; give on_loss a duty, as on_loss: 0")

    @property
    def depends(self) -> bool:
        """Whether it matters who has set it."""
        return duty_of(self.on_loss) is not None

    @property
    def period(self) -> int:
        """Nanoseconds."""
        return round(1e9 / self.frequency)
