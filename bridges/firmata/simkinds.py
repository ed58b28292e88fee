"""Which boards `device: sim:KIND` of a Firmata bridge can be, and what each can be told. No Twisted here.

How it behaves is in `bridges.firmata.simulator`; the options that all have are those of `SimOptions`.
"""

from __future__ import annotations

from typing import Final

from bridges.simulated import SimOptions


class Uno(SimOptions, frozen=True):
    """An Arduino Uno with StandardFirmata: pins 2 to 13 digital, A0 to A5 analog, PWM on 3, 5, 6, 9, 10, 11."""


SIM_KINDS: Final[dict[str, type[SimOptions]]] = {"uno": Uno}
