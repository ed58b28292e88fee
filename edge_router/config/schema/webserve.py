"""Web services that act in no realm. Loaded when one of them is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_router.config.places import is_file, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.logins import Hex32
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

    bridges: whether a bridge that does not run makes the node not ready. uplinks: whether a link that is down does.
    """

    bridges: bool = False
    uplinks: bool = False


class ReverseProxyPath(Section, tag="reverseproxy"):
    """What another web server has, such as a program on this machine. WebSockets do not get through.

    host, port: of the server. path: below which it is asked. forwarded_port, forwarded_proto: what it is told of where
    the request came in (`X-Forwarded-Port`, `X-Forwarded-Proto`); left out, what is true. timeout: seconds until its
    answer must begin. post_body_limit: bytes of a request's body, which is passed on as it comes.
    """

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 80
    path: str = ""
    forwarded_port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    forwarded_proto: Literal["http", "https"] | None = None
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 60
    post_body_limit: Annotated[int, Meta(ge=0)] = 16_777_216

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        if not re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9a-fA-F:.]+\]?", self.host):
            yield Problem((*path, "host"), f"{self.host!r} is no name or address of a host, such as 127.0.0.1")
        if not re.fullmatch(r"(/[!-~]*)?", self.path) or "?" in self.path or "#" in self.path:
            yield Problem((*path, "path"), f"{self.path!r} is no path of a URL, such as /app")


class ArchiveOptions(Section):
    """Options of `archive`. default_file: served for a directory."""

    default_file: str = "index.html"


class ArchivePath(Section, tag="archive"):
    """Files out of a ZIP file, as they are in it.

    archive: the ZIP file, relative to the node directory. hashes: SHA-256 of the file, hexadecimal; if given, one of
    them must be right. origin: where the file is from; not used. default_object: served if there is no such file.
    object_prefix: in the archive, put before the path. mime_types: more types, by ending. options: details.
    """

    archive: str
    hashes: list[Hex32] = []
    origin: str | None = None
    default_object: str | None = None
    object_prefix: str = ""
    mime_types: dict[str, str] = {}
    options: ArchiveOptions = field(default_factory=ArchiveOptions)

    def judged(self, path: Path, whole: Any) -> Iterator[Problem]:
        """See `check`."""
        full = whole.directory / self.archive
        if not is_file(full):
            yield Problem((*path, "archive"), f"{nothing(full, 'file')}; put it there or correct the path")
        for ending in self.mime_types:
            if not ending.startswith("."):
                yield Problem((*path, "mime_types", ending), f"an ending begins with a dot: {'.' + ending!r}")
