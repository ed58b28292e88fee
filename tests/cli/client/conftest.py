"""One running node for all, and commands that are run in this very process: a tenth of a second each is a lot here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.selectreactor import SelectReactor

from edge_router.__main__ import dispatch
from edge_router.cli.client import talk
from tests.cli.running import ALLOW_ALL, PATIENCE, RunningNode, configuration, write

ENROLMENT = {"cryptosign": {"enrolment": {"role": "anonymous"}}}
TICKET = {"ticket": {"principals": {"joe": {"ticket": "s3cret", "role": "anonymous"}}}}


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node with a Unix socket, one with a ticket, WebSocket, and a second realm."""
    directory = tmp_path_factory.mktemp("node")
    config = configuration()
    worker = config["workers"][0]
    worker["realms"].append({"name": "realm2", "roles": [{"name": "anonymous", "permissions": [ALLOW_ALL]}]})
    worker["transports"].append({"type": "websocket", "endpoint": {"type": "unix", "path": "ws.sock"}})
    worker["transports"].append(
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "ticket.sock"}, "auth": TICKET}
    )
    worker["transports"].append(
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "enrol.sock"}, "auth": ENROLMENT}
    )
    write(directory, config)
    running = RunningNode(directory)
    running.port = running.wait_until_ready()  # type: ignore[attr-defined]
    yield running
    running.process.terminate()
    assert running.ended() == 0
    running.close()
    assert "Traceback" not in running.stderr


class Done(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its output, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Done]


@pytest.fixture
def run(node: RunningNode, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command against the node, in this process, on a reactor of its own."""
    reactors: list[SelectReactor] = []

    def make_reactor() -> SelectReactor:
        reactors.append(SelectReactor())
        return reactors[-1]

    monkeypatch.setattr(talk, "install_reactor", make_reactor)
    monkeypatch.setattr("edge_router.cli.client.options.hold_back", lambda **_: None)
    for name in ("EDGE_ROUTER_URL", "EDGE_ROUTER_REALM", "CROSSBAR_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(node.directory)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}

    def ran(*words: str) -> Done:
        try:
            status = dispatch(words)
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            while reactors:
                close(reactors.pop())
        out, err = capfd.readouterr()
        return Done(status, out, err)

    yield ran
    for number, handler in before.items():
        signal.signal(number, handler)


def close(reactor: SelectReactor) -> None:
    """Let go of what a reactor holds open itself."""
    reactor.removeAll()
    for reader in list(reactor._internalReaders):
        reader.connectionLost(None)


def environment() -> dict[str, str]:
    """For processes: they run what is tested here, wherever they are."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("EDGE_ROUTER")}
    return {**own, "PYTHONPATH": str(Path(__file__).parents[3])}


class Endless:
    """A command that runs until it is ended."""

    def __init__(self, node: RunningNode, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_router", words[0], "--cbdir", str(node.directory), *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def error(self) -> str:
        """The next line on its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait. Result: the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Whatever is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def begin(node: RunningNode) -> Iterator[Callable[..., Endless]]:
    """Starts commands that do not end by themselves."""
    started: list[Endless] = []

    def start(*words: str) -> Endless:
        started.append(Endless(node, *words))
        return started[-1]

    yield start
    for each in started:
        each.close()
