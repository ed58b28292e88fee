"""Faults of simulated buses: what a call meets is decided before it is run, in the reactor's thread.

A call that hangs does not reach the thread until the fault is over: the bridge sees just what it sees of a kernel that
does not return. The other faults are the simulated bus's, which asks `fault` for each message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.polled.config import DeviceConfig
from bridges.polled.worker import Done, Worker
from bridges.simulated import Faults
from edge_router.registry import load


class Mishaps:
    """Before the thread. worker: the thread. faults: decide.

    fault: what the call meets that is being run, one of `bridges.simulated.FAULTS`.
    """

    def __init__(self, worker: Worker, faults: Faults) -> None:
        self._worker = worker
        self._faults = faults
        self._held: list[tuple[Callable[[], Any], Done]] = []
        self.fault = "ok"

    def submit(self, call: Callable[[], Any], done: Done) -> None:
        """See Worker."""
        fault = self._faults.strike()
        if fault == "hang":
            self._held.append((call, done))
            return
        self.fault = fault
        self._worker.submit(call, done)

    def stop(self, last: Callable[[], object]) -> None:
        """See Worker. What hangs is never run."""
        self._held.clear()
        self._worker.stop(last)

    def changed(self, fault: str) -> None:
        """From the faults: another one, or none any more."""
        if fault == "hang":
            return
        held, self._held = self._held, []
        for call, done in held:
            self.submit(call, done)


def chip(device: DeviceConfig, seconds: Callable[[], float]) -> Any:
    """The simulator of a device, made. device: one whose kind has a simulator. seconds: monotonic time."""
    assert device.simulator is not None
    return load(device.simulator)(device, seconds)
