"""The last lines of the log, of the node and of each worker, for who manages it; bounded, in memory."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from twisted.logger import LogLevel, formatEvent

from edge_router.node.log import is_twisteds

#: lines of the node, and of each worker with a process of its own; octets of a line
MOST_LINES: Final = 500
MOST_CHARACTERS: Final = 1_024
#: workers whose lines are kept
MOST_WORKERS: Final = 50
#: who logs what a process says
_PROCESSES: Final = ("edge_router.guest", "edge_router.container", "edge_router.router")
_LEVELS: Final = (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


class Recent:
    """An observer of twisted.logger that keeps the last lines."""

    def __init__(self) -> None:
        self._lines: deque[dict[str, Any]] = deque(maxlen=MOST_LINES)
        self._of_workers: dict[str, deque[dict[str, Any]]] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        """Keep one event."""
        level = event.get("log_level")
        if level not in _LEVELS or (level is LogLevel.info and is_twisteds(event)):
            return
        text = formatEvent(event)[:MOST_CHARACTERS]
        line = {"time": event.get("log_time", 0.0), "level": level.name, "text": text}
        self._lines.append(line)
        if event.get("log_namespace") in _PROCESSES and "name" in event:
            name = str(event["name"])
            if name not in self._of_workers and len(self._of_workers) >= MOST_WORKERS:
                del self._of_workers[next(iter(self._of_workers))]
            self._of_workers.setdefault(name, deque(maxlen=MOST_LINES)).append(line)

    def last(self, limit: int) -> list[dict[str, Any]]:
        """The last lines of the node, oldest first: time (seconds since 1970), level, text."""
        return list(self._lines)[-limit:] if limit > 0 else []

    def last_of(self, worker: str, limit: int) -> list[dict[str, Any]]:
        """Those of a worker with a process of its own."""
        return list(self._of_workers.get(worker, ()))[-limit:] if limit > 0 else []
