"""What has been measured: series of loads, and figures by name. Medians, spans and paired ratios come from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from .generator import Load


@dataclass
class Series:
    """The rounds of one case with one server.

    case: the case. subject: server, encoding and way in one line. loads: one a round. cpu_us: CPU microseconds of the
    server for one delivery, one a round (connecting and warm-up included).
    """

    case: str
    subject: str
    loads: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def values(self, of: Callable[[Load], float]) -> list[float]:
        """One value a round."""
        return [of(load) for load in self.loads]


@dataclass
class Results:
    """All that one run measured.

    series: by (case, subject). figures: by name, in the unit the name ends with. texts: tables to be printed as they
    are, by title. skipped: what is not there, such as mosquitto. failed: what should have been measured and was not.
    """

    series: dict[tuple[str, str], Series] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    texts: dict[str, list[list[str]]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, case: str, subject: str, load: Load, cpu_us: float) -> None:
        """Keep one round."""
        series = self.series.setdefault((case, subject), Series(case, subject))
        series.loads.append(load)
        series.cpu_us.append(cpu_us)

    def figure(self, name: str, value: float) -> None:
        """Keep one value of a figure."""
        self.figures.setdefault(name, []).append(value)

    def ratio(
        self, over: tuple[str, str], under: tuple[str, str], of: Callable[[Load], float] = lambda load: load.rate
    ) -> list[float]:
        """`over` divided by `under`, round by round; empty if one of them was not measured."""
        if over not in self.series or under not in self.series:
            return []
        pairs = zip(self.series[over].values(of), self.series[under].values(of), strict=False)
        return [a / b for a, b in pairs if b]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "series": [asdict(series) for series in self.series.values()],
            "figures": self.figures,
            "tables": self.texts,
            "skipped": self.skipped,
            "failed": self.failed,
        }


def span(values: list[float], digits: int = 0) -> str:
    """Median and, with more than one value, least and greatest."""
    if not values:
        return "-"
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} - {max(values):,.{digits}f})"
