"""Which devices `device: sim:KIND` and `host: sim:KIND` of a Modbus bridge can be, and what each can be told.

No Twisted here. How they behave is in `bridges.modbus.simulator`; the options that all have are those of `SimOptions`.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from bridges.simulated import SimOptions


class Slaves(SimOptions, frozen=True):
    """Slaves that are all alike: a climate controller, whose registers docs/bridges/modbus.md has.

    units: their addresses, with commas between. size: bits or registers that each of their tables has.
    """

    units: Annotated[str, Meta(pattern="^[0-9]{1,3}(,[0-9]{1,3}){0,31}$")] = "1"
    size: Annotated[int, Meta(ge=30, le=65_536)] = 100


SIM_KINDS: Final[dict[str, type[SimOptions]]] = {"slaves": Slaves}
