"""How long it takes to find the patterns a URI matches: 1,000 prefixes and 1,000 wildcards, first and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice, product
from statistics import median
from time import perf_counter

from edge_router.router.urimap import UriMap

from .results import Results

PATTERNS = 1_000
FIRST = 1_000
"""URIs looked up for the first time; fewer than a map remembers."""
REPEATS = 20
BUILDS = 3


def ordinary() -> tuple[UriMap[str], list[str]]:
    """Patterns as people write them: each URI matches one prefix and one wildcard of the many."""
    patterns: UriMap[str] = UriMap()
    for i in range(PATTERNS):
        patterns.add(f"com.example.site{i}.", "prefix", f"prefix {i}")
        patterns.add(f"com.example..sensor{i}.value", "wildcard", f"wildcard {i}")
    uris = [f"com.example.site{i % PATTERNS}.sensor{(i * 7) % PATTERNS}.value" for i in range(FIRST)]
    return patterns, uris


def adverse() -> tuple[UriMap[str], list[str]]:
    """Patterns as an enemy writes them: 1,000 prefixes of different lengths, and wildcards that all match."""
    patterns: UriMap[str] = UriMap()
    parts = [f"part{i}" for i in range(10)]
    for choice in islice(product((True, False), repeat=len(parts)), PATTERNS):
        name = ".".join(part if literal else "" for part, literal in zip(parts, choice, strict=True))
        patterns.add(name, "wildcard", name)
    long = ".".join(parts) + "." + "x" * PATTERNS
    for length in range(1, PATTERNS + 1):
        patterns.add(long[:length], "prefix", str(length))
    return patterns, [".".join(parts), *(f"{long}{i}" for i in range(FIRST // 2))]


def first_times(patterns: UriMap[str], uris: Iterable[str]) -> list[float]:
    """Seconds of each URI's first match."""
    times = []
    for uri in uris:
        began = perf_counter()
        patterns.matches(uri)
        times.append(perf_counter() - began)
    return times


def best_first_times(build: Callable[[], tuple[UriMap[str], list[str]]]) -> list[float]:
    """As `first_times`, the best of several maps for each URI: what another process costs is left out."""
    return [min(times) for times in zip(*(first_times(*build()) for _ in range(BUILDS)), strict=True)]


def remembered_time(patterns: UriMap[str], uris: list[str]) -> float:
    """Seconds of one remembered match, the cost of the loop included."""
    matches = patterns.matches
    began = perf_counter()
    for _ in range(REPEATS):
        for uri in uris:
            matches(uri)
    return (perf_counter() - began) / REPEATS / len(uris)


def measure(results: Results) -> None:
    """First and remembered matches of both sets: us, the median of the first ones and the slowest."""
    for name, build in (("ordinary", ordinary), ("adverse", adverse)):
        first = best_first_times(build)
        patterns, uris = build()
        first_times(patterns, uris)
        results.figure(f"first match, {name} patterns, median us", median(first) * 1e6)
        results.figure(f"first match, {name} patterns, slowest us", max(first) * 1e6)
        results.figure(f"remembered match, {name} patterns, us", remembered_time(patterns, uris) * 1e6)
