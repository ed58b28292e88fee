"""What the figures should be: the rows of the design's table, each with its `must` and its `goal`, and the verdict."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .bridges import LINES, PORTS
from .results import Results
from .workloads import TOPICS

MSGPACK = "edge-router msgpack"
BRIDGES = f"{PORTS} serial ports and {LINES} GPIO lines"


def rates(over: tuple[str, str], under: tuple[str, str]) -> Callable[[Results], list[float]]:
    """The ratio of two rates, by round."""
    return lambda results: results.ratio(over, under)


def latencies(over: tuple[str, str], under: tuple[str, str]) -> Callable[[Results], list[float]]:
    """The ratio of two median latencies, by round."""
    return lambda results: results.ratio(over, under, lambda load: load.p50_us)


def figures(name: str) -> Callable[[Results], list[float]]:
    """A figure by its name."""
    return lambda results: results.figures.get(name, [])


def topic_cost(results: Results) -> list[float]:
    """CPU time of a publication with many other topics to that without, by round."""
    full = results.series.get(("topics", f"{TOPICS:,} other topics"))
    empty = results.series.get(("topics", "no other topics"))
    if full is None or empty is None:
        return []
    return [a / b for a, b in zip(full.cpu_us, empty.cpu_us, strict=False)]


@dataclass(frozen=True)
class Target:
    """A row of the table.

    what: the figure. measured: takes it from the results, one value a round. must, goal: what it has to reach and what
    it should. unit: after the value. lower: whether less is better. digits: after the point.
    """

    what: str
    measured: Callable[[Results], list[float]]
    must: float
    goal: float | None = None
    unit: str = "x"
    lower: bool = False
    digits: int = 2

    def reaches(self, value: float, bound: float) -> bool:
        """Whether the value is on the good side of the bound."""
        return value <= bound if self.lower else value >= bound

    def verdict(self, values: list[float]) -> str:
        """`goal`, `must`, `MISSED by ...`, or `not measured`, for the median of the values."""
        if not values:
            return "not measured"
        value = median(values)
        if not self.reaches(value, self.must):
            return f"MISSED by {abs(value - self.must) / self.must:.0%}"
        if self.goal is None:
            return "must"
        return "goal" if self.reaches(value, self.goal) else "must"


LAN_ROUTER_MB = {"x86_64": (42.0, 32.0), "aarch64": (42.0, 32.0), "armv7l": (32.0, 24.0), "armv6l": (32.0, 24.0)}
#: boards under emulation, by the name of their architecture in Debian
BOARDS = {"arm64": "aarch64", "armhf": "armv7l"}
SOCKETS_ONLY_MB = {"x86_64": (36.0, 26.0)}


def _machine() -> str:
    """The machine as the interpreter sees it: a 32-bit Python on a 64-bit ARM kernel is an armv7l."""
    return "armv7l" if platform.machine() == "aarch64" and sys.maxsize < 2**32 else platform.machine()


def _memory(what: str, bounds: dict[str, tuple[float, float]]) -> list[Target]:
    if _machine() not in bounds:
        return []
    must, goal = bounds[_machine()]
    return [Target(f"RSS idle, {what}", figures(f"RSS {what}, MB"), must, goal, "MB", lower=True, digits=1)]


def _boards() -> list[Target]:
    return [
        Target(
            f"RSS idle, LAN router, {arch} board",
            figures(f"RSS LAN router, {arch} board, MB"), *LAN_ROUTER_MB[machine], "MB", lower=True, digits=1,
        )
        for arch, machine in BOARDS.items()
    ]  # fmt: skip


def _encodings() -> list[Target]:
    return [
        Target(f"{encoding} to MsgPack, {case}", rates((case, f"edge-router {name}"), (case, MSGPACK)), 0.5, 0.9)
        for case in ("1:1", "1:10")
        for encoding, name in (("CBOR", "cbor"), ("JSON", "json"))
    ]


TARGETS = (
    Target("1:1 pub/sub to mosquitto QoS 0", rates(("1:1", MSGPACK), ("1:1", "mosquitto")), 1.2, 2),
    Target("1:10 fan-out to mosquitto", rates(("1:10", MSGPACK), ("1:10", "mosquitto")), 6, 14),
    *_encodings(),
    Target("RPC window 64 to the 1:1 figure", rates(("rpc", MSGPACK), ("1:1", MSGPACK)), 0.35, 0.5),
    Target(
        "p50 latency, window 1, to mosquitto",
        latencies(("latency", MSGPACK), ("latency", "mosquitto")), 1.8, 1.2, lower=True,
    ),
    *_memory("sockets only", SOCKETS_ONLY_MB),
    *_memory("LAN router", LAN_ROUTER_MB),
    *_boards(),
    Target(
        "idle RawSocket session, one subscription",
        figures("RSS per session, KiB"), 12, 6, "KiB", lower=True, digits=1,
    ),
    Target(f"CPU, {BRIDGES} at full load", figures(f"CPU {BRIDGES}, %"), 20, 10, "%", lower=True, digits=1),
    Target(f"RSS, {BRIDGES} at full load", figures(f"RSS {BRIDGES}, MB"), 42, 34, "MB", lower=True, digits=1),
    Target("start to listening, sockets only", figures("start sockets only, CPU s"), 1, 0.5, "CPU s", lower=True),
    Target(f"publish cost with {TOPICS:,} other topics, to none", topic_cost, 1.2, lower=True),
    Target(
        "first match of 2,000 patterns, slowest",
        figures("first match, ordinary patterns, slowest us"), 1_000, unit="us", lower=True, digits=1,
    ),
    Target(
        "first match of 2,000 adverse patterns, slowest",
        figures("first match, adverse patterns, slowest us"), 1_000, unit="us", lower=True, digits=1,
    ),
    Target(
        "remembered match", figures("remembered match, ordinary patterns, us"), 1, unit="us", lower=True,
    ),
)  # fmt: skip
"""The rows that need no nexus; it is not packaged, but `--peer` can bring it into the tables."""
