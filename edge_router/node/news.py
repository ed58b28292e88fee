"""`node.status` in the node directory: how the node's workers are, for `edge-router status`, which is another process.

It is written when a worker begins or ends, at most once in EVERY seconds, and only by a node that has workers of which
there is something to tell. No Twisted here: `status` uses it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from edge_router.router.interfaces import Clock, Delayed

NAME: Final = "node.status"
EVERY: Final = 0.5
_MAX_SIZE: Final = 1_048_576


class News:
    """Writes the file.

    directory: the node directory. clock: for the pace. tell: gives what is in it, JSON-like.
    """

    def __init__(self, directory: Path, clock: Clock, tell: Callable[[], list[dict[str, Any]]]) -> None:
        self._path = directory / NAME
        self._clock = clock
        self._tell = tell
        self._timer: Delayed | None = None

    def changed(self) -> None:
        """There is something to tell."""
        if self._timer is None:
            self._timer = self._clock.callLater(EVERY, self._write)

    def close(self) -> None:
        """The node ends, the file goes. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            pass

    def _write(self) -> None:
        self._timer = None
        beginning = self._path.with_name(f"{NAME}.new")
        try:
            beginning.write_text(json.dumps({"pid": os.getpid(), "workers": self._tell()}), encoding="utf-8")
            beginning.chmod(0o644)  # for whoever may enter the directory, as node.pid
            beginning.replace(self._path)
        except OSError:
            pass  # a full disk; `status` says less then


def read(directory: Path, pid: int) -> list[dict[str, Any]]:
    """What the node of a process id has written last; nothing if it has not.

    directory: the node directory. Result: facts about each worker.
    """
    try:
        with (directory / NAME).open("rb") as file:
            content = json.loads(file.read(_MAX_SIZE))
        workers = content["workers"] if content["pid"] == pid else []
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return [worker for worker in workers if isinstance(worker, dict)] if isinstance(workers, list) else []
