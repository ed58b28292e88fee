"""An uplink under adverse conditions, with real processes: a board, a central router and a link that dies.

    python -m tests.uplink.chaos --events 100000 --cuts 50 --kills 20 --central-kills 10

A publisher gives the board numbered events all the while; the link is cut, stalls, or swallows what it is given; the
board and the centre are killed with SIGKILL and started anew. At the end the history of the centre is looked at: every
event that the board had for longer than `commit_seconds` is there once, and each topic is in order.

With `--crossbar build/crossbar` the centre is Crossbar.io, and a subscriber there looks; say `--central-kills 0` then,
for it would not see what is published while it is away. Crossbar knows no origins: every event arrives, in order, and
those that are sent again arrive again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import msgpack
from twisted.internet.defer import ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from edge_router.client.connect import connect
from edge_router.client.failures import ConnectFailed
from edge_router.client.session import Session
from edge_router.client.values import CallError
from edge_router.config.schema.connecting import ClientRawSocket, ClientUnixEndpoint

ROOT = Path(__file__).resolve().parents[2]
ALLOW = {"uri": "", "match": "prefix", "allow": {"call": True, "register": True, "publish": True, "subscribe": True}}
#: seconds until the board has written an event; and what is added for the way there
COMMIT = 0.3
SLACK = 0.7


@dataclass
class Plan:
    """What happens. rate: events a second. topics: over which they are spread. quiet: whether the publisher pauses
    before the board is killed, so that nothing may be lost at all.
    """

    events: int = 2_000
    topics: int = 7
    rate: float = 400.0
    cuts: int = 3
    kills: int = 2
    central_kills: int = 1
    quiet: bool = False
    seed: int = 1
    crossbar: Path | None = None


@dataclass
class Report:
    """What came of it. sent: events that the board took. lost: those that a kill may have taken, and took. missing:
    those that are gone and should not be. twice: published more than once. disorder: out of the order of their topic,
    those that came before already left aside.
    """

    sent: int = 0
    arrived: int = 0
    lost: int = 0
    missing: list[int] = field(default_factory=list)
    twice: int = 0
    disorder: int = 0
    seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Everything once, and in order."""
        return self.arrived > 0 and not (self.missing or self.twice or self.disorder)


class Node:
    """An edge-router process with a directory of its own."""

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps(config))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens some time later."""
        argv = [sys.executable, "-m", "edge_router", "start", "--cbdir", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, how: signal.Signals) -> None:
        """End it, and wait for that."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None


class Crossbar(Node):
    """Crossbar.io in place of a central edge-router. home: where it is installed."""

    def __init__(self, directory: Path, port: int, home: Path) -> None:
        realm = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [ALLOW]}]}
        transport = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"}}
        super().__init__(
            directory, {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": [transport]}]}
        )
        self.home = home.resolve()

    def start(self) -> None:
        """Start it, without what this process has in its environment for edge-router."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        argv = [str(self.home / "bin" / "crossbar"), "start", "--cbdir", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)


class Pipe(Protocol):
    """One end of a connection through the proxy. other: the near end, if this is the far one."""

    def __init__(self, proxy: Proxy, other: Pipe | None = None) -> None:
        self.proxy = proxy
        self.other = other
        self.waiting: list[bytes] = []

    def connectionMade(self) -> None:
        self.proxy.pipes.add(self)
        if self.other is None:
            far = TCP4ClientEndpoint(self.proxy.reactor, "127.0.0.1", self.proxy.target, timeout=5)
            connectProtocol(far, Pipe(self.proxy, self)).addErrback(lambda _: self.abort())
        else:
            self.other.other = self
            self.write(b"".join(self.other.waiting))

    def write(self, data: bytes) -> None:
        """Hand on."""
        if self.connected:
            self.transport.write(data)  # type: ignore[union-attr]

    def abort(self) -> None:
        """End it at once."""
        if self.connected:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        if self.proxy.swallows:
            return
        if self.other is None:
            self.waiting.append(data)
        else:
            self.other.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.proxy.pipes.discard(self)
        if self.other is not None:
            self.other.abort()


class Proxy:
    """The link, which can be made to fail. target: the port of the centre. swallows: what passes is lost."""

    def __init__(self, reactor: Any, target: int) -> None:
        self.reactor = reactor
        self.target = target
        self.pipes: set[Pipe] = set()
        self.swallows = False
        factory = Factory.forProtocol(lambda: Pipe(self))
        factory.noisy = False
        self.port: int = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port

    def cut(self) -> None:
        """All connections are gone at once."""
        for pipe in list(self.pipes):
            pipe.abort()

    def stall(self, on: bool) -> None:
        """Nothing passes, nothing is lost."""
        for pipe in list(self.pipes):
            if pipe.connected:
                pipe.transport.pauseProducing() if on else pipe.transport.resumeProducing()  # type: ignore[union-attr]


class Chaos:
    """One run. reactor: a Twisted reactor. directory: for the nodes. plan: what happens."""

    def __init__(self, reactor: Any, directory: Path, plan: Plan) -> None:
        self.reactor = reactor
        self.plan = plan
        self.report = Report()
        self.draw = random.Random(plan.seed)
        port = free_port()
        self.centre = (
            Node(directory / "centre", centre_config(port, plan.events))
            if plan.crossbar is None
            else Crossbar(directory / "centre", port, plan.crossbar)
        )
        self.central = ClientRawSocket(url=f"rs://127.0.0.1:{port}")
        #: what a subscriber at the centre got: topic and number
        self.seen: list[tuple[str, int]] = []
        self.proxy = Proxy(reactor, port)
        self.board = Node(directory / "board", board_config(self.proxy.port))
        #: what the board took, and when
        self.taken: dict[int, float] = {}
        #: when it was killed
        self.killed: list[float] = []
        self.publishes = True
        self.session: Session | None = None
        self.next = 0

    async def run(self) -> Report:
        """Do it."""
        began = time.monotonic()
        try:
            self.centre.start()
            if self.plan.crossbar is not None:
                witness = await self.join(self.central)
                await witness.subscribe("site.", lambda event: self.seen.append((event.topic, event.args[0])), "prefix")
            self.board.start()
            publisher = ensureDeferred(self.publish())
            await self.disturb()
            await publisher
            await self.settle()
        finally:
            self.board.end(signal.SIGTERM)
            self.centre.end(signal.SIGTERM)
        self.look()
        self.report.seconds = time.monotonic() - began
        return self.report

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await deferLater(self.reactor, seconds, lambda: None)

    # --- the publisher -------------------------------------------------------------------------------------------

    async def join(self, transport: ClientRawSocket | None = None) -> Session:
        """A session, as soon as there can be one; at the board, if nothing else is said."""
        if transport is None:
            transport = ClientRawSocket(endpoint=ClientUnixEndpoint(path=str(self.board.directory / "sock")))
        while True:
            try:
                return await connect(transport, "realm1", reactor=self.reactor)
            except ConnectFailed:
                await self.sleep(0.05)

    async def publish(self) -> None:
        """Publish all the events, each once, at about the rate of the plan."""
        while self.next < self.plan.events:
            if self.session is None or not self.session.is_open:
                self.session = await self.join()
            count = max(1, int(self.plan.rate / 50))
            if self.publishes:
                for _ in range(min(count, self.plan.events - self.next)):
                    self.publish_one(self.session)
            await self.sleep(0.02)

    def publish_one(self, session: Session) -> None:
        """The next event."""
        number, self.next = self.next, self.next + 1
        published = session.publish(f"data.t{number % self.plan.topics}", [number], acknowledge=True)
        assert published is not None
        published.addCallbacks(
            lambda _: self.taken.__setitem__(number, time.monotonic()), lambda failure: failure.trap(CallError)
        )

    # --- what goes wrong -------------------------------------------------------------------------------------------

    async def disturb(self) -> None:
        """Everything of the plan, in any order, over the time that the publisher takes."""
        plan = self.plan
        happens = ["cut"] * plan.cuts + ["kill"] * plan.kills + ["central_kill"] * plan.central_kills
        self.draw.shuffle(happens)
        for number, what in enumerate(happens):
            while self.next < plan.events * (number + 1) / (len(happens) + 1):
                await self.sleep(0.02)
            await self.up()
            await getattr(self, what)()
            self.report.happened[what] += 1

    async def up(self) -> None:
        """Until there is a link that can fail, which may just have begun with its backlog."""
        while not self.proxy.pipes:
            await self.sleep(0.02)
        await self.sleep(self.draw.uniform(0, 0.5))

    async def cut(self) -> None:
        """The link dies, in one of three ways."""
        how = self.draw.choice(("at once", "after a stall", "silently"))
        if how == "after a stall":
            self.proxy.stall(True)
            await self.sleep(self.draw.uniform(0.1, 1.0))
            if self.draw.random() < 0.5:
                self.proxy.stall(False)
        elif how == "silently":
            self.proxy.swallows = True
            await self.sleep(self.draw.uniform(0.5, 2.0))
        self.proxy.cut()
        self.proxy.swallows = False

    async def kill(self) -> None:
        """The board loses its power, as far as a process can."""
        if self.plan.quiet:
            self.publishes = False
            await self.sleep(COMMIT + SLACK)
        self.killed.append(time.monotonic())
        self.board.end(signal.SIGKILL)
        self.publishes = True
        await self.sleep(self.draw.uniform(0, 0.3))
        self.board.start()

    async def central_kill(self) -> None:
        """The centre, likewise."""
        self.centre.end(signal.SIGKILL)
        await self.sleep(self.draw.uniform(0, 1.0))
        self.centre.start()

    # --- the end ---------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Until nothing waits any more at the board."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 3 * COMMIT:
            await self.sleep(0.1)
            if self.session is None or not self.session.is_open:
                self.session = await self.join()
            try:
                status = (await self.session.call("edge.uplink.hq.get_status")).kwargs
            except CallError:
                continue
            if status["rows"] or time.monotonic() - max(self.taken.values()) < COMMIT:
                quiet_since = time.monotonic()
            self.report.happened["dropped"] = status["dropped"] + status["refused"]

    def look(self) -> None:
        """What the centre has published."""
        report = self.report
        events = self.seen if self.plan.crossbar is not None else self.history()
        counts = Counter(number for _, number in events)
        newest: dict[str, int] = {}
        known: set[int] = set()
        for topic, number in events:
            report.disorder += number < newest.get(topic, -1) and number not in known
            known.add(number)
            newest[topic] = max(number, newest.get(topic, -1))
        report.sent, report.arrived = len(self.taken), len(counts)
        report.twice = sum(count - 1 for count in counts.values())
        for number, when in self.taken.items():
            if number not in counts:
                young = any(0 <= killed - when < COMMIT + SLACK for killed in self.killed)
                report.lost += young
                if not young or self.plan.quiet:
                    report.missing.append(number)

    def history(self) -> list[tuple[str, int]]:
        """Topic and number of all that the centre has published, in order."""
        database = sqlite3.connect(self.centre.directory / "realm1.sqlite")
        rows = database.execute("SELECT topic, args FROM history ORDER BY place").fetchall()
        database.close()
        return [(topic, msgpack.decode(args)[0]) for topic, args in rows]


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def centre_config(port: int, events: int) -> dict[str, Any]:
    """A central router that remembers all it has published."""
    history = {"uri": "site.", "match": "prefix", "limit": 2 * events + 1000, "max_bytes": 4_000_000_000}
    realm = {
        "name": "realm1",
        "roles": [{"name": "board", "forwards": True, "permissions": [ALLOW]}],
        "store": {"type": "sqlite", "path": "realm1.sqlite", "event-history": [history]},
    }
    transport = {
        "type": "rawsocket",
        "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"},
        "auth": {"anonymous": {"type": "static", "role": "board"}},
    }
    return {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": [transport]}]}


def board_config(port: int) -> dict[str, Any]:
    """A board whose events go to the centre."""
    realm = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [ALLOW]}]}
    transport = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "sock"}}
    uplink = {
        "id": "hq",
        "realm": "realm1",
        "node": "board",
        "transport": {"type": "rawsocket", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": port}},
        "rules": [{"uri": "data.", "match": "prefix", "buffer": "all", "prefix": "site.{node}."}],
        "store": {"commit_seconds": COMMIT, "replay_rate": 5000},
        "keepalive": 1,
        "keepalive_timeout": 1,
        "max_retry_delay": 0.5,
    }
    worker = {"type": "router", "realms": [realm], "transports": [transport]}
    return {"version": 2, "workers": [worker], "uplinks": [uplink]}


def run(directory: Path, plan: Plan) -> Report:
    """One run, in a reactor of its own."""
    reactor = EPollReactor()
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    reactor.installed = True
    found: list[Any] = []

    def done(result: Any) -> None:
        found.append(result)
        reactor.stop()

    def begin() -> None:
        ensureDeferred(Chaos(reactor, directory, plan).run()).addBoth(done)

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if isinstance(found[0], Report):
        return found[0]
    found[0].raiseException()
    raise AssertionError


def main(argv: list[str]) -> int:
    """The command. Exit status: 0 if nothing was lost, twice or out of order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    plan = Plan()
    for name in ("events", "topics", "rate", "cuts", "kills", "central_kills", "seed"):
        default = getattr(plan, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--crossbar", type=Path, help="where Crossbar.io is installed; it is the centre then")
    parser.add_argument("--quiet", action="store_true", help="kill the board only when it has written everything")
    plan = Plan(**vars(parser.parse_args(argv)))
    with tempfile.TemporaryDirectory() as directory:
        report = run(Path(directory), plan)
    print(plan, report, sep="\n")
    if plan.crossbar is not None:
        report.twice = 0  # it cannot know
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
