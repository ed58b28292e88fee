"""What a person reads: tables as text or as Markdown, with the machine they were made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from .results import Results, span
from .targets import TARGETS, Target
from .workloads import CASES

Table = list[list[str]]
PACKAGES = ("twisted", "msgspec", "cbor2", "websockets", "ujson", "pyserial", "pyyaml")


def machine() -> list[str]:
    """Processor, kernel, Python, versions and date, a line each."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    named = [value.strip() for key, _, value in lines if key.strip() in ("model name", "Model")]
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    load = os.getloadavg()[0]
    return [
        f"{named[0] if named else platform.machine()}, {cores} cores, {platform.machine()}, "
        f"{platform.system()} {platform.release()}, load before the run {load:.1f}",
        f"{platform.python_implementation()} {platform.python_version()}, {versions}{_mosquitto()}",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"


def _mosquitto() -> str:
    command = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if command is None:
        return ""
    said = subprocess.run([command, "-h"], capture_output=True, text=True, check=False).stdout
    return f", {said.splitlines()[0].replace(' version', '')}" if said else ""


def target_table(results: Results) -> Table:
    """The rows of the design with their verdicts."""
    rows = [["target", "measured (least - greatest)", "must", "goal", "verdict"]]
    for target in TARGETS:
        values = target.measured(results)
        if values:
            goal = _bound(target, target.goal) if target.goal is not None else "-"
            measured = f"{span(values, target.digits)} {target.unit}"
            rows.append([target.what, measured, _bound(target, target.must), goal, target.verdict(values)])
    return rows


def _bound(target: Target, bound: float) -> str:
    return f"{'<=' if target.lower else '>='} {bound:g} {target.unit}"


def case_table(results: Results, case: str) -> Table:
    """All subjects of a case: rate, ratio to the relay (or to the first), latencies, CPU."""
    series = [one for (name, _), one in results.series.items() if name == case]
    if not series:
        return []
    order = ("relay", "mosquitto", "edge-router")
    series.sort(key=lambda one: next((i for i, name in enumerate(order) if one.subject.startswith(name)), len(order)))
    first = (case, series[0].subject)
    head = ["", "messages/s (least - greatest)", f"to {series[0].subject}", "p50 us", "p99 us", "CPU us each"]
    rows = [[*head, "generator's CPU"]]
    for one in series:
        ratio = results.ratio((case, one.subject), first)
        rows.append([
            one.subject,
            span(one.values(lambda load: load.rate)),
            f"{median(ratio):.2f}" if ratio else "-",
            f"{median(one.values(lambda load: load.p50_us)):,.0f}",
            f"{median(one.values(lambda load: load.p99_us)):,.0f}",
            f"{median(one.cpu_us):.2f}",
            f"{median(one.values(lambda load: load.generator_cpu)):.0%}",
        ])  # fmt: skip
    return rows


def figure_table(results: Results) -> Table:
    """The figures that are no series."""
    rows = [["figure", "value (least - greatest)"]]
    rows += [[name, span(values, 0 if median(values) >= 1_000 else 2)] for name, values in results.figures.items()]
    return rows if len(rows) > 1 else []


def tables(results: Results) -> list[tuple[str, Table]]:
    """(title, table), those that have something to say."""
    titles = {case.name: case.title for case in CASES}
    titles["topics"] = "1 publisher, 1 subscriber, window 256, msgpack, and many topics"
    found = [("Targets", target_table(results))]
    found += [(title, case_table(results, name)) for name, title in titles.items()]
    found += [("Figures", figure_table(results)), *results.texts.items()]
    return [(title, table) for title, table in found if len(table) > 1]


def as_text(results: Results, lines: list[str]) -> str:
    """The whole report for a terminal."""
    parts = ["\n".join(lines)]
    for title, table in tables(results):
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        wide = sum(widths) > 200
        rows = [
            "  ".join(cell if wide else cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        parts.append("\n".join([f"== {title}", *rows]))
    for title, reasons in (("Left out", results.skipped), ("Failed", results.failed)):
        if reasons:
            parts.append("\n".join([f"== {title}", *(f"- {reason}" for reason in reasons)]))
    return "\n\n".join(parts) + "\n"


def as_markdown(results: Results, lines: list[str]) -> str:
    """The whole report for a README."""
    parts = ["\n".join(f"- {line}" for line in lines)]
    for title, table in tables(results):
        head, *rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
        parts.append("\n".join([f"### {title}", "", head, "|" + "---|" * len(table[0]), *rows]))
    for title, reasons in (("Left out", results.skipped), ("Failed", results.failed)):
        if reasons:
            parts.append("\n".join([f"### {title}", "", *(f"- {reason}" for reason in reasons)]))
    return "\n\n".join(parts) + "\n"


def progress(text: str) -> None:
    """One line on stderr, over the one before where it is a terminal."""
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"\x1b[K{text}" if end == "\r" else text, end=end, file=sys.stderr, flush=True)
