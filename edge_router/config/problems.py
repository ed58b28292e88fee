"""What is wrong with a configuration, where it stands, and how it is told.

Only these records may live here; what finds problems is in `load`, `walk` and `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

Path = tuple[str | int, ...]
"""The way to a value: keys and list positions, from the top."""

FindLine = Callable[[Path], int | None]
"""The line (from 1) at which the deepest part of a path that exists stands in the file; None: unknown."""


class Problem(NamedTuple):
    """One thing an operator should know. path: where in the tree. text: what is wrong, what would be right."""

    path: Path
    text: str


class Finding(NamedTuple):
    """A problem or a notice, with its place. Its `str` is the line shown: `FILE:LINE: path: text`."""

    file: str
    line: int | None
    path: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


class ConfigErrors(Exception):
    """A configuration that cannot be used. findings: every problem of it; `str` gives one line each."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


class Unreadable(Exception):
    """The text is no YAML or JSON, or has forms that are refused. at: line (None: unknown) and text of each."""

    def __init__(self, at: list[tuple[int | None, str]]) -> None:
        super().__init__(at)
        self.at = at


def nowhere(path: Path) -> None:
    """A `FindLine` for values that come from no file."""
    del path


def dotted(path: Path) -> str:
    """A path as it is shown: `workers.0.transports.1.endpoint.port`. What cannot be printed is escaped."""
    return ".".join(key if isinstance(key, str) and key.isprintable() else repr(key) for key in path)


def located(problems: Iterable[Problem], file: str, find_line: FindLine) -> list[Finding]:
    """Problems with their places, in the order of the file; the same one is told once."""
    findings = {Finding(file, find_line(p.path), dotted(p.path), p.text): None for p in problems}
    return sorted(findings, key=lambda finding: finding.line or 0)
