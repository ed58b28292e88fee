"""What a board bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from bridges.config import Field
from bridges.polled.config import Interval, Name, PolledConfig
from bridges.simulated import SimOptions, is_simulated, parse

Fact = Literal[
    "temperature", "throttling", "cpu", "load", "memory", "disk", "wifi", "network", "uptime"
]  # the names of bridges.board.facts.FACTS
FACT_NAMES: Final[tuple[Fact, ...]] = (
    "temperature", "throttling", "cpu", "load", "memory", "disk", "wifi", "network", "uptime",
)  # fmt: skip
Root = Annotated[
    str, Meta(pattern="^(/|sim:)", max_length=4_095, extra={"words": "a directory that begins with /, or sim:pi"})
]
#: IFNAMSIZ of linux/if.h
Interface = Annotated[str, Meta(pattern=r"^[^\s/]{1,15}$", extra={"words": "the name of an interface, as eth0"})]
WholePath = Annotated[str, Meta(pattern="^/", max_length=4_095, extra={"words": "the whole path, as /var/lib"})]

SIMULATORS: Final[dict[str, type[SimOptions]]] = {"pi": SimOptions, "": SimOptions}


class BoardConfig(PolledConfig, tag="board", kw_only=True):
    """The board that the router runs on: one event with all its facts every `interval`, and a topic for each of them.

    facts: which ones; what a board does not have is left out. disks: name -> a directory of the file system that is
    looked at. interfaces: of the network; left out, those of hardware, not those of containers, tunnels and bridges.
    fields: name -> options of a value; a name with dots goes into the facts, as `memory.available`. What is
    not listed has the topic of its name. root: where /proc and /sys are; `sim:pi` simulates a Raspberry Pi.
    """

    interval: Interval = 30.0
    facts: Annotated[list[Fact], Meta(min_length=1)] = field(default_factory=lambda: list(FACT_NAMES))
    disks: Annotated[dict[Name, WholePath], Meta(max_length=20)] = field(default_factory=lambda: {"root": "/"})
    interfaces: Annotated[list[Interface], Meta(min_length=1, max_length=50)] | None = None
    fields: Annotated[dict[str, Field], Meta(max_length=200)] = {}
    root: Root = "/"

    def __post_init__(self) -> None:
        """Raises ValueError for fields of facts that are not asked for."""
        for name in self.fields:
            if name.partition(".")[0] not in self.facts:
                raise ValueError(f"field {name!r} is of none of the facts {', '.join(self.facts)}")
        if is_simulated(self.root):
            parse(self.root, SIMULATORS)
