"""Who is measured: processes that are started on free loopback ports, asked what they cost, and stopped."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0


class ServerFailed(Exception):
    """A server did not start; the text says which and what it said."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process under measurement, to be used with `with`.

    name: how it is called in the tables. argv: its command. ways: way of reaching it (`tcp`, `unix`, `websocket`) ->
    arguments of the generator. probe: TCP port or path of the Unix socket that tells it is up. workdir: where its
    output goes. env: additions to the environment.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        ways: Mapping[str, Sequence[str]],
        probe: int | Path,
        workdir: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.ways = ways
        self.probe = probe
        self.log = workdir / f"{name.replace(' ', '-')}-{os.urandom(3).hex()}.log"
        self.env = {**os.environ, **(env or {})}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code
        self.startup_wall = 0.0
        self.startup_cpu = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Server:
        began = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd=REPOSITORY
            )
        try:
            while not self._listens():
                if self._process.poll() is not None:
                    raise ServerFailed(f"{self.name} ended with status {self._process.returncode}: {self._tail()}")
                if time.monotonic() - began > START_TIMEOUT:
                    raise ServerFailed(f"{self.name} does not listen after {START_TIMEOUT:.0f} s: {self._tail()}")
                time.sleep(0.002)
        except ServerFailed:
            self.__exit__()
            raise
        self.startup_cpu = self.cpu_seconds()
        self.startup_wall = time.monotonic() - began
        return self

    def __exit__(self, *exc: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        unix = isinstance(self.probe, Path)
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
            return probe.connect_ex(str(self.probe) if unix else ("127.0.0.1", self.probe)) == 0

    def _tail(self) -> str:
        said = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(said[-6:]) or "(it said nothing)"

    def cpu_seconds(self) -> float:
        """CPU seconds of its threads so far, from /proc/PID/task/*/schedstat (ns on a CPU; proc(5)).

        A kernel without schedstat has the ticks of /proc/PID/stat, usually 10 ms each.
        """
        tasks = [task / "schedstat" for task in Path(f"/proc/{self.pid}/task").iterdir()]
        if all(task.exists() for task in tasks):
            return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """RSS, PSS and anonymous memory in bytes, from /proc/PID/smaps_rollup (proc(5))."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return {name.lower(): kib[name] * 1024 for name in ("Rss", "Pss", "Anonymous")}


# --- the servers ---------------------------------------------------------------------------------------------------


def relay(workdir: Path) -> Server:
    """The bare Twisted relay of bytes."""
    port = free_port()
    script = str(Path(__file__).with_name("relay.py"))
    ways = {"tcp": ["--tcp", f"127.0.0.1:{port}", "--relay"]}
    return Server("relay", [sys.executable, script, str(port)], ways, port, workdir)


def mosquitto(workdir: Path) -> Server | None:
    """mosquitto with a configuration of our own, QoS 0; None where it is not installed."""
    command = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if command is None:
        return None
    port = free_port()
    config = workdir / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\nlog_type error\n"
    )
    ways = {"tcp": ["--tcp", f"127.0.0.1:{port}", "--mqtt"]}
    return Server("mosquitto", [command, "-c", str(config)], ways, port, workdir)


def peer(name: str, command: str, workdir: Path) -> Server:
    """Another WAMP router: a command in which `{port}` stands for the port of its RawSocket, realm `realm1`."""
    port = free_port()
    ways = {"tcp": ["--tcp", f"127.0.0.1:{port}"]}
    return Server(name, shlex.split(command.replace("{port}", str(port))), ways, port, workdir)


ALLOW = {"call": True, "register": True, "publish": True, "subscribe": True}
ALLOW_ALL = {"uri": "", "match": "prefix", "allow": ALLOW}
REALM: Mapping[str, Any] = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [ALLOW_ALL]}]}
LIMITS = {"subscriptions": 100_000}


def node(
    workdir: Path,
    web: bool = False,
    bridges: Sequence[Mapping[str, Any]] = (),
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    realm: Mapping[str, Any] = REALM,
) -> Server:
    """edge-router with RawSocket on TCP and on a Unix socket, open to everybody.

    web: also a web transport with WebSocket at /ws and a page at /. bridges: sections of `bridges`.
    env: additions to the environment. options: of the Python interpreter. realm: in place of the usual one.
    """
    directory = workdir / f"node-{os.urandom(3).hex()}"
    directory.mkdir()
    port, web_port, unix = free_port(), free_port(), directory / "sock"
    common = {"type": "rawsocket", "limits": LIMITS, "max_connections": 5_000}
    transports: list[dict[str, Any]] = [
        {**common, "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"}},
        {**common, "endpoint": {"type": "unix", "path": str(unix)}},
    ]
    ways = {"tcp": ["--tcp", f"127.0.0.1:{port}"], "unix": ["--unix", str(unix)]}
    if web:
        (directory / "web").mkdir()
        (directory / "web" / "index.html").write_text("<!doctype html><title>bench</title>\n")
        paths = {"/": {"type": "static", "directory": "web"}, "ws": {"type": "websocket"}}
        endpoint = {"type": "tcp", "port": web_port, "interface": "127.0.0.1"}
        transports.append({"type": "web", "endpoint": endpoint, "paths": paths})
        ways["websocket"] = ["--tcp", f"127.0.0.1:{web_port}", "--path", "/ws"]
    worker = {"type": "router", "realms": [realm], "transports": transports}
    config: dict[str, Any] = {"version": 2, "workers": [worker]}
    if bridges:
        config["bridges"] = list(bridges)
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    argv = [sys.executable, *options, "-m", "edge_router", "start", "--cbdir", str(directory)]
    return Server("edge-router", argv, ways, web_port if web else unix, workdir, env)
