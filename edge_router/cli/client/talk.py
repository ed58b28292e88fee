"""A session for as long as a command takes: connect, do the work, leave; and what to say when one of these fails.

A signal, the loss of the session, or a reader of our output that has gone cancel the work.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from msgspec import ValidationError, convert
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from edge_router.cli.client.options import Target
from edge_router.cli.client.values import BadValue
from edge_router.client import CallError, Session
from edge_router.client.connect import connect
from edge_router.client.failures import ConnectFailed
from edge_router.config.schema.connecting import ClientAuth
from edge_router.node.reactor import install_reactor
from edge_router.wamp.errors import TranscodeError

INTERRUPTED: Final = 130

#: the work of a command: gives the exit status
Main: TypeAlias = "Callable[[Talk, Session], Awaitable[int]]"


class Talk:
    """One run of a command.

    target: the router. main: the work. `reactor`: Twisted's. `interrupted`: whether a signal asked for the end.
    """

    def __init__(self, target: Target, main: Main) -> None:
        self.reactor = install_reactor()
        self.interrupted = False
        self._target = target
        self._main = main
        self._status = 1
        self._work: Deferred[None] | None = None
        self._over = ""
        self._endless = False
        self._final: int | None = None
        self._leaving = False

    def run(self) -> int:
        """Do it. Result: the exit status."""
        self.reactor.callWhenRunning(self._begin)
        self.reactor.run()
        return self._status

    def say(self, text: str) -> None:
        """Print a line for whoever reads our output; if nobody does any more, the command ends."""
        if self._final is not None:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.finish(0)

    async def until_the_end(self) -> int:
        """Wait until `finish`, or a signal, which is how such a command is meant to end: the status is 0 then."""
        self._endless = True
        await Deferred()
        return 0

    async def pause(self, seconds: float) -> None:
        """Wait, in a command that is meant to be ended by a signal."""
        self._endless = True
        await deferLater(self.reactor, seconds)

    def finish(self, status: int) -> None:
        """End the command. status: its exit status."""
        if self._final is None:
            self._final = status
            self._cancel()

    def _begin(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.reactor.callFromThread(self._interrupt))
        self._work = Deferred.fromCoroutine(self._talk())
        self._work.addBoth(lambda _: self.reactor.stop())

    def _interrupt(self) -> None:
        if self.interrupted:  # somebody insists
            os._exit(INTERRUPTED)
        self.interrupted = True
        self._cancel()

    def _cancel(self) -> None:
        """Not here and now: this may be in the middle of a message."""
        if self._work is not None:
            self.reactor.callLater(0, self._work.cancel)

    async def _talk(self) -> None:
        try:
            self._status = await self._joined()
        except (CallError, TranscodeError, ConnectFailed, BadValue, ValidationError) as problem:
            self._complain(self._over or str(problem))
        except CancelledError:
            self._ended()
        except Exception:  # noqa: BLE001 - a bug of ours; the operator's shell shall see it
            traceback.print_exc()
            self._status = 1

    def _ended(self) -> None:
        if self._final is not None:
            self._status = self._final
        elif self._over:
            self._complain(self._over)
        else:
            self._status = 0 if self._endless else INTERRUPTED

    async def _joined(self) -> int:
        target = self._target
        auth = convert(target.auth, ClientAuth)
        session = await connect(
            target.transport, target.realm, auth, reactor=self.reactor, directory=target.directory
        )
        session.on_leave = self._left
        try:
            return await self._main(self, session)
        finally:
            self._leaving = True
            await session.leave()

    def _left(self, reason: str) -> None:
        if not self._leaving:
            self._over = f"the session ended: {reason}"
            self._cancel()

    def _complain(self, text: str) -> None:
        print(f"edge-router: {text}", file=sys.stderr)
        self._status = 1
