"""The program around the node: reactor, signals, systemd, exit status.

SIGINT and SIGTERM end the node in order; a second one ends the process at once, even if the reactor hangs. SIGHUP has
the node read its configuration again; when it comes because the terminal is gone, the node ends, as programs do.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from edge_router import __version__, registry
from edge_router.config.schema import Config
from edge_router.node.limits import octets
from edge_router.node.logins import Unusable
from edge_router.node.node import Node
from edge_router.node.reactor import cpu_seconds, install_reactor, raise_descriptor_limit, settle_garbage
from edge_router.node.systemd import Notifier
from edge_router.transports.handed import HANDED
from edge_router.transports.listen import CannotListen

#: seconds that the end may take in all; what is not done by then is left to the kernel
LAST_ORDERS = 4.5


class Program:
    """One run of a node.

    config: the configuration. notices: what its reader had to say. directory: the node directory. stale: whether the
    node that ran here last did not end in order. give_way: called before the process ends at once. tell: as
    `Node` has it. file: the configuration's, as given to `start`, or None; read again by a reload.
    """

    log = Logger()

    def __init__(
        self,
        config: Config,
        notices: list[str],
        directory: Path,
        stale: bool,
        give_way: Callable[[], None],
        tell: Callable[[Node], None] | None = None,
        file: str | None = None,
    ) -> None:
        self._config = config
        self._notices = notices
        self._directory = directory
        self._stale = stale
        self._give_way = give_way
        self._tell = tell
        self._exit_status = 0
        self._last_words = "stopping"
        self._ending = False
        self._file = file
        self._has_terminal = os.isatty(0)
        #: the `reloading.Reloading`, once there was a SIGHUP
        self._reloads: Any = None
        self._started: Deferred[None] | None = None

    def run(self, seconds: float | None) -> int:
        """Run until the node has ended. seconds: end by itself after so many. Result: the exit status."""
        reactor = self._reactor = install_reactor()
        descriptors = raise_descriptor_limit()
        self.log.info("edge-router {version} starts in {place}", version=__version__, place=self._directory)
        self.log.debug("{count} file descriptors are allowed", count=descriptors)
        for notice in self._notices:
            self.log.warn("{notice}", notice=notice)
        if self._stale:
            self.log.warn("the node that ran here before did not end in order; its node.pid is replaced")
        for wrong in HANDED.take_over(os.environ, os.getpid()):
            self.log.warn("a socket of the service manager is left alone: {wrong}", wrong=wrong)
        self._notifier = Notifier(os.environ, reactor, os.getpid())
        self._node = Node(self._config, self._directory, reactor, self._tell)
        reactor.callWhenRunning(self._begin)
        if seconds is not None:
            reactor.callLater(seconds, self._end, f"{seconds:g} s are over")
        reactor.run()
        return self._exit_status

    def _begin(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hung_up))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `start` holds them back until now
        self._node.shut_down = self._end
        self._node.reread = self._ask_for_reload
        self._started = Deferred.fromCoroutine(self._node.start())
        self._started.addCallbacks(self._is_ready, self._cannot_start)

    def _is_ready(self, _result: object) -> None:
        settle_garbage()
        status = self._node.status()
        self._notifier.ready(status)
        self.log.info(
            "ready: {status} (process {pid}, {cpu:.2f} s of CPU time)",
            status=status,
            pid=os.getpid(),
            cpu=cpu_seconds(),
        )
        for place in HANDED.idle():
            self.log.warn(
                "the service manager listens on {place}, and no endpoint of the configuration has that address; "
                "give one that, or take it out of the .socket unit",
                place=place,
            )
        limit = octets(self._config.controller.memory_limit)
        if limit:
            guard = registry.load("edge_router.node.memory:MemoryGuard")(limit, self._reactor, self._too_much)
            guard.start()

    def _too_much(self, why: str) -> None:
        self._exit_status = 1
        self._last_words = f"the node had to end: {why}"
        self.log.error("the node has to end: {why}", why=why)
        self._end(why)

    def _cannot_start(self, failure: Any) -> None:
        self._exit_status = 1
        self._last_words = f"the node cannot start: {failure.getErrorMessage()}"
        if failure.check(CannotListen, Unusable):
            self.log.error("{reason}", reason=failure.getErrorMessage())
        else:
            self.log.failure("the node cannot start", failure=failure)
        self._end("it cannot start")

    def _signalled(self, number: int, _frame: object) -> None:
        """A signal; runs between any two instructions of the main thread."""
        if self._ending:
            self._give_way()
            os._exit(self._exit_status)
        self._reactor.callFromThread(self._end, signal.Signals(number).name)
        self._ending = True

    def _hung_up(self) -> None:
        """SIGHUP: from somebody who wants a reload, or from a terminal that was closed."""
        if self._has_terminal and not os.isatty(0):
            self._end("its terminal is gone")
        else:
            self._ask_for_reload()

    def _ask_for_reload(self) -> None:
        if self._started is not None:
            self._started.addCallback(self._reload)

    def _reload(self, _result: object) -> None:
        if self._ending:
            return
        if self._tell is not None:  # its configuration comes from a node, which is asked for reloads
            registry.load("edge_router.node.reloading:read_files")(self._node)
            return
        if self._reloads is None:
            reloading = registry.load("edge_router.node.reloading:Reloading")
            self._reloads = reloading(self._node, self._file, self._reactor, self._notifier)
        self._reloads.request()

    def _end(self, why: str) -> None:
        if self._started is None:
            return
        started, self._started = self._started, None
        self._ending = True
        self.log.info("stopping: {why}", why=why)
        self._notifier.stopping(self._last_words)
        self._reactor.callLater(LAST_ORDERS, self._abandon)
        started.addBoth(lambda _: self._reloads and self._reloads.stop())
        started.addBoth(lambda _: Deferred.fromCoroutine(self._node.stop()))
        started.addBoth(lambda _: self._has_ended())

    def _has_ended(self) -> None:
        self._notifier.close()
        self._reactor.stop()
        self.log.info("stopped")

    def _abandon(self) -> None:
        self.log.warn("the node did not end within {seconds} s; it is left at that", seconds=LAST_ORDERS)
        self._give_way()
        os._exit(self._exit_status)
