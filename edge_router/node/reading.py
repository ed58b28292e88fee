"""The configuration, read by a process of its own while the node goes on (`edge_router.cli.reread`)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from edge_router import registry
from edge_router.config.schema import Config
from edge_router.node.environment import environment_of_ours

#: seconds it may take; a slow board with a busy card takes two
WITHIN: Final = 60.0
_MOST: Final = 16_777_216
_MODULE: Final = "edge_router.cli.reread"


class Invalid(Exception):
    """The configuration cannot be used. lines: why, as `edge-router check` has it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Reading(ProcessProtocol):
    """One reading.

    directory: the node directory. config: as given to `start`, or None. reactor: Twisted's. `done` fires with the
    configuration and notices, or fails with Invalid. Raises OSError if there can be no process.
    """

    transport: Any

    def __init__(self, directory: Path, config: str | None, reactor: Any) -> None:
        self.done: Deferred[tuple[Config, list[str]]] = Deferred()
        self._out: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        words = [sys.executable, "-P", "-m", _MODULE, "--cbdir", str(directory.absolute())]
        if config is not None:
            words += ["--config", config]
        reactor.spawnProcess(self, sys.executable, words, env=environment_of_ours(os.environ))
        self._too_long = reactor.callLater(WITHIN, self.stop)

    def stop(self) -> None:
        """Read no further: `done` fails."""
        if self.transport is not None and self.transport.pid:
            self.transport.signalProcess("KILL")

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803 - Twisted names it
        if len(self._out[childFD]) < _MOST:
            self._out[childFD] += data

    def processEnded(self, reason: Failure) -> None:
        if self._too_long.active():
            self._too_long.cancel()
        status: Any = reason.value
        lines = self._out[2].decode(errors="replace").splitlines()
        if status.exitCode != 1 or not lines:
            lines.append(f"reading the configuration failed: {reason.getErrorMessage()}")
        found: Any = Invalid(lines)
        if status.exitCode == 0:
            try:
                found = registry.load("edge_router.cli.apart:received")(bytes(self._out[1]))
            except Exception as problem:  # noqa: BLE001 - a package was replaced while the node runs, for one
                found = Invalid([f"what was read cannot be used by the node that runs, which may be older: {problem}"])
        self.done.errback(found) if isinstance(found, Invalid) else self.done.callback(found)
