"""What systemd is told, read from a real datagram socket; sd_notify(3)."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from edge_router.node.systemd import Notifier

PID = 812


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The socket of a service manager, and what $NOTIFY_SOCKET says for it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge-router-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.setblocking(False)
        yield receiver, name


def received(receiver: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(receiver.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_ready_and_stopping(manager: tuple[socket.socket, str]) -> None:
    """READY comes with a status; STOPPING comes before the end."""
    receiver, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name}, Clock(), PID)
    notifier.ready("listening on tcp4:*:8080")
    notifier.status("one bridge is away")
    notifier.stopping()
    assert received(receiver) == [
        "READY=1\nSTATUS=listening on tcp4:*:8080",
        "STATUS=one bridge is away",
        "STOPPING=1\nSTATUS=stopping",
    ]


@pytest.mark.parametrize("watchdog_pid", [None, str(PID)])
def test_the_watchdog_is_fed_at_half_its_period(manager: tuple[socket.socket, str], watchdog_pid: str | None) -> None:
    """WatchdogSec=10 comes as 10,000,000 microseconds and is fed every 5 s, from the first moment until the end."""
    receiver, name = manager
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "10000000"}
    if watchdog_pid:
        environment["WATCHDOG_PID"] = watchdog_pid
    clock = Clock()
    notifier = Notifier(environment, clock, PID)
    notifier.ready("")
    assert received(receiver) == ["READY=1\nSTATUS=", "WATCHDOG=1"]
    clock.advance(4.9)
    assert received(receiver) == []
    clock.advance(0.1)
    assert received(receiver) == ["WATCHDOG=1"]
    notifier.stopping()
    clock.advance(5)
    assert received(receiver)[-1] == "WATCHDOG=1"
    notifier.close()
    notifier.close()
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(PID + 1)},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "me"},
    ],
)
def test_no_watchdog_or_one_for_another_process(
    manager: tuple[socket.socket, str], environment: dict[str, str]
) -> None:
    """Nothing is fed, and no timer runs."""
    receiver, name = manager
    clock = Clock()
    Notifier({"NOTIFY_SOCKET": name, **environment}, clock, PID).ready("x")
    assert received(receiver) == ["READY=1\nSTATUS=x"]
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("name", ["", "relative/path", "vsock:2:1234"])
def test_without_a_manager_nothing_is_said(name: str) -> None:
    """Neither an error nor a timer: the node also runs in a terminal."""
    clock = Clock()
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"}, clock, PID)
    notifier.ready("x")
    notifier.stopping()
    assert clock.getDelayedCalls() == []


def test_a_manager_that_is_gone_or_does_not_read_is_no_error(tmp_path: Path) -> None:
    """A full or closed socket must neither block the reactor nor end the node."""
    path = tmp_path / "notify"
    notifier = Notifier({"NOTIFY_SOCKET": str(path)}, Clock(), PID)
    notifier.ready("nobody there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        for _ in range(2_000):
            notifier.status("x" * 1_000)
