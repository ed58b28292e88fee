"""A simulated device at the far end of a pseudo terminal in this process: plugged in, pulled out, silent, noisy.

To the bridge it is a device like any other. It opens a path, which is a link to the terminal as udev makes them, and
which leads to another terminal when the device is back. Any bridge on `bridges.serial.port` can use it with machines of
its own. (pty(7))
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from bridges.clock import Delayed
from bridges.serial.portconfig import PortConfig
from bridges.serial.terminal import Terminal
from bridges.simulated import Faults, SimOptions, parse
from bridges.simulating import simulate
from edge_router import registry


def simulated(config: PortConfig, reactor: Any) -> SimulatedPort:
    """The simulator that the `device` of a checked configuration asks for."""
    assert config.SIM_KINDS is not None
    assert config.SIM_MACHINES is not None
    kind, options = parse(config.device_name, registry.load(config.SIM_KINDS))
    machine = registry.load(config.SIM_MACHINES)[type(options)](options, Random(options.seed))
    return SimulatedPort(reactor, options, machine, kind)


class Machine:
    """What is simulated. Each time it gets power its `messages` begin anew."""

    def messages(self) -> Iterator[tuple[float, bytes]]:
        """What it says by itself: seconds to wait since the last one, and the bytes."""
        return iter(())

    def hear(self, data: bytes) -> bytes:  # noqa: ARG002
        """What it answers to bytes that were sent to it, if it answers at once."""
        return b""

    def words(self) -> dict[str, Callable[..., Any]]:
        """What only it knows to simulate; see `bridges.simulating.simulate`."""
        return {}


class SimulatedPort:
    """A device that is not there.

    reactor: IReactorFDSet and IReactorTime. options: the chances of its faults. machine: what it says. name: of the
    device, a word for its path.

    path: where the bridge opens it, from `start` to `stop`. faults: what is wrong with it.
    """

    log = Logger()

    def __init__(self, reactor: Any, options: SimOptions, machine: Machine, name: str) -> None:
        self._reactor = reactor
        self._machine = machine
        self._directory = Path(tempfile.gettempdir(), f"edge-router-sim-{uuid.uuid4().hex}")
        self.path = str(self._directory / name)
        self.faults = Faults(reactor, options, self._changed)
        self._line: _Line | None = None
        self._spare: tuple[int, int] | None = None
        self._messages: Iterator[tuple[float, bytes]] = iter(())
        self._message = b""
        self._due = 0.0
        self._timer: Delayed | None = None

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """For the bridge: `simulate`."""
        return {"simulate": simulate(self.faults, self._machine.words())}

    def start(self) -> None:
        """Make it, and plug it in. Raises OSError if the system has no more terminals, or no place for the link."""
        self._directory.mkdir(mode=0o700)
        try:
            self._plug()
        except OSError:
            self._directory.rmdir()
            raise

    def stop(self) -> None:
        """Take it away, and what was made for it. Idempotent."""
        self.faults.stop()
        self._pull()
        self._close_spare()
        with contextlib.suppress(FileNotFoundError):
            self._directory.rmdir()

    # --- what becomes of it -----------------------------------------------------------------------------------------

    def _changed(self, fault: str) -> None:
        """A fault began or ended. Whatever comes after `unplug` plugs it in again."""
        if fault == "unplug":
            self._pull()
            return
        if self._line is None:
            try:
                self._plug()
            except OSError as error:
                self.log.error("{path} cannot be simulated any more: {error}", path=self.path, error=error)
                return
        self._line.listen(fault != "hang")  # type: ignore[union-attr]

    def _plug(self) -> None:
        ends, self._spare = self._spare or os.openpty(), None
        self._line = _Line(self._reactor, ends, Path(self.path), self._hear)
        self._line.listen(self.faults.fault != "hang")
        self._messages = self._machine.messages()
        self._due = self._reactor.seconds()
        self._next()

    def _pull(self) -> None:
        """The terminal it will come back as is taken before this one is free, so that it has another name."""
        self._cancel_timer()
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):  # there may be no more; then the next one is tried for later
                self._spare = os.openpty()
            line.close()

    def _close_spare(self) -> None:
        spare, self._spare = self._spare, None
        for descriptor in spare or ():
            os.close(descriptor)

    # --- what it says -----------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Get the next message, and wait until it is due."""
        found = next(self._messages, None)
        if found is None:
            return
        wait, self._message = found
        self._due = max(self._due + wait, self._reactor.seconds())
        self._timer = self._reactor.callLater(max(self._due - self._reactor.seconds(), 0.0), self._say_next)

    def _say_next(self) -> None:
        self._timer = None
        line = self._line
        self._say(self._message)
        if self._line is line:  # else it was pulled out by chance, and its time began anew
            self._next()

    def _say(self, data: bytes) -> None:
        data = self._through(data)
        if data and self._line is not None:
            self._line.write(data)

    def _hear(self, data: bytes) -> None:
        data = self._through(data)
        if data:
            answer = self._machine.hear(data)
            if answer:
                self._say(answer)

    def _through(self, data: bytes) -> bytes:
        """What of bytes on the line arrives. Of a serial line, some of them may be lost and others not."""
        fault = self.faults.strike()
        if fault == "drop":
            return self.faults.cut(data)
        if fault == "garble":
            return self.faults.garble(data)
        return data if fault == "ok" else b""

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


class _Line:
    """A pseudo terminal on the reactor."""

    def __init__(self, reactor: Any, ends: tuple[int, int], link: Path, hear: Callable[[bytes], object]) -> None:
        self._reactor = reactor
        self._hear = hear
        self._terminal = Terminal(link, ends)
        self.write = self._terminal.write

    def fileno(self) -> int:
        return self._terminal.fileno()

    def logPrefix(self) -> str:
        return "simulated device"

    def listen(self, wanted: bool) -> None:
        """Whether it reads what is sent to it."""
        if wanted:
            self._reactor.addReader(self)
        else:
            self._reactor.removeReader(self)

    def doRead(self) -> None:
        data = self._terminal.read()
        if data:
            self._hear(data)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor calls this if it meets an error; it has no end that could hang up."""

    def close(self) -> None:
        """Pull it out."""
        self._reactor.removeReader(self)
        self._terminal.close()
