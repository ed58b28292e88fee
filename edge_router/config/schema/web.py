"""One port for pages and files by path, and the services on it that are no WebSockets."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from edge_router.config.schema.endpoints import Endpoint
from edge_router.config.schema.section import Count, Section, WebPath


class StaticOptions(Section):
    """Options of static files.

    enable_directory_listing: show what is in a directory without an index.html. mime_types: more types, by ending.
    cache_timeout: seconds a browser may keep a file; null: it asks each time. default_file: served for a directory.
    allow_cross_origin: pages of all origins may read the files, without credentials.
    """

    enable_directory_listing: bool = False
    mime_types: dict[str, str] = {}
    cache_timeout: Annotated[int, Meta(ge=0)] | None = 43_200
    default_file: str = "index.html"
    allow_cross_origin: bool = False


class StaticPath(Section, tag="static"):
    """Files of a directory.

    directory: the directory, relative to the node directory. package, resource: instead of it, a directory inside a
    Python package. options: details.
    """

    directory: str | None = None
    package: str | None = None
    resource: str | None = None
    options: StaticOptions = field(default_factory=StaticOptions)


class NodeInfoPath(Section, tag="nodeinfo"):
    """A page about the node: version, uptime, realms, sessions; as JSON by `Accept` or `?format=json`."""


class NestedPath(Section, tag="path"):
    """Paths below a path. paths: path name -> what is served there."""

    paths: dict[str, WebPath]


class WebOptions(Section):
    """Options of a web transport.

    access_log: log each request. client_timeout: seconds an idle HTTP connection is kept. hsts: tell browsers to come
    by TLS alone from now on (RFC 6797), if the endpoint has it. hsts_max_age: for so many seconds.
    body_memory: bytes of request bodies that are held in memory at one time, those of all connections together.
    """

    access_log: bool = False
    client_timeout: Annotated[int, Meta(ge=1, le=86_400)] = 60
    hsts: bool = False
    hsts_max_age: Annotated[int, Meta(ge=0)] = 31_536_000
    body_memory: Annotated[int, Meta(ge=65_536)] = 16_777_216


class Web(Section, tag="web"):
    """One port for pages, files and WebSockets, by path.

    id: a name for management. endpoint: where to listen. paths: path name -> what is served there; `/` is the root.
    options: details. max_connections: at one time.
    """

    endpoint: Endpoint
    paths: dict[str, WebPath]
    id: str | None = None
    options: WebOptions = field(default_factory=WebOptions)
    max_connections: Count = 1_000
