"""What `chip: sim:` can be told: `sim:?lines=40&rate=100`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.simulated import SimOptions


class ChipOptions(SimOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A simulated chip.

    lines: how many, named GPIO0, GPIO1, ... rate: changes a second of each input, by themselves. file: where the levels
    that outputs drive are kept, for other processes and the next start; relative to the node directory. release: what
    becomes of an output that is let go of: `keep`, as with a Raspberry Pi's own kernels, or `input`, as with others.
    """

    lines: Annotated[int, Meta(ge=1, le=256)] = 54
    rate: Annotated[float, Meta(ge=0, le=10_000)] = 0.0
    file: str | None = None
    release: Literal["keep", "input"] = "keep"


KINDS: Final[dict[str, type[SimOptions]]] = {"": ChipOptions}
LABEL: Final = "sim"
PATH: Final = "sim:"
