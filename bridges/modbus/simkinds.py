"""Which devices `device: sim:KIND` and `host: sim:KIND` of a Modbus bridge can be, and what each can be told.

No Twisted here. How they behave is in `bridges.modbus.simulator`; the options that all have are those of `SimOptions`.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bridges.simulated import SimOptions

#: the last address of a unit, and units of one simulator
LAST: Final = 255
MOST: Final = 32


class Slaves(SimOptions, frozen=True):
    """Slaves that are all alike: a climate controller, whose registers docs/bridges/modbus.md has.

    units: their addresses, with commas between, at most 32. size: bits or registers that each of their tables has.
    """

    units: str = "1"
    size: Annotated[int, Meta(ge=30, le=65_536)] = 100

    def __post_init__(self) -> None:
        addresses = self.units.split(",")
        for each in addresses:
            if not (each.isascii() and each.isdecimal() and int(each[:4]) <= LAST):
                wrong = f"units={self.units[:80]}: {each[:20]!r} is none of 0 to {LAST}"
                raise ValueError(f"{wrong}; write it as units=1,2")
        if len(addresses) > MOST:
            raise ValueError(f"units has {len(addresses)} addresses; at most {MOST} can be simulated")


SIM_KINDS: Final[dict[str, type[SimOptions]]] = {"slaves": Slaves}
