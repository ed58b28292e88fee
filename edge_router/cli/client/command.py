"""A program that answers calls: one process a call, the call on its stdin, the answer on its stdout.

stdin: `{"procedure": URI, "args": [...], "kwargs": {...}}` in one line. Environment: WAMP_PROCEDURE, WAMP_CALLER,
WAMP_CALLER_AUTHID, WAMP_CALLER_AUTHROLE, as far as the router tells. stdout: JSON, else text without the line end at
its end; nothing is no value. Another exit status than 0 is an error to the caller, with what stderr said last. A call
that is canceled or takes too long ends the whole process group: SIGTERM, then SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol

from edge_router.cli.client.values import as_json, value_of
from edge_router.client import CallError, Invoked, Result
from edge_router.node import launch
from edge_router.wamp.errors import PAYLOAD_SIZE_EXCEEDED, RUNTIME_ERROR, TIMEOUT, UNAVAILABLE

#: octets of an answer
LONGEST: Final = 4_194_304
#: octets of stderr that the caller is told
TOLD: Final = 2_000
#: seconds between SIGTERM and SIGKILL
KILL_AFTER: Final = 2.0


class Commands:
    """The calls of one registration.

    reactor: Twisted's. words: the program and its arguments. at_once: processes at a time. waiting: calls that may wait
    for one. timeout: seconds for one; 0: any time. as_arguments: give the call's args as further arguments.
    """

    def __init__(
        self, reactor: Any, words: Sequence[str], at_once: int, waiting: int, timeout: float, as_arguments: bool
    ) -> None:
        self._reactor = reactor
        self._words = words
        self._at_once = at_once
        self._most_waiting = waiting
        self._timeout = timeout
        self._as_arguments = as_arguments
        self._running: set[_Process] = set()
        self._waiting: deque[_Process] = deque()
        self._emptied: Deferred[None] | None = None

    def call(self, invoked: Invoked, *args: Any, **kwargs: Any) -> Deferred[Result]:
        """Answer a call. Result: what the program gives; fails with CallError."""
        if len(self._waiting) >= self._most_waiting and len(self._running) >= self._at_once:
            raise CallError(UNAVAILABLE, f"{len(self._waiting)} calls wait already")
        line = as_json({"procedure": invoked.procedure, "args": list(args), "kwargs": kwargs})
        more = [value if isinstance(value, str) else as_json(value) for value in args] if self._as_arguments else []
        process = _Process([*self._words, *more], line.encode() + b"\n", _environment(invoked), self)
        self._waiting.append(process)
        self._go_on()
        return process.answer

    def stop(self) -> Deferred[None]:
        """End all. Result: when the last process has ended."""
        done: Deferred[None] = Deferred()
        self._waiting.clear()
        self._emptied = done
        for process in tuple(self._running):
            process.end()
        self._go_on()
        return done

    def _go_on(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            process = self._waiting.popleft()
            self._running.add(process)
            process.start(self._reactor, self._timeout)
        if not self._running and self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)

    def given_up(self, process: _Process) -> None:
        """Nobody waits for its answer any more."""
        if process in self._waiting:
            self._waiting.remove(process)
        else:
            process.end()

    def ended(self, process: _Process) -> None:
        """It has ended, or could not be started."""
        self._running.discard(process)
        self._go_on()


class _Process(ProcessProtocol):
    transport: Any

    def __init__(self, words: list[str], line: bytes, environment: dict[str, str], commands: Commands) -> None:
        self.answer: Deferred[Result] = Deferred(lambda _: commands.given_up(self))
        self._words = words
        self._line = line
        self._environment = environment
        self._commands = commands
        self._reactor: Any = None
        self._out = bytearray()
        self._errors = b""
        self._problem: CallError | None = None
        self._timers: list[Any] = []

    def start(self, reactor: Any, timeout: float) -> None:
        """Run the program, in a process group of its own."""
        self._reactor = reactor
        words = [sys.executable, "-I", "-S", launch.__file__, "0", "0", ".", *self._words]
        try:
            reactor.spawnProcess(self, sys.executable, words, self._environment)
        except OSError as problem:
            self._commands.ended(self)
            self.answer.errback(CallError(RUNTIME_ERROR, f"no process can be started: {problem.strerror}"))
            return
        if timeout:
            self._timers.append(reactor.callLater(timeout, self._too_late, timeout))

    def end(self) -> None:
        """Ask the program to end; what does not is killed."""
        self._signal(signal.SIGTERM)
        self._timers.append(self._reactor.callLater(KILL_AFTER, self._signal, signal.SIGKILL))

    def connectionMade(self) -> None:
        """It runs."""
        self.transport.write(self._line)
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """Some of the answer."""
        if self._problem is None:
            self._out += data
            if len(self._out) > LONGEST:
                self._fail(CallError(PAYLOAD_SIZE_EXCEEDED, f"the program gave more than {LONGEST} octets"))

    def errReceived(self, data: bytes) -> None:
        """For whoever runs this; the caller is told the end of it if the program fails."""
        self._errors = (self._errors + data)[-TOLD:]
        sys.stderr.buffer.write(data)
        sys.stderr.flush()

    def processEnded(self, reason: Any) -> None:
        """Its status is the answer."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._commands.ended(self)
        if self.answer.called:
            return
        if self._problem is not None:
            self.answer.errback(self._problem)
        elif reason.check(ProcessDone):
            self.answer.callback(self._result())
        else:
            self.answer.errback(self._failure(reason.value))

    def _result(self) -> Result:
        text = self._out.decode("utf-8", "replace")
        text = text.removesuffix("\n")
        return Result((value_of(text),) if text else ())

    def _failure(self, ended: Any) -> CallError:
        said = self._errors.decode("utf-8", "replace").strip()
        killed = ended.signal is not None
        kind, number = ("signal", ended.signal) if killed else ("status", ended.exitCode)
        text = said.rpartition("\n")[2] or f"the program ended with {kind} {number}"
        return CallError(RUNTIME_ERROR, text, **{kind: number, "stderr": said})

    def _too_late(self, timeout: float) -> None:
        self._fail(CallError(TIMEOUT, f"the program took longer than {timeout:g} s"))

    def _fail(self, problem: CallError) -> None:
        self._problem = problem
        self.end()

    def _signal(self, number: int) -> None:
        pid = self.transport.pid
        if pid is not None:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                pass


def _environment(invoked: Invoked) -> dict[str, str]:
    details = invoked.details
    told = {
        "WAMP_PROCEDURE": invoked.procedure,
        "WAMP_CALLER": details.caller,
        "WAMP_CALLER_AUTHID": details.caller_authid,
        "WAMP_CALLER_AUTHROLE": details.caller_authrole,
    }
    return {**os.environ, **{name: str(value) for name, value in told.items() if value is not None}}
