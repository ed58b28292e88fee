"""The log: what is shown at which level, in which form, and that no peer can forge a line."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from twisted.logger import LogEvent, LogLevel
from twisted.python.failure import Failure

from edge_router.node.log import LEVELS, THRESHOLDS, LogOptions, Observer, default_format, make_observer

TIME = 1_790_000_000.0


def event(level: LogLevel = LogLevel.info, namespace: str = "edge_router.node.node", **more: object) -> LogEvent:
    return {
        "log_level": level,
        "log_namespace": namespace,
        "log_format": "hello {who}",
        "log_time": TIME,
        "who": "world",
        **more,
    }


def written(log_event: LogEvent, level: str = "info", log_format: str = "none") -> str:
    stream = io.StringIO()
    Observer(stream, level, log_format)(log_event)
    return stream.getvalue()


SHOWN = {
    "none": set(),
    "error": {"error", "critical"},
    "warn": {"warn", "error", "critical"},
    "info": {"info", "warn", "error", "critical"},
    "debug": {"debug", "info", "warn", "error", "critical"},
    "trace": {"debug", "info", "warn", "error", "critical"},
}


@pytest.mark.parametrize("level", THRESHOLDS)
def test_levels(level: str) -> None:
    """Each --loglevel shows its own events and the weightier ones."""
    shown = {log_level.name for log_level in LEVELS if written(event(log_level), level)}
    assert shown == SHOWN[level]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_twisteds_own_information_is_for_trace(level: str) -> None:
    """`Starting factory` and the like are not news; Twisted's warnings are."""
    for namespace in ("twisted.internet.protocol.Factory", "log_legacy", "-"):
        assert written(event(namespace=namespace), level) == ""
        assert written(event(namespace=namespace), "trace") != ""
        assert written(event(LogLevel.warn, namespace), level) != ""


def test_standard_format_has_time_and_level() -> None:
    """ISO 8601 with the offset to UTC, the level, the part that speaks, the text."""
    line = written(event(LogLevel.warn), log_format="standard")
    assert re.fullmatch(r"2026-09-21T\d\d:\d\d:20[+-]\d{4} warn  node: hello world\n", line)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(LogLevel.debug, 7), (LogLevel.info, 6), (LogLevel.warn, 4), (LogLevel.error, 3), (LogLevel.critical, 2)],
)
def test_journal_format_has_the_priority_and_no_time(level: LogLevel, priority: int) -> None:
    """sd-daemon(3): `<N>` in front of the line; the journal has its own clock."""
    assert written(event(level), "debug", "syslogd") == f"<{priority}>node: hello world\n"


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("edge_router.transports.listen.Connections", "transports"),
        ("bridges.serial.port", "serial"),
        ("twisted.web.http", "twisted"),
        ("", ""),
    ],
)
def test_the_part_that_speaks(namespace: str, name: str) -> None:
    """Operators know bridges and transports, not modules."""
    assert written(event(LogLevel.warn, namespace)) == (f"{name}: hello world\n" if name else "hello world\n")


def test_a_peer_cannot_forge_a_line() -> None:
    """Control characters of a URI or an authid are shown as escapes, so that one event stays one line."""
    text = written(event(who="x\n<0>node: panic\r\x1b[31m\x85"))
    assert text == "node: hello x\\x0a<0>node: panic\\x0d\\x1b[31m\\x85\n"


def test_every_line_of_a_traceback_has_the_prefix() -> None:
    """The journal takes each line for an entry of its own."""
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        failure = Failure()
    lines = written(event(LogLevel.critical, log_failure=failure), log_format="syslogd").splitlines()
    assert lines[0] == "<2>node: hello world"
    assert "Traceback" in lines[1]
    assert all(line.startswith("<2>") for line in lines)
    assert any("first" in line for line in lines)


def test_an_event_without_level_or_with_a_bad_format_is_still_shown() -> None:
    """Whatever somebody's library logs must not break the log."""
    assert written({"log_format": "bare", "log_time": TIME}) == "bare\n"
    assert "hello" in written(event(log_format="hello {missing.name}"))


class Closed(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_log_that_nobody_reads_does_not_stop_the_node() -> None:
    """The journal may be restarted; routing goes on."""
    Observer(Closed(), "info", "none")(event())


def test_the_journal_is_recognised_by_its_stream(tmp_path: Path) -> None:
    """$JOURNAL_STREAM counts only if stderr really is that stream: a child's may be redirected (systemd.exec(5))."""
    with (tmp_path / "stderr").open("w") as file:
        status = os.fstat(file.fileno())
        journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert default_format(journal, file.fileno()) == "syslogd"
        assert default_format({"JOURNAL_STREAM": "8:1"}, file.fileno()) == "standard"
        assert default_format({}, file.fileno()) == "standard"
        closed = os.dup(file.fileno())
    os.close(closed)
    assert default_format(journal, closed) == "standard"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return -1


@pytest.mark.parametrize(
    ("color", "environment", "colored"),
    [
        ("auto", {"TERM": "xterm"}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("true", {}, True),
        ("false", {"TERM": "xterm"}, False),
    ],
)
def test_colors_are_for_terminals(color: str, environment: dict[str, str], colored: bool) -> None:
    """And for who asks for them; information has none in any case."""
    stream = Terminal()
    observer = make_observer(stream, LogOptions(color=color), environment, Path("none"))
    observer(event(LogLevel.error))
    assert ("\x1b[1;31m" in stream.getvalue()) == colored
    observer(event(LogLevel.info))
    assert "\x1b" not in stream.getvalue().splitlines()[-1]
