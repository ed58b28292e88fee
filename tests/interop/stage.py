"""Who plays: the client libraries, the ways each of them can reach a router, and sessions of them by name.

A cast member is written `library/door/serializer`, as `wampy/websocket/cbor`.
"""

from __future__ import annotations

import fcntl
import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.interop import xconn_venv
from tests.interop.puppet import Puppet, Session
from tests.interop.running_node import RunningNode

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
PYTHON = [sys.executable, "-W", "ignore", str(CLIENTS / "autobahn_python.py")]

#: library -> how its puppet is started
LIBRARIES: dict[str, list[str]] = {
    "twisted": [*PYTHON, "twisted"],
    "asyncio": [*PYTHON, "asyncio"],
    "autobahn-js": ["node", "--no-deprecation", str(CLIENTS / "autobahn_js.cjs")],
    "wampy": ["node", "--no-deprecation", str(CLIENTS / "wampy_js.cjs")],
    "xconn": [xconn_venv.python(), "-W", "ignore", str(CLIENTS / "xconn_async.py")],
}
ON_NODE = {"autobahn-js", "wampy"}
#: leave the JSON convention for octets to their users
PLAIN_JSON = {*ON_NODE, "xconn"}

#: every client over every transport and encoding that it has
CAST = [
    *(f"{library}/{door}/{serializer}"
      for library in ("twisted", "asyncio")
      for door in ("websocket", "rawsocket")
      for serializer in ("json", "msgpack", "cbor")),
    "twisted/unix/cbor",
    "asyncio/unix/msgpack",
    "twisted/universal-ws/json",
    "twisted/universal-raw/msgpack",
    *(f"autobahn-js/websocket/{serializer}" for serializer in ("json", "msgpack", "cbor")),
    "autobahn-js/rawsocket/json",
    "autobahn-js/web-lp/json",
    "autobahn-js/unix/json",
    "autobahn-js/universal-raw/json",
    *(f"wampy/websocket/{serializer}" for serializer in ("json", "msgpack", "cbor")),
    "wampy/web/cbor",
    *(f"xconn/{door}/{serializer}"
      for door in ("websocket", "rawsocket")
      for serializer in ("json", "msgpack", "cbor")),
    "xconn/unix/cbor",
]  # fmt: skip


def way(node: RunningNode, door: str) -> dict[str, Any]:
    """What a puppet needs to know to reach the node by a door."""
    if door == "unix":
        return {"type": "rawsocket", "url": "rs://localhost", "path": node.places["unix"]}
    name, _, kind = door.partition("-")
    host, port = node.tcp(name)
    if door == "rawsocket" or kind == "raw":
        return {"type": "rawsocket", "url": f"rs://{host}:{port}", "host": host, "port": port}
    if kind == "lp":
        return {"type": "longpoll", "url": f"http://{host}:{port}/lp"}
    path = "/" if door in ("websocket", "cookies") else "/ws"
    return {"type": "websocket", "url": f"ws://{host}:{port}{path}", "host": host, "port": port}


class Unavailable(Exception):
    """A client library cannot be had here; the text says why."""


class NodeModules:
    """The libraries from npm, installed as `package-lock.json` says when they are first wanted."""

    def __init__(self) -> None:
        self._problem: str | None = None
        self._installed = False

    def require(self) -> None:
        """Have them installed. Raises Unavailable."""
        if not self._installed and self._problem is None:
            self._problem = self._install()
            self._installed = self._problem is None
        if self._problem is not None:
            raise Unavailable(self._problem)

    @staticmethod
    def _install() -> str | None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            return "node and npm are not installed"
        lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # the processes that share the tests want them at the same time
            if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
                return None
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            ended = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=180, check=False)
        return None if ended.returncode == 0 else f"npm ci failed: {ended.stderr[-400:]}"


class Stage:
    """The puppets of a test run, and the sessions on them.

    node: the router they join. workdir: for their logs.
    """

    def __init__(self, node: RunningNode, workdir: Path, modules: NodeModules) -> None:
        self.node = node
        self._workdir = workdir
        self._modules = modules
        self._puppets: dict[str, Puppet] = {}
        self._sessions: dict[str, Session] = {}
        self._numbers = itertools.count(1)

    def puppet(self, library: str) -> Puppet:
        """The puppet of a library, started when it is first wanted. Raises Unavailable."""
        if library not in self._puppets:
            if library in ON_NODE:
                self._modules.require()
            if library == "xconn" and (problem := xconn_venv.problem()) is not None:
                raise Unavailable(problem)
            self._puppets[library] = Puppet(LIBRARIES[library], self._workdir / f"{library}.log")
        return self._puppets[library]

    def enter(self, member: str, realm: str = "realm1") -> Session:
        """A fresh session."""
        library, door, serializer = member.split("/")
        name = f"{member}#{next(self._numbers)}"
        session = Session(self.puppet(library), name, serializer, plain_json=library in PLAIN_JSON)
        session.join(way(self.node, door), realm)
        return session

    def session(self, member: str) -> Session:
        """A session that stays for the whole run."""
        if member not in self._sessions:
            self._sessions[member] = self.enter(member)
        return self._sessions[member]

    def close(self) -> None:
        """End all puppets."""
        for puppet in self._puppets.values():
            puppet.close()
