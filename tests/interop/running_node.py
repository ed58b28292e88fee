"""A node as a process of its own, as an operator runs it: started, watched from outside, killed, started again.

What its config says in a word (`realms`, `transports`) is written here once for the interop and the hostile suite.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

#: seconds for what takes a fraction of one on a quiet machine
PATIENCE = 20.0
LISTENS = re.compile(r"listens on (\S+)")
#: level and namespace of a line that no node should write when nothing is wrong with itself
COMPLAINTS = re.compile(r"Traceback|Unhandled|Error:| error |\bcritical\b")

EVERYTHING = {"call": True, "register": True, "publish": True, "subscribe": True}
REALM = {
    "name": "realm1",
    "roles": [
        {
            "name": "anonymous",
            "permissions": [
                {"uri": "", "match": "prefix", "allow": EVERYTHING},
                {"uri": "com.denied.", "match": "prefix", "allow": {}},
                {
                    "uri": "com.disclosed.",
                    "match": "prefix",
                    "allow": EVERYTHING,
                    "disclose": {"caller": True, "publisher": True},
                },
            ],
        }
    ],
}

_fetch = build_opener(ProxyHandler({})).open


def tcp() -> dict[str, Any]:
    """An endpoint on a free port of the loopback interface."""
    return {"type": "tcp", "port": 0, "interface": "127.0.0.1"}


def doors(**more: Any) -> dict[str, dict[str, Any]]:
    """One transport of each kind, by the names the tests use. more: keys that every transport gets."""
    return {
        "rawsocket": {"type": "rawsocket", "endpoint": tcp(), **more},
        "unix": {"type": "rawsocket", "endpoint": {"type": "unix", "path": "sock"}, **more},
        "websocket": {"type": "websocket", "endpoint": tcp(), **more},
        "universal": {
            "type": "universal",
            "endpoint": tcp(),
            "rawsocket": {},
            "websocket": {"ws": {"type": "websocket"}},
            "web": {"paths": {"/": {"type": "nodeinfo"}}},
        },
        "web": {
            "type": "web",
            "endpoint": tcp(),
            "paths": {"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}, "lp": {"type": "longpoll"}},
        },
    }


class NodeFailed(Exception):
    """The node did not do what a node should; the text has the end of its log."""


class RunningNode:
    """A node process.

    directory: its node directory, made if need be. transports: name -> section of the config; the names are used to
    find the real addresses.
    """

    def __init__(self, directory: Path, transports: Mapping[str, dict[str, Any]]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.log = directory / "node.log"
        self.places: dict[str, tuple[str, int] | str] = {}
        self._transports = dict(transports)
        self._process: subprocess.Popen[bytes] | None = None

    # --- its life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it is ready. A second start listens where the first did."""
        (self.directory / "config.json").write_text(json.dumps(self.config(), indent=1))
        argv = [sys.executable, "-m", "edge_router", "start", "--cbdir", str(self.directory)]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._await_ready(begin)

    def config(self) -> dict[str, Any]:
        """What it runs."""
        worker = {"type": "router", "realms": [REALM], "transports": list(self._transports.values())}
        return {"version": 2, "workers": [worker]}

    def _await_ready(self, begin: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while "ready: " not in (text := self.said(begin)):
            if self.status() is not None or time.monotonic() > deadline:
                self.kill()
                raise NodeFailed(f"the node did not start:\n{text[-2000:]}")
            time.sleep(0.01)
        for name, place in zip(self._transports, LISTENS.findall(text), strict=True):
            self.places[name] = place = self._address(place)
            if isinstance(place, tuple):
                self._transports[name]["endpoint"]["port"] = place[1]

    @staticmethod
    def _address(place: str) -> tuple[str, int] | str:
        kind, _, rest = place.partition(":")
        if kind == "unix":
            return rest
        host, _, port = rest.rpartition(":")
        return host, int(port)

    def stop(self) -> int:
        """End it in order (SIGTERM). Result: the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as a power cut would (SIGKILL). Result: the exit status."""
        return self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise NodeFailed(f"the node did not end:\n{self.said()[-2000:]}") from None

    def status(self) -> int | None:
        """The exit status; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    # --- what can be seen of it --------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def said(self, begin: int = 0) -> str:
        """Its log, from an octet on."""
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", "replace")

    def complaints(self, begin: int = 0) -> list[str]:
        """Lines of the log, from an octet on, that tell of a fault of the node itself."""
        return [line for line in self.said(begin).splitlines() if COMPLAINTS.search(line)]

    def rss(self) -> int:
        """Resident memory in octets (/proc/PID/smaps_rollup, proc(5))."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("smaps_rollup without Rss")

    def descriptors(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def info(self) -> dict[str, Any]:
        """The worker's part of its info page."""
        host, port = self.tcp("web")
        with _fetch(f"http://{host}:{port}/?format=json", timeout=PATIENCE) as answer:
            worker: dict[str, Any] = json.load(answer)["workers"][0]
        return worker

    def sessions(self) -> int:
        """Sessions in its realm, by its own count."""
        count: int = self.info()["realms"][0]["sessions"]
        return count

    def tcp(self, name: str) -> tuple[str, int]:
        """Host and port of a transport."""
        place = self.places[name]
        assert isinstance(place, tuple)
        return place

    def connect(self, name: str) -> socket.socket:
        """A fresh connection to a transport."""
        place = self.places[name]
        if isinstance(place, tuple):
            return socket.create_connection(place, timeout=PATIENCE)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(place)  # without a time-out it waits for room in the backlog
        connection.settimeout(PATIENCE)
        return connection
