"""What load is put on the servers: a table of cases, each run with several subjects in turn (A B C, C B A, ...)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .generator import Generator, LoadFailed
from .results import Results
from .servers import Server

ENCODINGS = ("msgpack", "cbor", "json")
TOPICS = 100_000
HOLDERS = 50
"""Sessions that share the many topics, so that none holds more than a default limit allows."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """A server and how it is spoken to.

    server: its name; `peers` stands for all other WAMP routers. encoding: of the WAMP messages, "" where there
    are none. way: how it is reached.
    """

    server: str
    encoding: str = ""
    way: str = "tcp"

    def label(self, server: str) -> str:
        """The subject in one line."""
        ways = {"tcp": "", "unix": "Unix", "websocket": "WebSocket"}
        return " ".join(part for part in (server, self.encoding, ways[self.way]) if part)


@dataclass(frozen=True)
class Case:
    """One kind of load.

    name: short, for the results. section: what it is chosen by. title: for people. mode: of the generator.
    arguments: of the generator. subjects: who is measured, in turn.
    """

    name: str
    section: str
    title: str
    mode: str
    arguments: tuple[str, ...]
    subjects: tuple[Subject, ...]


def _subjects(others: Iterable[str], encodings: Iterable[str] = ENCODINGS) -> tuple[Subject, ...]:
    return (*(Subject(name) for name in others), *(Subject("edge-router", encoding) for encoding in encodings), PEERS)


PEERS = Subject("peers", "msgpack")
MSGPACK = Subject("edge-router", "msgpack")
UNIX = Subject("edge-router", "msgpack", "unix")
WEB = Subject("edge-router", "json", "websocket")
RAW_JSON = Subject("edge-router", "json")

CASES = (
    Case("1:1", "pubsub", "1 publisher, 1 subscriber, window 256", "pubsub", ("--window", "256"),
         _subjects(("relay", "mosquitto"))),
    Case("1:10", "pubsub", "1 publisher, 10 subscribers, window 256", "pubsub", ("--window", "256", "--subs", "10"),
         _subjects(("relay", "mosquitto"))),
    Case("1:100", "pubsub", "1 publisher, 100 subscribers, window 64", "pubsub", ("--window", "64", "--subs", "100"),
         _subjects(("relay", "mosquitto"))),
    Case("ack", "ack", "acknowledged publish, 1 subscriber, window 256", "pubsub", ("--window", "256", "--ack"),
         (MSGPACK, PEERS)),
    Case("unix", "unix", "1 publisher, 1 subscriber, window 256, Unix socket", "pubsub", ("--window", "256"),
         (MSGPACK, UNIX)),
    Case("rpc", "rpc", "calls answered by an echo, window 64", "rpc", ("--window", "64"), _subjects(("relay",))),
    Case("rpc-1", "rpc", "calls answered by an echo, window 1", "rpc", ("--window", "1"),
         (Subject("relay"), MSGPACK, UNIX, PEERS)),
    Case("latency", "latency", "1 publisher, 1 subscriber, window 1", "pubsub", ("--window", "1"),
         (Subject("relay"), Subject("mosquitto"), MSGPACK, UNIX, PEERS)),
    Case("ws 1:1", "websocket", "WebSocket, 1 publisher, 1 subscriber, window 256", "pubsub", ("--window", "256"),
         (RAW_JSON, WEB)),
    Case("ws 1:10", "websocket", "WebSocket, 1 publisher, 10 subscribers, window 256", "pubsub",
         ("--window", "256", "--subs", "10"), (RAW_JSON, WEB)),
    Case("ws 1:1 latency", "websocket", "WebSocket, 1 publisher, 1 subscriber, window 1", "pubsub", ("--window", "1"),
         (RAW_JSON, WEB)),
)  # fmt: skip


@dataclass
class Bench:
    """One run of the benchmarks.

    generator: makes the load. results: where figures go. rounds: how often each subject has its turn.
    secs, warm: how long a turn is measured, and how long it warms up. note: told what is going on.
    """

    generator: Generator
    results: Results
    rounds: int
    secs: float
    warm: float
    note: Note

    def turn(self, case: str, mode: str, label: str, server: Server, arguments: Iterable[str]) -> None:
        """One round of one subject; a failure is kept as a reason, not raised."""
        before = server.cpu_seconds()
        try:
            load = self.generator.run(mode, list(arguments), self.secs, self.warm)
        except LoadFailed as reason:
            self.results.failed.append(f"{case}, {label}: {reason}")
            return
        cpu = server.cpu_seconds() - before
        self.results.add(case, label, load, cpu / max(load.delivered, 1) * 1e6)


def subjects_of(case: Case, servers: Mapping[str, Server]) -> list[tuple[str, Server, tuple[str, ...]]]:
    """(label, server, arguments of the generator) for every subject of the case that is there."""
    found = []
    own = ("edge-router", "relay", "mosquitto")
    for subject in case.subjects:
        names = [name for name in servers if name not in own] if subject.server == "peers" else [subject.server]
        for name in names:
            server = servers.get(name)
            if server is None or subject.way not in server.ways:
                continue
            arguments = (*server.ways[subject.way], *case.arguments)
            if subject.encoding:
                arguments = (*arguments, "--encoding", subject.encoding)
            found.append((subject.label(name), server, arguments))
    return found


def run_cases(bench: Bench, cases: Iterable[Case], servers: Mapping[str, Server]) -> None:
    """All rounds of all cases: the subjects of a case one after the other, so that they meet the same machine.

    Every other round has them the other way round, so that a drift cancels out.
    """
    todo = [(case, subjects_of(case, servers)) for case in cases]
    for turn in range(bench.rounds):
        for case, subjects in todo:
            bench.note(f"round {turn + 1} of {bench.rounds}: {case.title}")
            for label, server, arguments in subjects if turn % 2 == 0 else reversed(subjects):
                bench.turn(case.name, case.mode, label, server, arguments)


def run_topics(bench: Bench, empty: Server, full: Server) -> None:
    """Publish to one topic, in a node with nothing else and in one with 100,000 subscriptions on other topics.

    Then publish to one subscriber's topics in turn: few, which caches can hold, and all 100,000.
    """
    tcp, one = ("--tcp", full.ways["tcp"][1]), ("--window", "256", "--encoding", "msgpack")
    before = full.memory()["rss"]
    bench.note(f"{TOPICS:,} subscriptions")
    hold = [*tcp, "--subs", str(HOLDERS), "--topics", str(TOPICS // HOLDERS), "--topic", "com.example.many"]
    with bench.generator.hold(hold) as seconds:
        bench.results.figure("subscriptions made per s", TOPICS / seconds)
        bench.results.figure("memory per subscription, bytes", (full.memory()["rss"] - before) / TOPICS)
        for turn in range(bench.rounds):
            bench.note(f"round {turn + 1} of {bench.rounds}: {TOPICS:,} subscriptions")
            pair = (("no other topics", empty), (f"{TOPICS:,} other topics", full))
            for label, server in pair if turn % 2 == 0 else reversed(pair):
                bench.turn("topics", "pubsub", label, server, (*server.ways["tcp"], *one))
    for spread in (1_000, TOPICS):
        label = f"{spread:,} topics in turn"
        bench.note(label)
        bench.turn("topics", "pubsub", label, empty, (*empty.ways["tcp"], *one, "--spread", str(spread)))
