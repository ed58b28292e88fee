"""`<topic>.simulate` of a simulated chip: the faults that all simulators have, and `set`, which drives an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.gpio.backends import Simulation
from bridges.gpio.config import GpioConfig
from bridges.simulating import simulate


class SimulationControl:
    """The procedure of one bridge. config: its section. simulation: gives the chip, which comes with the start."""

    def __init__(self, config: GpioConfig, simulation: Callable[[], Simulation | None]) -> None:
        self._inputs = config.inputs
        self._simulation = simulation

    def handle(self, *args: Any, **kwargs: Any) -> Any:
        """See `bridges.simulating.simulate`."""
        faults = self._chip().faults
        assert faults is not None
        return simulate(faults, {"set": self._set})(*args, **kwargs)

    def _set(self, *args: Any) -> Any:
        """`set`, an input's name, true or false: the line becomes active, or not."""
        if len(args) != 2 or args[0] not in self._inputs or not isinstance(args[1], bool):
            raise ValueError(f"after set an input is expected (one of {', '.join(self._inputs)}), then true or false")
        name, active = args
        kernel, input_ = self._chip().kernel, self._inputs[name]
        offset = input_.line if isinstance(input_.line, int) else kernel.offset_of(input_.line)
        kernel.set_level(offset, active != input_.active_low)
        return active

    def _chip(self) -> Simulation:
        simulation = self._simulation()
        assert simulation is not None
        return simulation
