"""Directories under watch: when something in them changes, and then rests for a while, a guest is restarted.

The kernel tells of changes, by inotify(7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from twisted.internet import inotify
from twisted.python.filepath import FilePath

from edge_router.config.schema import Watch as WatchConfig
from edge_router.router.interfaces import Delayed

_CHANGES: Final = (
    inotify.IN_CLOSE_WRITE | inotify.IN_CREATE | inotify.IN_DELETE | inotify.IN_MOVED_FROM | inotify.IN_MOVED_TO
    | inotify.IN_ATTRIB
)  # fmt: skip
#: what compilers and editors write besides
_BESIDES: Final = ("__pycache__", ".git")


class Watch:
    """The watch over some directories and all below them.

    config: its section. directory: the node directory. reactor: Twisted's. changed: called with the path that changed
    first, once nothing has changed for `timeout` seconds.
    """

    def __init__(self, config: WatchConfig, directory: Path, reactor: Any, changed: Callable[[str], None]) -> None:
        self._config = config
        self._directory = directory
        self._reactor = reactor
        self._changed = changed
        self._notifier: Any = None
        self._timer: Delayed | None = None
        self._first = ""

    def start(self) -> Iterator[str]:
        """Begin. Result: what is wrong, a sentence each; the rest is watched."""
        self._notifier = inotify.INotify(self._reactor)
        self._notifier.startReading()
        for name in self._config.directories:
            path = (self._directory / name).absolute()
            if path.is_dir():
                self._notifier.watch(
                    FilePath(str(path)), _CHANGES, autoAdd=True, callbacks=[self._notified], recursive=True
                )
            else:
                yield f"there is no directory {str(path)!r} to watch"

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._notifier is not None:
            self._notifier.loseConnection()
            self._notifier = None

    def _notified(self, _watch: object, path: Any, _mask: int) -> None:
        text = path.asTextMode().path
        if any(name in text.split("/") for name in _BESIDES):
            return
        if self._timer is not None:
            self._timer.cancel()
        else:
            self._first = text
        self._timer = self._reactor.callLater(self._config.timeout, self._rests)

    def _rests(self) -> None:
        self._timer = None
        self._changed(self._first)
