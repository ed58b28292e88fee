"""The journal's own protocol: what goes into a datagram, and what happens when the journal does not take it."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from edge_router.node.journal import FIELDS, MOST_OCTETS, PARTS, Journal, datagram
from edge_router.node.log import LogOptions, make_observer


class FakeJournal:
    """A socket like the journal's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def fields(self) -> dict[str, str]:
        """The next entry, read as the protocol says."""
        data, found = self.socket.recv(1_000_000), {}
        while data:
            line, _, data = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size = int.from_bytes(data[:8], "little")
                value, data = data[8 : 8 + size], data[8 + size + 1 :]
            found[name.decode()] = value.decode()
        return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[FakeJournal]:
    fake = FakeJournal(tmp_path / "journal")
    yield fake
    fake.socket.close()


class Stderr(io.StringIO):
    """A stream with a descriptor."""

    def fileno(self) -> int:
        return 2


def environment() -> dict[str, str]:
    """As the service manager gives it to a process whose stderr is the journal."""
    status = os.fstat(2)
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def observe(
    stderr: Stderr, options: LogOptions, environment: dict[str, str], journal: Path, logged: dict[str, Any]
) -> None:
    """Have one event logged."""
    observer = make_observer(stderr, options, environment, journal)
    observer(logged)
    if observer.journal is not None:
        observer.journal.close()


def event(**more: Any) -> dict[str, Any]:
    return {
        "log_level": LogLevel.warn,
        "log_namespace": "edge_router.transport",
        "log_format": "{peer}: reads too slowly",
        "log_time": 0.0,
        "peer": "tcp4:10.0.0.7:4711",
        **more,
    }


def test_an_event_has_fields_to_search_for(journal: FakeJournal) -> None:
    """Who, where, how bad; and the text as people read it."""
    stderr = Stderr()
    observe(stderr, LogOptions(), environment(), journal.path, event(realm="realm1", session=7))
    assert journal.fields() == {
        "MESSAGE": "transport: tcp4:10.0.0.7:4711: reads too slowly",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "edge-router",
        "LOGGER": "edge_router.transport",
        "PEER": "tcp4:10.0.0.7:4711",
        "REALM": "realm1",
        "SESSION": "7",
    }
    assert stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("namespace", "field"),
    [
        ("bridges.serial.bridge.SerialBridge", "BRIDGE=kitchen"),
        ("edge_router.node.bridges.RunningBridge", "BRIDGE=kitchen"),
        ("edge_router.node.components.HostedComponent", "COMPONENT=time"),
        ("edge_router.guest", "WORKER=time"),
        ("edge_router.container", "WORKER=time"),
        ("edge_router.router", "WORKER=time"),
        ("somebody.else", None),
    ],
)
def test_a_part_is_told_by_its_name(namespace: str, field: str | None) -> None:
    """By who says it: others may have an `id` or a `name` of another kind."""
    lines = datagram("x", 6, {"log_namespace": namespace, "id": "kitchen", "name": "time"}).decode().splitlines()
    assert [line for line in lines if "kitchen" in line or "time" in line] == ([field] if field else [])


def test_a_traceback_is_one_entry(journal: FakeJournal) -> None:
    """With its lines."""
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        failure = Failure()
    observe(Stderr(), LogOptions(), environment(), journal.path, event(log_failure=failure))
    message = journal.fields()["MESSAGE"].splitlines()
    assert len(message) > 2
    assert "RuntimeError: boom" in message[-1]


def test_a_long_text_is_cut(journal: FakeJournal) -> None:
    """A datagram has its bounds."""
    with closing(Journal(journal.path)) as ours:
        assert ours.send("x" * 10 * MOST_OCTETS, 6, {})
    assert journal.fields()["MESSAGE"] == "x" * MOST_OCTETS


def test_a_text_cannot_forge_a_field(journal: FakeJournal) -> None:
    """A line break in a value makes no field."""
    with closing(Journal(journal.path)) as ours:
        assert ours.send("x\nPRIORITY=0", 6, {"realm": "a\nREALM=b"})
    fields = journal.fields()
    assert (fields["MESSAGE"], fields["PRIORITY"], fields["REALM"]) == ("x\nPRIORITY=0", "6", "a\nREALM=b")


def test_a_journal_that_was_started_anew_is_found(journal: FakeJournal) -> None:
    """systemd-journald may be restarted while the node runs."""
    ours = Journal(journal.path)
    journal.socket.close()
    journal.path.unlink()
    assert not ours.send("lost", 6, {})
    again = FakeJournal(journal.path)
    assert ours.send("found", 6, {})
    assert again.fields()["MESSAGE"] == "found"
    again.socket.close()
    ours.close()


def test_without_a_journal_lines_go_to_stderr(tmp_path: Path) -> None:
    """With priorities, which a service manager reads there as well; also when it goes away."""
    stderr = Stderr()
    observe(stderr, LogOptions(), environment(), tmp_path / "none", event())
    assert stderr.getvalue() == "<4>transport: tcp4:10.0.0.7:4711: reads too slowly\n"


@pytest.mark.parametrize("log_format", ["standard", "syslogd", "none"])
def test_a_format_that_was_asked_for_goes_to_stderr(journal: FakeJournal, log_format: str) -> None:
    """Whoever asks for lines gets lines."""
    stderr = Stderr()
    observe(stderr, LogOptions(log_format=log_format), environment(), journal.path, event())
    assert "reads too slowly" in stderr.getvalue()
    with pytest.raises(BlockingIOError):
        journal.fields()


def test_a_stderr_that_is_no_journal_gets_lines(journal: FakeJournal) -> None:
    """The journal is there on most machines; whether it is wanted is another question."""
    stderr = Stderr()
    observe(stderr, LogOptions(), {}, journal.path, event())
    assert "reads too slowly" in stderr.getvalue()


def test_the_page_names_every_field() -> None:
    """`docs/logs.md` is where operators look for what to search by."""
    page = (Path(__file__).parents[2] / "docs" / "logs.md").read_text("utf-8")
    for field in {"PRIORITY", *FIELDS.values(), *(field for *_, field in PARTS)}:
        assert f"`{field}`" in page, field
