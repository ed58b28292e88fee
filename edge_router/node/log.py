"""The log: one line an event to stderr, where systemd's journal or a person reads it.

Twisted's own information (`Starting factory ...`) shows only at `trace`; its warnings and errors always do. What came
from a peer cannot forge lines: control characters are written as escapes. Levels: error, act now; warn, maybe later;
info, what changed; debug, why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from time import localtime, strftime
from typing import Any, TextIO, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner

# --loglevel -> the least weighty event that is shown; the order is that of twisted.logger
THRESHOLDS = {
    "none": 5,
    "error": 3,
    "warn": 2,
    "info": 1,
    "debug": 0,
    "trace": 0,
}
# twisted.logger's level -> (weight, name, priority of sd-daemon(3))
LEVELS: dict[object, tuple[int, str, int]] = {
    LogLevel.debug: (0, "debug", 7),
    LogLevel.info: (1, "info", 6),
    LogLevel.warn: (2, "warn", 4),
    LogLevel.error: (3, "error", 3),
    LogLevel.critical: (4, "error", 2),
}
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))}

Line = Callable[[str, str, int, float], str]


def _standard(text: str, level: str, priority: int, time: float) -> str:
    del priority
    return f"{strftime('%Y-%m-%dT%H:%M:%S%z', localtime(time))} {level:<5} {text}"


def _journal(text: str, level: str, priority: int, time: float) -> str:
    del level, time
    return f"<{priority}>{text}"


def _plain(text: str, level: str, priority: int, time: float) -> str:
    del level, priority, time
    return text


# --logformat -> how a line is written
FORMATS: dict[str, Line] = {"standard": _standard, "syslogd": _journal, "none": _plain}


def default_format(environment: Mapping[str, str], descriptor: int) -> str:
    """The format when none was asked for: `syslogd` if stderr is the journal, else `standard`.

    environment: of the process; $JOURNAL_STREAM holds the journal's `device:inode` (systemd.exec(5)).
    descriptor: the file descriptor of stderr.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return "standard"
    is_journal = environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return "syslogd" if is_journal else "standard"


class Observer:
    """Writes the events of twisted.logger.

    stream: where to. level: a key of THRESHOLDS. log_format: a key of FORMATS.
    """

    def __init__(self, stream: TextIO, level: str, log_format: str) -> None:
        self._stream = stream
        self._threshold = THRESHOLDS[level]
        self._shows_twisted = level == "trace"
        self._line = FORMATS[log_format]

    def __call__(self, event: LogEvent) -> None:
        """Write one event, if it is weighty enough."""
        weight, level, priority = LEVELS.get(event.get("log_level"), LEVELS[LogLevel.info])
        if weight < self._threshold or (weight < 2 and not self._shows_twisted and _is_twisteds(event)):
            return
        time = event.get("log_time", 0.0)
        lines = [self._line(line, level, priority, time) for line in _lines(event)]
        try:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads the log any more; that is no reason to stop routing


def _is_twisteds(event: LogEvent) -> bool:
    namespace: str = event.get("log_namespace", "")
    return namespace.startswith("twisted.") or namespace in ("log_legacy", "-")


def _lines(event: LogEvent) -> list[str]:
    """The event as text: the message on one line, the traceback of a failure on those after it."""
    text = formatEvent(event).translate(ESCAPES)
    system = _system(event.get("log_namespace", ""))
    lines = [f"{system}: {text}" if system else text]
    failure: Any = event.get("log_failure")
    if failure is not None:
        lines += [line.translate(ESCAPES) for line in failure.getTraceback().splitlines()]
    return lines


def _system(namespace: str) -> str:
    """The short name of the part that speaks: `serial` for `bridges.serial.port`, `node` for `edge_router.node.run`."""
    parts = namespace.split(".")
    return parts[1] if len(parts) > 1 and parts[0] in ("edge_router", "bridges") else parts[0]


def begin_log(stream: TextIO, level: str, log_format: str | None, environment: Mapping[str, str]) -> None:
    """From now on the process logs; what was logged before is written too.

    stream: where to, stderr. level, log_format: as for Observer; format None: as `default_format` finds.
    environment: of the process.
    """
    log_format = log_format or default_format(environment, stream.fileno())
    observer = Observer(stream, level, log_format)
    globalLogBeginner.beginLoggingTo([cast(ILogObserver, observer)], redirectStandardIO=False)
