"""What systemd is told: READY, RELOADING, STATUS, WATCHDOG and STOPPING, as datagrams.

The watchdog is fed from the reactor: one that hangs stops feeding it, and systemd restarts the node. Source:
sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `cli.alarm` comes before `lean` and must not load the codecs
    from edge_router.router.interfaces import Clock, Delayed


class Notifier:
    """A way to say things to the service manager. Without one (no $NOTIFY_SOCKET) it says nothing.

    environment: of the process. clock: feeds the watchdog. pid: of the process; a watchdog meant for another process
    ($WATCHDOG_PID) is not fed.
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock, pid: int) -> None:
        self._environment = environment
        self._is_there = bool(_address(environment))
        self._clock = clock
        self._half_period = _watchdog_seconds(environment, pid) / 2
        self._next: Delayed | None = None

    def ready(self, status: str) -> None:
        """The node has started. status: one line for `systemctl status`. From now on the watchdog is fed."""
        self._send(f"READY=1\nSTATUS={status}")
        if self._is_there and self._half_period > 0:
            self._feed()

    def reloading(self) -> None:
        """The node reads its configuration again; `reloaded` follows. (sd_notify(3), Type=notify-reload.)"""
        microseconds = int(self._clock.seconds() * 1_000_000)
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reading the configuration again")

    def reloaded(self, status: str) -> None:
        """The node is as its configuration says, or goes on as it was. status: as for `ready`."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """Say one line for `systemctl status`."""
        self._send(f"STATUS={status}")

    def stopping(self, status: str = "stopping") -> None:
        """The node is about to end. The watchdog is fed until `close`, for an end that hangs is a hang too.

        status: as for `ready`; what it has failed by.
        """
        self._send(f"STOPPING=1\nSTATUS={status}")

    def close(self) -> None:
        """Stop feeding the watchdog. Idempotent."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _feed(self) -> None:
        self._send("WATCHDOG=1")
        self._next = self._clock.callLater(self._half_period, self._feed)

    def _send(self, state: str) -> None:
        if self._is_there:
            notify(self._environment, state)


def notify(environment: Mapping[str, str], state: str) -> None:
    """Say something to the service manager, if there is one. environment: of the process. state: as in sd_notify(3)."""
    address = _address(environment)
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        # a manager that reads nothing must not stop the node; sd_notify(3) has its callers ignore errors
        channel.setblocking(False)
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            pass


def _address(environment: Mapping[str, str]) -> str:
    """The address in $NOTIFY_SOCKET: a path, or with `@` in front a name in the abstract namespace (unix(7))."""
    name = environment.get("NOTIFY_SOCKET", "")
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_seconds(environment: Mapping[str, str], pid: int) -> float:
    """The period of the watchdog in seconds; 0 if there is none or it is not for this process."""
    try:
        if int(environment.get("WATCHDOG_PID", pid)) != pid:
            return 0.0
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 1_000_000
    except ValueError:
        return 0.0
