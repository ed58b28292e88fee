"""What the node weighs and how long it takes to start: RSS, PSS, modules, CPU seconds, and what each import costs."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import servers
from .generator import Generator
from .results import Results

SESSIONS = 1_000
BEFORE = 200
SETTLE = 1.5
"""Seconds a node is left alone before it is weighed, so that what it does after its start is over."""

BASE = "import sys; sys.modules['OpenSSL'] = None"
REACTOR = f"{BASE}; import twisted.internet.epollreactor as e; e.install(); import twisted.internet.reactor"
IMPORTS: tuple[tuple[str, str, str], ...] = (
    ("python itself", "pass", ""),
    ("msgspec", "import msgspec", ""),
    ("msgspec.json, .msgpack", "import msgspec.json, msgspec.msgpack", ""),
    ("cbor2", "import cbor2", ""),
    ("ujson", "import ujson", ""),
    ("yaml", "import yaml", ""),
    ("argparse", "import argparse", ""),
    ("twisted reactor", REACTOR, ""),
    ("OpenSSL (blocked unless TLS is configured)", "import OpenSSL.SSL", ""),
    ("twisted.logger", "import twisted.logger", REACTOR),
    ("twisted.internet.endpoints", "import twisted.internet.endpoints", REACTOR),
    ("twisted.web.server", "import twisted.web.server", REACTOR),
    ("twisted.web.static", "import twisted.web.static", REACTOR),
    ("twisted.internet.serialport (pyserial)", "import twisted.internet.serialport", REACTOR),
    ("websockets.server", "import websockets.server", REACTOR),
    ("autobahn.twisted.wamp", "import autobahn.twisted.wamp", REACTOR),
)
"""(name, statement, what has been imported before it; its cost is not counted)."""

IMPORT_TIME = re.compile(r"import time:\s*(?P<own>\d+) \|\s*\d+ \|\s*(?P<top>[^.\s]+)")
LISTED = 20

MEASURE = """
import os, time
def weigh():
    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
{before}
rss, cpu = weigh(), time.process_time()
{statement}
print(weigh() - rss, time.process_time() - cpu, weigh())
"""

LIST_MODULES = """
import os, signal, sys
def write(*_):
    names = [
        name for name, module in list(sys.modules.items())
        if module is not None and type(module).__name__ != '_LazyModule'
    ]
    path = os.environ['EDGE_ROUTER_BENCH_MODULES']
    with open(path + '.part', 'w') as f: f.write('\\n'.join(names))
    os.rename(path + '.part', path)
signal.signal(signal.SIGUSR2, write)
"""


@contextmanager
def serial_line() -> Iterator[tuple[int, str]]:
    """A pty: the file descriptor of its far end, and the device a serial bridge opens."""
    far, near = pty.openpty()
    try:
        yield far, os.ttyname(near)
    finally:
        os.close(far)
        os.close(near)


def serial_bridge(device: str) -> dict[str, object]:
    """The configuration of a bridge on that device."""
    return {
        "type": "serial", "id": "bench", "realm": "realm1", "device": device, "baudrate": 115200,
        "framing": "line", "decode": "json", "topic": "com.example.bench",
    }  # fmt: skip


def measure_sockets_only(results: Results, workdir: Path, note: Callable[[str], None]) -> None:
    """An idle node with RawSocket on TCP and on a Unix socket."""
    note("idle memory, sockets only")
    with servers.node(workdir) as node:
        time.sleep(SETTLE)
        weigh(results, "sockets only", node)


def measure_lan_router(results: Results, workdir: Path, note: Callable[[str], None]) -> None:
    """An idle node with WebSocket, a web page and a serial bridge too, after its first line."""
    note("idle memory, LAN router")
    with serial_line() as (far, device), servers.node(workdir, web=True, bridges=[serial_bridge(device)]) as node:
        os.write(far, b'{"temperature": 21.5}\n')
        time.sleep(SETTLE)
        weigh(results, "LAN router", node)


def weigh(results: Results, what: str, node: servers.Server) -> None:
    """Keep RSS and PSS in MB (a million bytes), and the share of a CPU it takes to do nothing."""
    before = node.cpu_seconds()
    time.sleep(SETTLE)
    results.figure(f"CPU idle {what}, %", (node.cpu_seconds() - before) / SETTLE * 100)
    memory = node.memory()
    results.figure(f"RSS {what}, MB", memory["rss"] / 1e6)
    results.figure(f"PSS {what}, MB", memory["pss"] / 1e6)


def measure_sessions(results: Results, workdir: Path, generator: Generator, note: Callable[[str], None]) -> None:
    """Memory of an idle RawSocket session with one subscription of its own topic.

    Some sessions are there before, so that room the allocator had left over does not make the others look smaller.
    """
    note(f"{SESSIONS:,} idle sessions")
    with servers.node(workdir) as node:
        tcp = node.ways["tcp"]
        with generator.hold([*tcp, "--subs", str(BEFORE), "--topic", "com.example.before"]):
            time.sleep(SETTLE)
            before = node.memory()
            with generator.hold([*tcp, "--subs", str(SESSIONS)]) as seconds:
                time.sleep(SETTLE)
                after = node.memory()
    for kind, title in (("rss", "RSS"), ("anonymous", "anonymous memory")):
        results.figure(f"{title} per session, KiB", (after[kind] - before[kind]) / SESSIONS / 1024)
    results.figure("sessions opened per s", SESSIONS / seconds)


def measure_startup(results: Results, workdir: Path, times: int, note: Callable[[str], None]) -> None:
    """From the start of the process to its listening: CPU seconds and seconds."""
    for which, web in (("sockets only", False), ("with web", True)):
        for turn in range(times):
            note(f"start, {which}: {turn + 1} of {times}")
            with servers.node(workdir, web=web) as node:
                results.figure(f"start {which}, CPU s", node.startup_cpu)
                results.figure(f"start {which}, s", node.startup_wall)


def loaded_modules(workdir: Path, web: bool, bridges: Sequence[dict[str, object]] = ()) -> list[str]:
    """The modules a started node has loaded, without those that wait for their first use.

    A sitecustomize that answers SIGUSR2 is put before the node; nothing in the node knows of it.
    """
    site = workdir / f"site-{os.urandom(3).hex()}"
    site.mkdir()
    (site / "sitecustomize.py").write_text(LIST_MODULES)
    listing = site / "modules"
    env = {"PYTHONPATH": str(site), "EDGE_ROUTER_BENCH_MODULES": str(listing)}
    with servers.node(workdir, web=web, bridges=bridges, env=env) as node:
        time.sleep(SETTLE)
        os.kill(node.pid, signal.SIGUSR2)
        deadline = time.monotonic() + 5
        while not listing.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    if not listing.exists():
        raise servers.ServerFailed("the node did not list its modules")
    return listing.read_text().split()


def measure_modules(results: Results, workdir: Path, note: Callable[[str], None]) -> None:
    """Which top-level modules are loaded, and how many modules each brings."""
    note("loaded modules")
    with serial_line() as (_, device):
        shapes = {
            "sockets only": loaded_modules(workdir, web=False),
            "LAN router": loaded_modules(workdir, web=True, bridges=[serial_bridge(device)]),
        }
    table = [["node", "modules", "ours and others' (modules)", "standard library (modules)"]]
    for shape, names in shapes.items():
        tops = Counter(name.partition(".")[0] for name in names if name != "sitecustomize")
        kinds: tuple[list[str], list[str]] = ([], [])
        for top, count in sorted(tops.items()):
            kinds[top in sys.stdlib_module_names or top == "__main__"].append(f"{top} {count}" if count > 1 else top)
        others, standard = (", ".join(kind) for kind in kinds)
        table.append([shape, str(len(names)), others, standard])
    results.texts["Loaded modules"] = table
    results.texts["Import time of a node, by top-level module"] = import_times(workdir)


def import_times(workdir: Path) -> list[list[str]]:
    """Milliseconds each top-level module of a node with WebSocket and web takes to import (`-X importtime`)."""
    with servers.node(workdir, web=True, options=("-X", "importtime")) as node:
        pass
    spent: Counter[str] = Counter()
    for line in node.log.read_text(errors="replace").splitlines():
        if found := IMPORT_TIME.match(line):
            spent[found["top"]] += int(found["own"])
    return [["module", "ms"], *([name, f"{micros / 1e3:.1f}"] for name, micros in spent.most_common(LISTED))]


def measure_imports(results: Results, times: int, note: Callable[[str], None]) -> None:
    """What importing each dependency adds to a bare Python (Twisted's parts: to its reactor), each alone."""
    table = [["import", "RSS, MB", "CPU, ms"]]
    for name, statement, before in IMPORTS:
        note(f"import: {name}")
        found = [import_cost(statement, before) for _ in range(times)]
        if None in found:
            table.append([name, "not installed", ""])
            continue
        added, cpu, total = (min(column) for column in zip(*(cost for cost in found if cost), strict=True))
        weight = total if statement == "pass" else added
        table.append([name, f"{weight / 1e6:.1f}", f"{cpu * 1e3:.0f}"])
    results.texts["What imports cost"] = table


def import_cost(statement: str, before: str) -> tuple[float, float, float] | None:
    """(bytes of RSS added, CPU seconds, bytes of RSS in all), or None where it cannot be imported."""
    code = MEASURE.format(before=before, statement=statement)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if ran.returncode:
        return None
    added, cpu, total = map(float, ran.stdout.split())
    return added, cpu, total
