"""Web services that act in no realm. Loaded when one of them is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import field

from edge_router.config.problems import Path, Problem
from edge_router.config.schema.section import Section


class JsonOptions(Section):
    """Options of `json`.

    prettify: with line breaks, indented and sorted by name. allow_cross_origin: pages of all origins may read it.
    discourage_caching: browsers are to ask each time.
    """

    prettify: bool = False
    allow_cross_origin: bool = False
    discourage_caching: bool = False


class JsonPath(Section, tag="json"):
    """A value of the configuration as JSON. value: anything. options: details."""

    value: Any
    options: JsonOptions = field(default_factory=JsonOptions)


class RedirectPath(Section, tag="redirect"):
    """Another address. url: where; absolute, or relative to this one's."""

    url: str

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        if not self.url or not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            yield Problem((*path, "url"), f"{self.url!r} is no URL; what is not ASCII, and spaces, as % and two digits")


class MetricsPath(Section, tag="metrics"):
    """Numbers about the node for Prometheus and the like (OpenMetrics). allow_cross_origin: pages of all origins may
    read it.
    """

    allow_cross_origin: bool = False


class HealthPath(Section, tag="health"):
    """Whether the node is alive (`live` below the path) and ready (`ready`), for watchdogs: status 200 or 503, JSON.

    bridges: whether a bridge that does not run makes the node not ready.
    """

    bridges: bool = False
