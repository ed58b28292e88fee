"""Who answers for the chips of a bridge: the simulator where the configuration says so, else libgpiod or the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from bridges.clock import Clock
from bridges.gpio.chardev import CharacterDevices
from bridges.gpio.config import GpioConfig
from bridges.gpio.kernel import LinuxKernel
from bridges.gpio.libgpiod import Libgpiod, library
from bridges.gpio.lines import Backend, Chip, LineError
from bridges.gpio.pwmchips import Source, Sysfs
from bridges.gpio.pwmsimulator import SimulatedPwm
from bridges.gpio.simoptions import KINDS, ChipOptions
from bridges.gpio.simulator import SimulatedKernel
from bridges.simulated import Faults, parse

LIBRARY: Final = "libgpiod 2"


class Simulation:
    """A simulated chip with its faults. clock: None for who only sets lines once. directory: the node directory."""

    def __init__(self, config: GpioConfig, clock: Clock | None, directory: Path) -> None:
        options = cast(ChipOptions, parse(config.chips[0], KINDS).options)
        self.faults = None if clock is None else Faults(clock, options, self._changed)
        self.kernel = SimulatedKernel(options, clock, directory, self.faults)
        self.pwm = SimulatedPwm(directory / f"{options.file}.pwm" if options.file else None)

    def _changed(self, fault: str) -> None:
        self.kernel.fault_changed(fault)


def simulation(config: GpioConfig, clock: Clock | None, directory: Path) -> Simulation | None:
    """The simulated chip that a configuration names, if it names one."""
    return Simulation(config, clock, directory) if config.simulated else None


def backend_of(config: GpioConfig, simulated: Simulation | None) -> Backend:
    """The backend for a configuration."""
    if simulated is not None:
        return CharacterDevices(simulated.kernel)
    kernel = LinuxKernel()
    module = None if config.backend == "kernel" else library()
    if module is not None:
        return Libgpiod(module, kernel.chips)
    return Missing() if config.backend == "libgpiod" else CharacterDevices(kernel)


class Missing:
    """Stands for a library that the configuration asks for and nobody has installed."""

    def chips(self) -> list[str]:
        return [LIBRARY]

    def open(self, path: str) -> Chip:  # noqa: ARG002 - there is none
        raise LineError(f"{LIBRARY} is not installed; pip install 'edge-router[gpio]', or leave out backend: libgpiod")


def pwm_of(simulated: Simulation | None) -> Source:
    """Where the PWM channels of a configuration come from."""
    return Sysfs() if simulated is None else simulated.pwm
