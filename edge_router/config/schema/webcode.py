"""Web services that run other people's code. Loaded when one of them is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shutil import which
from typing import Annotated, Any

from msgspec import Meta

from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.section import Count, Section

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
BodyLimit = Annotated[int, Meta(ge=0)]


def _dotted(name: str, path: Path, example: str) -> Iterator[Problem]:
    if not _DOTTED.fullmatch(name):
        yield Problem(path, f"{name!r} is no name in Python, such as {example}")


class ResourcePath(Section, tag="resource"):
    """A resource of twisted.web, in the router's own process.

    classname: its class, as `package.module.Class`. extra: given to its constructor; if that takes nothing, its
    attribute `extra`. post_body_limit: bytes of a request's body, which is held in memory.
    """

    classname: str
    extra: Any = None
    post_body_limit: BodyLimit = 1_048_576

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        yield from _dotted(self.classname, (*path, "classname"), "mypackage.site.Status")
        if "." not in self.classname:
            yield Problem((*path, "classname"), "the module is missing; such as mypackage.site.Status")


class WsgiPath(Section, tag="wsgi"):
    """A WSGI application (Flask, Django, ...), in threads of the router's process.

    module, object: where it is. minthreads, maxthreads: of the pool; requests over it wait. post_body_limit: bytes of a
    request's body, which is held in memory.
    """

    module: str
    object: str
    minthreads: Annotated[int, Meta(ge=0, le=1000)] = 0
    maxthreads: Annotated[int, Meta(ge=1, le=1000)] = 20
    post_body_limit: BodyLimit = 1_048_576

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        yield from _dotted(self.module, (*path, "module"), "myapp.site")
        yield from _dotted(self.object, (*path, "object"), "app")
        if self.minthreads > self.maxthreads:
            yield Problem((*path, "minthreads"), f"{self.minthreads} is more than `maxthreads`, {self.maxthreads}")


class CgiPath(Section, tag="cgi"):
    """Scripts of a directory, each request a process (RFC 3875).

    directory: of the scripts, relative to the node directory. processor: the program that runs them, such as `php-cgi`
    or `/bin/sh`. timeout: seconds a script may take. max_processes: at one time. post_body_limit: bytes of a request's
    body, which is held in memory.
    """

    directory: str
    processor: str
    timeout: Count = 30
    max_processes: Count = 4
    post_body_limit: BodyLimit = 1_048_576

    def judged(self, path: Path, whole: Any) -> Iterator[Problem]:
        """See `check`."""
        full = whole.directory / self.directory
        if not is_directory(full):
            yield Problem((*path, "directory"), f"{nothing(full, 'directory')}; create it or correct the path")
        if which(self.processor) is None:
            yield Problem((*path, "processor"), f"there is no program {self.processor!r}; install it, or give its path")
