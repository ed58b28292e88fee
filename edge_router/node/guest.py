"""The `guest` worker: any program, as a process of its own, in a process group of its own.

Its output becomes lines of the node's log, its input is what the options say. Crossbar's options, and ours: restarts
with a back-off, a limit of memory (RLIMIT_DATA, setrlimit(2), which counts what a program may write to; RLIMIT_AS would
count what Go, Java and Node only reserve), and a priority.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import ujson
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from edge_router.config.schema import GuestWorker as GuestConfig
from edge_router.config.schema import JsonInput
from edge_router.node import launch
from edge_router.node.environment import environment_for
from edge_router.node.limits import octets
from edge_router.node.process import Supervised, drain
from edge_router.node.surroundings import Surroundings

_STREAMS: Final = ((1, "stdout"), (2, "stderr"))


class GuestWorker:
    """A guest of the node.

    config: its section. name: its id. around: the node.
    """

    def __init__(self, config: GuestConfig, name: str, around: Surroundings) -> None:
        self._config = config
        self._around = around
        self._watch: Any = None
        options = config.options
        self.process = Supervised(
            name, "guest", options.restart, options.max_restarts, self._spawn, around.guard, around.reactor,
            around.changed, options.cpu_limit,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and watch its directories."""
        self.process.start()
        watch = self._config.options.watch
        if watch is not None:
            load = self._around.load("edge_router.node.watch:Watch")
            self._watch = load(watch, self._around.directory, self._around.reactor, self._has_changed)
            for problem in self._watch.start():
                self.process.log.error("{name}: {problem}", name=self.process.name, problem=problem)

    def _has_changed(self, path: str) -> None:
        self.process.log.info("{name}: {path} has changed", name=self.process.name, path=path)
        self.process.restart()

    def stop(self) -> Any:
        """End it. Result: a Deferred, when it has ended."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        return self.process.stop()

    def close(self) -> None:
        """The node ends."""
        self.process.close()

    def info(self) -> dict[str, Any]:
        """Facts for the info page and `status`, JSON-like."""
        return self.process.info()

    def _spawn(self, process: Supervised) -> _Program:
        program = _Program(process, self._config)
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._around.reactor.spawnProcess(
                program,
                sys.executable,
                self._command(),
                env=environment_for(self._config.options.env, os.environ),
                childFDs=self._descriptors(nothing),
            )
        finally:
            os.close(nothing)
        process.begun(program.transport.pid)
        return program

    def _descriptors(self, nothing: int) -> dict[int, Any]:
        """As `spawnProcess` wants them. What nobody reads goes to /dev/null: a closed one would become a file's."""
        options = self._config.options
        found: dict[int, Any] = {0: nothing if options.stdin == "close" else "w"}
        for number, stream in _STREAMS:
            found[number] = "r" if getattr(options, stream) == "log" else nothing
        return found

    def _command(self) -> list[str]:
        config, options = self._config, self._config.options
        workdir = self._around.directory / (options.workdir or ".")
        limits = [str(octets(options.memory_limit)), str(options.nice), str(workdir.absolute())]
        # the path of the file, since a program run by `-m` would import the packages around it
        return [sys.executable, "-I", "-S", str(Path(launch.__file__)), *limits, config.executable, *config.arguments]


class _Program(ProcessProtocol):
    """One life of a guest."""

    transport: Any

    def __init__(self, process: Supervised, config: GuestConfig) -> None:
        self._process = process
        self._stdin = config.options.stdin

    def connectionMade(self) -> None:
        if isinstance(self._stdin, JsonInput):
            self.transport.write(ujson.dumps(self._stdin.value, escape_forward_slashes=False).encode() + b"\n")
            if self._stdin.close:
                self.transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N803 - Twisted names it
        self._process.output.take(childFD, data, self.transport)

    def processExited(self, reason: Failure) -> None:
        value: Any = reason.value
        self._process.exited(-value.signal if getattr(value, "signal", None) else value.exitCode or 0)

    def release(self) -> None:
        for number, _ in _STREAMS:
            if number in self.transport.pipes:
                drain(self.transport.pipes[number])
        self.transport.loseConnection()
