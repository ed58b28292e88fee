"""SIGHUP, from the signal to the outcome: read the configuration, bring it about, tell everybody who wants to know.

An invalid configuration changes nothing. One reload at a time; what is asked for in the meantime is one more after it,
since the file may have changed again. Loaded with the first SIGHUP.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from edge_router.node import outcome
from edge_router.node.node import Node
from edge_router.node.outcome import Outcome
from edge_router.node.reading import Invalid, Reading
from edge_router.node.record import Record
from edge_router.node.reload import Reload
from edge_router.node.systemd import Notifier


class Reloading:
    """The reloads of a node.

    node: that runs. config: as given to `start`, or None. reactor: Twisted's. notifier: is told.
    """

    log = Logger(namespace="edge_router.node.reload")

    def __init__(self, node: Node, config: str | None, reactor: Any, notifier: Notifier) -> None:
        self._node = node
        self._config = config
        self._reactor = reactor
        self._notifier = notifier
        self._number = 0
        self._again = False
        self._closed = False
        self._reading: Reading | None = None
        self._running: Deferred[None] | None = None

    @property
    def _directory(self) -> Path:
        return self._node.directory

    def request(self) -> None:
        """Somebody wants a reload."""
        if self._running is not None:
            self._again = True
        elif not self._closed:
            running = self._running = Deferred.fromCoroutine(self._reload())
            running.addErrback(lambda failure: self.log.failure("a reload failed", failure))
            running.addCallback(lambda _: self._has_ended())

    def _has_ended(self) -> None:
        self._running = None
        if self._again:
            self._again = False
            self.request()

    def stop(self) -> Deferred[None]:
        """The node ends: there are no more reloads. Result: when the one under way is done."""
        self._closed, self._again = True, False
        if self._reading is not None:
            self._reading.stop()
        waiting: Deferred[None] = Deferred()
        (self._running or succeed(None)).addCallback(lambda _: waiting.callback(None))
        return waiting.addCallback(lambda _: outcome.remove(self._directory))

    async def _reload(self) -> None:
        self._number += 1
        self._tell("running", [])
        self._notifier.reloading()
        self.log.info("reload: reading the configuration again")
        record = Record()
        try:
            self._reading = Reading(self._directory, self._config, self._reactor)
            config, notices = await self._reading.done
        except (Invalid, OSError) as problem:
            if not self._closed:
                self._refuse(problem.lines if isinstance(problem, Invalid) else [f"cannot be read: {problem}"])
            return
        finally:
            self._reading = None
        for notice in notices:
            self.log.warn("{notice}", notice=notice)
        if not self._closed:
            await Reload(self._node, config, record).carry_out()
            gc.collect()  # what was replaced refers to itself, and the collector seldom comes
            self._finish(record)

    def _refuse(self, lines: list[str]) -> None:
        for line in lines:
            self.log.error("{line}", line=line)
        self.log.error("reload: the configuration cannot be used; nothing was changed")
        self._notifier.reloaded(self._node.status())
        self._tell("invalid", lines)

    def _finish(self, record: Record) -> None:
        status = self._node.status()
        failed = f"{record.failures} of them not done; " if record.failures else ""
        count = len(record.lines)
        what = f"{count} change(s), {failed}" if count else "nothing to change; "
        self.log.info("reload: {what}{status}", what=what, status=status)
        if not self._closed:
            self._notifier.reloaded(status)
        self._tell("failed" if record.failures else "done", record.lines)

    def _tell(self, state: Any, lines: list[str]) -> None:
        if state != "running":
            self._node.has_reread(state, lines)
        try:
            outcome.write(self._directory, Outcome(os.getpid(), self._number, state, lines))
        except OSError as problem:
            self.log.error("how the reload went cannot be told to `edge-router reload`: {why}", why=problem)


def read_files(node: Node) -> None:
    """Read certificates and secrets of a running node again, and nothing else."""
    Deferred.fromCoroutine(Reload(node, node.config, Record()).carry_out())
