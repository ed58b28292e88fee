"""Rules about what is served by HTTP: paths, files and their options. See `check`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any, Final

from edge_router.config import schema
from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.whole import Found, Rule, Whole

_PATH_KEY = re.compile(r"(?:[a-zA-Z0-9_-]+|/)\Z")


def _paths(section: Any, path: Path, _whole: Whole) -> Found:
    key = "websocket" if isinstance(section, schema.Universal) else "paths"
    for name in getattr(section, key):
        if not _PATH_KEY.match(name):
            text = "a path is one name of letters, digits, - and _, or / for the root"
            inner = name.strip("/")
            if inner != name and _PATH_KEY.match(inner):
                text += f"; did you mean {inner!r}?"
            elif "/" in inner:
                text += "; for one below another use `type: path`"
            yield Problem((*path, key, name), text)


def _universal(section: schema.Universal, path: Path, whole: Whole) -> Found:
    yield from _paths(section, path, whole)
    if section.rawsocket is None and section.web is None and not section.websocket:
        yield Problem(path, "nothing is served here; add `rawsocket`, `websocket` or `web`")
    for name in section.web.paths if section.web else ():
        if name in section.websocket:
            yield Problem((*path, "web", "paths", name), f"path {name!r} is under `websocket` too; choose another")


def _static(section: schema.StaticPath, path: Path, whole: Whole) -> Found:
    if section.directory is not None and (section.package or section.resource):
        yield Problem(path, "give either `directory`, or `package` and `resource`, not both")
    elif section.directory is not None:
        full = whole.directory / section.directory
        if not is_directory(full):
            text = f"{nothing(full, 'directory')}; nothing is found here until there is one"
            whole.notices.append(Problem((*path, "directory"), text))
    elif section.package and section.resource:
        yield from _resource(section.package, section.resource, path)
    else:
        yield Problem(path, "what is served? give `directory`, or `package` and `resource`")


def _resource(package: str, resource: str, path: Path) -> Found:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        yield Problem((*path, "package"), f"there is no Python package {package!r}")
        return
    places = [FilePath(place) / resource for place in spec.submodule_search_locations or ()]
    if not any(map(is_directory, places)):
        yield Problem((*path, "resource"), f"there is no directory {resource!r} in the package {package!r}")


def _hsts(transport: schema.Web | schema.Universal, path: Path, whole: Whole) -> Found:
    web = transport if isinstance(transport, schema.Web) else transport.web
    if web is not None and web.options.hsts and getattr(transport.endpoint, "tls", None) is None:
        where = path if web is transport else (*path, "web")
        whole.notices.append(Problem((*where, "options", "hsts"), "no effect here: the endpoint has no `tls`"))
    return iter(())


def _static_options(options: schema.StaticOptions, path: Path, _whole: Whole) -> Found:
    if not options.default_file or "/" in options.default_file or "\0" in options.default_file:
        yield Problem((*path, "default_file"), f"{options.default_file!r} is no file name; such as index.html")
    for ending in options.mime_types:
        if not ending.startswith("."):
            yield Problem((*path, "mime_types", ending), f"an ending begins with a dot: {'.' + ending!r}")


WEB_RULES: Final[dict[type, tuple[Rule, ...]]] = {
    schema.Web: (_paths, _hsts),
    schema.Universal: (_universal, _hsts),
    schema.UniversalWeb: (_paths,),
    schema.NestedPath: (_paths,),
    schema.StaticPath: (_static,),
    schema.StaticOptions: (_static_options,),
}
