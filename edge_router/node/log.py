"""The log: one line an event to stderr, where systemd's journal or a person reads it; or to a file, or the journal.

Twisted's own information (`Starting factory ...`) shows only at `trace`; its warnings and errors always do. What came
from a peer cannot forge lines: control characters are written as escapes. Levels: error, act now; warn, maybe later;
info, what changed; debug, why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import localtime, strftime
from typing import Any, NamedTuple, Protocol, TextIO, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner

from edge_router.node.journal import SOCKET, Journal, is_journal
from edge_router.node.logfile import COUNT, SIZE, LogFile

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


#: level -> how a terminal shows it (ECMA-48, SGR)
_COLORS = {"debug": "2", "warn": "33", "error": "1;31"}
#: the weight of events that stderr gets, too, if the log is a file
_ALARMING = 3


def _colored(text: str, level: str, priority: int, time: float) -> str:
    line = _standard(text, level, priority, time)
    return f"\x1b[{_COLORS[level]}m{line}\x1b[0m" if level in _COLORS else line


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

    environment: of the process. descriptor: the file descriptor of stderr.
    """
    return "syslogd" if is_journal(environment, descriptor) else "standard"


class Stream(Protocol):
    """What lines are written to: stderr, or a `logfile.LogFile`."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class Observer:
    """Writes the events of twisted.logger.

    stream: where to. level: a key of THRESHOLDS. log_format: a key of FORMATS. colors: mark levels in `standard` as a
    terminal shows it. journal: takes events instead of the stream, as long as it does. alarm: gets errors as well.
    """

    def __init__(
        self,
        stream: Stream,
        level: str,
        log_format: str,
        colors: bool = False,
        journal: Journal | None = None,
        alarm: Stream | None = None,
    ) -> None:
        self._stream = stream
        self._threshold = THRESHOLDS[level]
        self._shows_twisted = level == "trace"
        self._line = _colored if colors and log_format == "standard" else FORMATS[log_format]
        self.journal = journal
        self._alarm = alarm

    def __call__(self, event: LogEvent) -> None:
        """Write one event, if it is weighty enough."""
        weight, level, priority = LEVELS.get(event.get("log_level"), LEVELS[LogLevel.info])
        if weight < self._threshold or (weight < 2 and not self._shows_twisted and is_twisteds(event)):
            return
        lines = _lines(event)
        if self.journal is not None and self.journal.send("\n".join(lines), priority, event):
            return
        time = event.get("log_time", 0.0)
        text = "".join(self._line(line, level, priority, time) + "\n" for line in lines)
        for stream in (self._stream, self._alarm if weight >= _ALARMING else None):
            if stream is None:
                continue
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):
                pass  # nobody reads the log any more; that is no reason to stop routing


def is_twisteds(event: LogEvent) -> bool:
    """Whether Twisted itself says it, not this program."""
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


class LogOptions(NamedTuple):
    """How to log.

    level: a key of THRESHOLDS. log_format: a key of FORMATS; None: as `default_format` finds. color: `true`, `false` or
    `auto`, which is true on a terminal. file: where to, instead of stderr. size: octets of it. files: so many in all.
    """

    level: str = "info"
    log_format: str | None = None
    color: str = "auto"
    file: Path | None = None
    size: int = SIZE
    files: int = COUNT


def begin_log(
    stream: TextIO,
    options: LogOptions,
    environment: Mapping[str, str],
    others: Sequence[Callable[[LogEvent], object]] = (),
    journal: Path = SOCKET,
) -> None:
    """From now on the process logs; what was logged before is written too.

    stream: stderr. environment: of the process. others: observers of all events. journal: the journal's socket.
    Raises OSError if the file cannot be opened.
    """
    observer = make_observer(stream, options, environment, journal)
    observers = [cast(ILogObserver, each) for each in (observer, *others)]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)


def make_observer(stream: TextIO, options: LogOptions, environment: Mapping[str, str], journal: Path) -> Observer:
    """What writes the log; arguments and errors as for `begin_log`."""
    if options.file is not None:
        file = LogFile(options.file, options.size, options.files)
        return Observer(file, options.level, options.log_format or "standard", alarm=stream)
    log_format = options.log_format or default_format(environment, stream.fileno())
    colors = options.color == "true" or (options.color == "auto" and _shows_colors(stream, environment))
    return Observer(stream, options.level, log_format, colors, _journal_of(options, log_format, journal))


def _journal_of(options: LogOptions, log_format: str, address: Path) -> Journal | None:
    """The journal itself, if stderr is it and nobody asked for lines."""
    if options.log_format is not None or log_format != "syslogd":
        return None
    try:
        return Journal(address)
    except OSError:
        return None


def _shows_colors(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether it is a terminal whose user has nothing against colours (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") not in (None, "", "dumb")
