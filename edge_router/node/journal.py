"""Events for systemd's journal by its own protocol: a datagram an event, with fields that `journalctl` can search for.

    journalctl -u edge-router REALM=realm1

Source: systemd's "Native Journal Protocol", systemd.journal-fields(7).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SOCKET: Final = Path("/run/systemd/journal/socket")
#: octets of a field; what is longer is cut, so that a datagram always fits (its default limit is about 200 KiB)
MOST_OCTETS: Final = 32_768
IDENTIFIER: Final = "edge-router"

#: what the events of twisted.logger say -> the journal's field for it
FIELDS: Final = {
    "session": "SESSION",
    "realm": "REALM",
    "place": "TRANSPORT",
    "peer": "PEER",
    "log_namespace": "LOGGER",
}

#: the beginning of the name of who says it, what has the name of a part there -> the field for that part
PARTS: Final = (
    ("bridges.", "id", "BRIDGE"),
    ("edge_router.node.bridges", "id", "BRIDGE"),
    ("edge_router.uplink", "id", "UPLINK"),
    ("edge_router.node.components", "name", "COMPONENT"),
    ("edge_router.guest", "name", "WORKER"),
    ("edge_router.container", "name", "WORKER"),
    ("edge_router.router", "name", "WORKER"),
)


def is_journal(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether a descriptor, such as stderr, is the journal.

    environment: of the process; $JOURNAL_STREAM holds the journal's `device:inode` (systemd.exec(5)).
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Journal:
    """A way to the journal. address: of its socket. Raises OSError if there is none."""

    def __init__(self, address: Path = SOCKET) -> None:
        address.stat()
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def send(self, text: str, priority: int, event: dict[str, Any]) -> bool:
        """Send one event. text: its lines. priority: of sd-daemon(3). Result: whether the journal took it.

        It may have been started anew since the last one.
        """
        try:
            self._socket.sendto(datagram(text, priority, event), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """No more."""
        self._socket.close()


def datagram(text: str, priority: int, event: dict[str, Any]) -> bytes:
    """One event as the journal takes it."""
    fields = {"MESSAGE": text, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": IDENTIFIER}
    for key, name in FIELDS.items():
        if event.get(key):
            fields[name] = str(event[key])
    speaker = event.get("log_namespace", "")
    for beginning, key, name in PARTS:
        if key in event and speaker.startswith(beginning):
            fields[name] = str(event[key])
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")[:MOST_OCTETS]
    if b"\n" not in data:
        return b"%b=%b\n" % (name.encode(), data)
    return b"%b\n%b%b\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
