"""What a process of the node reports to it: lines of JSON, `[WHAT, VALUE]`.

WHAT is a level of the log, with a line of it as VALUE, or `facts`, with facts about the process, JSON-like. Here are
both ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Final, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner

from edge_router.node.output import Output
from edge_router.node.process import Supervised
from edge_router.router.interfaces import Clock

#: the descriptor that a process reports to
DESCRIPTOR: Final = 3
#: of one line, which may list many components
_MOST_OCTETS: Final = 65_536
_LEVELS: Final = {level.name: level for level in LogLevel.iterconstants()}
_AT_LEAST: Final = (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


class Reports:
    """The end of the process. descriptor: where reports go."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    def begin_log(self) -> None:
        """From now on what the process logs is reported."""
        globalLogBeginner.beginLoggingTo([cast(ILogObserver, self._log)], redirectStandardIO=False)

    def _log(self, event: LogEvent) -> None:
        """An observer of twisted.logger. Twisted's own information is passed over."""
        level = event.get("log_level", LogLevel.info)
        namespace: str = event.get("log_namespace", "")
        is_twisteds = namespace.startswith("twisted.") or namespace in ("log_legacy", "-")
        if level not in _AT_LEAST or (level is LogLevel.info and is_twisteds):
            return
        lines = formatEvent(event).splitlines()
        failure: Any = event.get("log_failure")
        if failure is not None:
            lines += failure.getTraceback().splitlines()
        for line in lines:
            self._tell(level.name, line)

    def facts(self, value: Any) -> None:
        """Report facts. value: JSON-like."""
        self._tell("facts", value)

    def _tell(self, what: str, value: Any) -> None:
        try:
            self._file.write(json.dumps([what, value]) + "\n")
        except OSError:
            pass  # the node is gone, and this process soon


class Reported:
    """The node's end.

    process: whose reports. clock: the reactor. facts: takes facts. `output` is where the octets go.
    """

    def __init__(self, process: Supervised, clock: Clock, facts: Callable[[Any], object]) -> None:
        self._process = process
        self._facts = facts
        self.output = Output(self._line, process.note, clock, longest=_MOST_OCTETS)

    def _line(self, line: str) -> None:
        try:
            what, value = json.loads(line)
        except ValueError:
            self._process.write(line)
            return
        if what == "facts":
            self._facts(value)
        else:
            level = _LEVELS.get(what, LogLevel.info)
            self._process.log.emit(level, "{name}: {line}", name=self._process.name, line=value)
