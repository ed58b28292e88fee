"""The command line of the benchmarks: which sections, how long, against whom, and where the report goes."""

from __future__ import annotations

import argparse
import compileall
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import boards, bridges, codecs, memory, patterns, report, servers, uplinks
from .generator import Generator, LoadFailed
from .results import Results
from .workloads import CASES, Bench, run_cases, run_topics

LOAD = tuple(dict.fromkeys(case.section for case in CASES))
SECTIONS = (
    *LOAD, "topics", "patterns", "codecs", "bridges", "uplink", "footprint", "startup", "modules", "imports", "boards"
)  # fmt: skip
EPILOG = """sections: pubsub (1:1, 1:10, 1:100 in three encodings), ack, unix, rpc, latency, websocket,
topics (100,000 subscriptions), patterns, codecs, bridges (8 serial ports and 24 GPIO lines at full load), uplink (its
store), footprint,
startup, modules, imports, boards (emulated, if they have been built). Without any: all.
Figures of a busy machine are worth little; ratios of the same run are worth more."""


@dataclass(frozen=True)
class Options:
    """What the command line says; see `--help`."""

    sections: tuple[str, ...]
    rounds: int
    secs: float
    warm: float
    starts: int
    quick: bool
    peers: tuple[tuple[str, str], ...]
    json: Path | None
    markdown: Path | None


def named_command(text: str) -> tuple[str, str]:
    """`NAME=COMMAND` of --peer. Raises ArgumentTypeError."""
    name, equals, command = text.partition("=")
    if not (name and equals and "{port}" in command):
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=COMMAND is wanted, with {{port}} in the command")
    if name.split()[0] in ("edge-router", "relay", "mosquitto"):
        raise argparse.ArgumentTypeError(f"{name!r} is already in the tables; choose another name")
    return name, command


def options_from(argv: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"what to run: {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="one short round: whether it runs, not how fast")
    parser.add_argument("--rounds", type=int, help="turns of each subject (default 3)")
    parser.add_argument("--secs", type=float, help="seconds of a turn (default 1)")
    parser.add_argument("--warm", type=float, help="seconds before it that do not count (default 0.3)")
    parser.add_argument(
        "--peer", action="append", type=named_command, default=[], metavar="NAME=COMMAND",
        help="another router with RawSocket MsgPack and realm1; {port} in COMMAND is its port",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report for a README")
    given = parser.parse_args(argv)
    unknown = [section for section in given.sections if section not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    rounds = given.rounds if given.rounds is not None else (1 if given.quick else 3)
    secs = given.secs if given.secs is not None else (0.25 if given.quick else 1.0)
    warm = given.warm if given.warm is not None else (0.1 if given.quick else 0.3)
    if rounds < 1 or secs <= 0 or warm < 0:
        parser.error("--rounds is at least 1, --secs more than 0, --warm at least 0")
    return Options(
        sections=tuple(given.sections) or SECTIONS, rounds=rounds, secs=secs, warm=warm,
        starts=2 if given.quick else 5, quick=given.quick, peers=tuple(given.peer),
        json=given.json, markdown=given.markdown,
    )  # fmt: skip


def run_load(options: Options, bench: Bench, workdir: Path) -> None:
    """The cases of the chosen sections, with all servers up at the same time and one of them at work."""
    cases = [case for case in CASES if case.section in options.sections]
    if not cases:
        return
    candidates = [
        servers.relay(workdir), servers.mosquitto(workdir), servers.node(workdir, web="websocket" in options.sections),
        *(servers.peer(name, command, workdir) for name, command in options.peers),
    ]  # fmt: skip
    if candidates[1] is None:
        bench.results.skipped.append("mosquitto is not installed (on Debian: apt install mosquitto)")
    with ExitStack() as running:
        up = {}
        for server in candidates:
            if server is not None:
                started = start(running, server, bench.results)
                up.update({server.name: server} if started else {})
        weigh(up, "idle", bench.results)
        run_cases(bench, cases, up)
        weigh(up, "after the load", bench.results)


def weigh(up: dict[str, servers.Server], when: str, results: Results) -> None:
    """Keep what each server weighs, to compare; the node's own rows are those of `footprint`."""
    for name, server in up.items():
        results.figure(f"RSS {name} {when}, MB", server.memory()["rss"] / 1e6)


def start(running: ExitStack, server: servers.Server, results: Results) -> bool:
    """Start a server until the end of `running`; what fails is left out, with the reason."""
    try:
        running.enter_context(server)
    except servers.ServerFailed as reason:
        results.failed.append(str(reason))
        return False
    return True


def run_alone(options: Options, bench: Bench, workdir: Path) -> None:
    """The chosen sections that start servers of their own, or none."""
    results, note = bench.results, bench.note

    def topics() -> None:
        with servers.node(workdir) as empty, servers.node(workdir) as full:
            run_topics(bench, empty, full)

    parts: list[tuple[str, Callable[[], None]]] = [
        ("footprint", lambda: memory.measure_sockets_only(results, workdir, note)),
        ("footprint", lambda: memory.measure_lan_router(results, workdir, note)),
        ("footprint", lambda: memory.measure_sessions(results, workdir, bench.generator, note)),
        ("startup", lambda: memory.measure_startup(results, workdir, options.starts, note)),
        ("topics", topics),
        ("patterns", lambda: patterns.measure(results)),
        ("codecs", lambda: codecs.measure(results)),
        ("bridges", lambda: bridges.measure(results, workdir, note)),
        ("uplink", lambda: uplinks.measure(results, workdir, note, options.quick)),
        ("modules", lambda: memory.measure_modules(results, workdir, note)),
        ("imports", lambda: memory.measure_imports(results, min(options.starts, 3), note)),
        ("boards", lambda: boards.measure(results, workdir, note)),
    ]
    for section, part in parts:
        if section in options.sections:
            try:
                part()
            except (LoadFailed, servers.ServerFailed) as reason:
                results.failed.append(f"{section}: {reason}")


def main(argv: list[str]) -> int:
    """Run what the command line says. Exit status: 0 well, 1 something failed, 2 nothing could be measured."""
    options = options_from(argv)
    about = report.machine()
    results = Results()
    for package in ("edge_router", "bridges"):  # as it is where it is installed; compiling costs memory and time
        compileall.compile_dir(servers.REPOSITORY / package, quiet=2)
    with tempfile.TemporaryDirectory(prefix="edge-router-bench-") as directory:
        workdir = Path(directory)
        try:
            generator = Generator(workdir)
        except LoadFailed as reason:
            print(reason, file=sys.stderr)
            return 2
        bench = Bench(generator, results, options.rounds, options.secs, options.warm, report.progress)
        run_alone(options, bench, workdir)
        run_load(options, bench, workdir)
    plural = "s" if options.rounds > 1 else ""
    about.append(f"{options.rounds} round{plural} of {options.secs:g} s a subject, in turn; payload of 32 bytes")
    print(report.as_text(results, about))
    if options.json:
        options.json.write_text(json.dumps({"about": about, **results.as_json()}, indent=2) + "\n")
    if options.markdown:
        options.markdown.write_text(report.as_markdown(results, about))
    return 1 if results.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
