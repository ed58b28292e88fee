"""Notices when the node of a device appears, wherever its path leads.

A path such as /dev/serial/by-id/... is a symbolic link to ../../ttyUSB0, and its directory is there only while some
device is. So every step of the way is watched: the directories that are there, for the names that come next.
(inotify(7))
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.inotify import IN_ATTRIB, IN_CREATE, IN_MOVED_TO, INotify
from twisted.logger import Logger
from twisted.python._inotify import INotifyError
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from bridges.clock import Delayed
from bridges.serial.place import ANY, Place, Step

#: seconds between the event and the news of it: udev makes the node first, then its group, mode and links
SETTLE: Final = 0.05
#: udev creates nodes, renames links into place, and changes owner and mode
EVENTS: Final = IN_CREATE | IN_MOVED_TO | IN_ATTRIB


class PathWatch:
    """Calls when something on the way to a device changes. Without inotify it never calls.

    reactor: IReactorFDSet and IReactorTime. place: where the device is to be. changed: called without arguments.
    """

    _log = Logger()

    def __init__(self, reactor: Any, place: Place, changed: Callable[[], object]) -> None:
        self._reactor = reactor
        self._place = place
        self._changed = changed
        self._steps: list[Step] = []
        self._notifier: INotify | None = None
        self._news: Delayed | None = None

    def start(self) -> None:
        """Watch along where the place leads now. If it leads elsewhere than at the last call, that is news too."""
        now = self._place.steps()
        if now == self._steps and self._notifier is not None and self._notifier.connected:
            return
        if self._steps and now != self._steps:
            self.expect_news()
        self._close()
        self._steps = now
        try:
            self._open()
        except (INotifyError, OSError) as error:
            self._log.debug("cannot watch for {place}: {error}", place=self._place, error=error)
            self._close()

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        self._close()
        self._steps = []
        if self._news is not None:
            self._news.cancel()
            self._news = None

    def _open(self) -> None:
        self._notifier = INotify(self._reactor)
        self._notifier.startReading()
        for directory in {directory for directory, _ in self._steps}:
            self._notifier.watch(FilePath(os.fsencode(directory)), EVENTS, callbacks=[self._event])

    def _close(self) -> None:
        """At once, not in the reactor's next turn: a stopped bridge holds no descriptors."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None and notifier.connected:
            notifier.connectionLost(Failure(ConnectionAbortedError()))

    def _event(self, _handle: object, path: FilePath[bytes], mask: int) -> None:
        """The news wait a little and come once. The watches are renewed by who gets them, not within this callback."""
        directory, name = os.fsdecode(path.dirname()), os.fsdecode(path.basename())
        gone = not mask & EVENTS
        if gone or (directory, name) in self._steps or (directory, ANY) in self._steps:
            self.expect_news()

    def expect_news(self) -> None:
        """Call in a moment, as if something had changed."""
        if self._news is None:
            self._news = self._reactor.callLater(SETTLE, self._tell)

    def _tell(self) -> None:
        self._news = None
        self._changed()
