"""A real node in a process of its own, and a small client for it."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENCE = 30.0

ALLOW_ALL = {"uri": "", "match": "prefix", "allow": dict.fromkeys(("call", "register", "publish", "subscribe"), True)}


def configuration(**more: Any) -> dict[str, Any]:
    """A configuration with one realm and RawSocket on a free TCP port and on a Unix socket."""
    return {
        "version": 2,
        "workers": [
            {
                "type": "router",
                "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [ALLOW_ALL]}]}],
                "transports": [
                    {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}},
                    {"type": "rawsocket", "endpoint": {"type": "unix", "path": "router.sock"}},
                ],
            }
        ],
        **more,
    }


def write(directory: Path, config: dict[str, Any]) -> None:
    """Write a node's configuration."""
    (directory / "config.json").write_text(json.dumps(config))


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `edge-router` to its end."""
    command = [sys.executable, "-m", "edge_router", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)


class RunningNode:
    """`edge-router start` in a directory, with this test as its service manager: so it says when it is ready."""

    def __init__(self, directory: Path, *options: str, **environment: str) -> None:
        self.directory = directory
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"\0edge-router-{os.getpid()}-{id(self)}"
        self._manager.bind(address)
        self._manager.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_router", "start", "--cbdir", str(directory), *options],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@"), **environment},
        )
        self.stderr = ""

    def said(self, wanted: str) -> str:
        """The next message to the service manager that begins so; others before it are passed over."""
        while True:
            message = self._manager.recv(4096).decode()
            if message.startswith(wanted):
                return message

    def wait_until_ready(self) -> int:
        """Result: the TCP port, 0 if there is none. Fails with the node's own words if it ends instead."""
        process = os.pidfd_open(self.process.pid)
        try:
            ready, _, _ = select.select([self._manager, process], [], [], PATIENCE)
        finally:
            os.close(process)
        assert self._manager in ready, f"no READY; the node said: {self.ended()}"
        status = self.said("READY=1").partition("STATUS=")[2].partition(";")[0]
        places = status.removeprefix("listening on ").split(", ")
        return next((int(place.rpartition(":")[2]) for place in places if place.startswith("tcp")), 0)

    def ended(self) -> int:
        """Wait for the end. Result: the exit status; what the node said is in `stderr`."""
        _, said = self.process.communicate(timeout=PATIENCE)
        self.stderr += said
        return self.process.returncode

    def close(self) -> None:
        """End whatever is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
        self._manager.close()


class Client:
    """WAMP over RawSocket and JSON, in the simplest way. where: a TCP port of this machine, or a Unix socket."""

    def __init__(self, where: int | Path) -> None:
        if isinstance(where, int):
            self._socket = socket.create_connection(("127.0.0.1", where), PATIENCE)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(PATIENCE)
            self._socket.connect(str(where))
        self._socket.sendall(b"\x7f\xf1\0\0")
        assert self._exactly(4) == b"\x7f\xb1\0\0"

    def send(self, *message: Any) -> None:
        data = json.dumps(message).encode()
        self._socket.sendall(struct.pack(">I", len(data)) + data)

    def receive(self) -> Any:
        """The next message; None when the router has closed the connection."""
        head = self._exactly(4)
        return json.loads(self._exactly(struct.unpack(">I", head)[0])) if head else None

    def join(self, realm: str = "realm1") -> Any:
        """HELLO. Result: the answer."""
        self.send(1, realm, {"roles": {role: {} for role in ("caller", "callee", "publisher", "subscriber")}})
        return self.receive()

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data
