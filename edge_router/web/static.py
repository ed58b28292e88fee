"""The `static` service: the files of a directory.

Nothing outside of the directory is ever served, symbolic links that lead outside included; nor are files whose name
begins with a dot (`.git`, `.htpasswd`), except below `.well-known` (RFC 8615); nor anything but regular files.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edge_router.config.schema import StaticPath
from edge_router.transports.host import Host
from edge_router.web.cors import Anybody
from edge_router.web.files import send_file
from edge_router.web.mime import MimeTypes
from edge_router.web.pages import page
from edge_router.web.request import WebRequest

#: entries of a directory that are listed
MAX_LISTED: Final = 5_000

_WELL_KNOWN: Final = ".well-known"

#: files of the node directory that are nobody's to read, should it lie within a directory that is served
PRIVATE: Final = ("key.priv", "config.yaml", "config.json", "node.pid")


class StaticService:
    """Files of a directory (`type: static`).

    config: the directory (or a package and a directory in it), and the options. host: the node.
    Raises FileNotFoundError if the package has no such directory.
    """

    def __init__(self, config: StaticPath, host: Host) -> None:
        self._root = _directory(config, host.directory)
        self._private = {(host.directory / name).resolve() for name in PRIVATE}
        self._options = config.options
        self.cors = Anybody() if config.options.allow_cross_origin else None
        self._types = MimeTypes(config.options.mime_types)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with the file, the directory's default file, its listing, or 404."""
        path = self._find(rest)
        if path is None:
            self._not_found(request)
        elif path.is_dir():
            self._answer_directory(request, rest, path)
        elif rest and rest[-1]:
            self._send(request, path)
        else:
            self._not_found(request)

    def _not_found(self, request: WebRequest) -> None:
        request.page(HTTPStatus.NOT_FOUND, "There is no such file.")

    def _find(self, rest: tuple[str, ...]) -> Path | None:
        """What the path names, all links followed; None if there is nothing, or nothing that may be served."""
        names = rest[:-1] if rest and not rest[-1] else rest
        if any(not name or (name[0] == "." and name != _WELL_KNOWN) for name in names):
            return None
        try:
            found = self._root.joinpath(*names).resolve(strict=True)
            if found in self._private or not found.is_relative_to(self._root.resolve(strict=True)):
                return None
            return found
        except (OSError, RuntimeError, ValueError):
            return None

    def _answer_directory(self, request: WebRequest, rest: tuple[str, ...], path: Path) -> None:
        if not rest or rest[-1]:
            # The links of a page are relative to its directory, so the address has to end like one.
            location, _, query = request.uri.decode("ascii", "replace").partition("?")
            request.redirect_to(_on_this_host(location) + "/" + (f"?{query}" if query else ""))
            return
        default = self._find((*rest[:-1], self._options.default_file))
        if default is not None and default.is_file():
            self._send(request, default)
        elif self._options.enable_directory_listing:
            self._list(request, rest, path)
        else:
            self._not_found(request)

    def _list(self, request: WebRequest, rest: tuple[str, ...], path: Path) -> None:
        try:
            page = _listing(rest, self._entries(path, rest[:-1]))
        except OSError:  # closed to the node, or somebody removes what is in it
            self._not_found(request)
        else:
            request.html(HTTPStatus.OK, page)

    def _entries(self, path: Path, names: tuple[str, ...]) -> list[Path]:
        """What of a directory may be served: no hidden files, no links that lead nowhere or outside, no devices."""
        shown = []
        for entry in path.iterdir():
            found = self._find((*names, entry.name))
            if found is not None and entry.name != _WELL_KNOWN and (found.is_file() or found.is_dir()):
                shown.append(entry)
        return shown

    def _send(self, request: WebRequest, path: Path) -> None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            self._not_found(request)
            return
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            self._not_found(request)
            return
        seconds = self._options.cache_timeout
        request.setHeader(b"Cache-Control", b"no-cache" if seconds is None else f"max-age={seconds}".encode())
        send_file(request, fd, found, self._types.of(path.name))


def _directory(config: StaticPath, node: Path) -> Path:
    if config.package is None:
        return node / (config.directory or ".")
    spec = importlib.util.find_spec(config.package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = Path(place) / (config.resource or ".")
        if found.is_dir():
            return found
    raise FileNotFoundError(f"the package {config.package!r} has no directory {config.resource!r}")


def _on_this_host(location: str) -> str:
    """A path that browsers do not take for another host: `//evil.example` is one to them."""
    return "/" + location.lstrip("/\\")


def _listing(rest: tuple[str, ...], entries: list[Path]) -> str:
    """The page that lists a directory: directories first, then by name; sizes in bytes, times in UTC."""
    rows = sorted(_row(entry, entry.stat()) for entry in entries[:MAX_LISTED])
    if len(rest) > 1:
        rows.insert(0, (False, "", '<tr><td><a href="../">../</a></td><td></td><td></td></tr>'))
    body = f"<table>{''.join(row for _, _, row in rows)}</table>" if rows else "<p>The directory is empty.</p>"
    if len(entries) > MAX_LISTED:
        body += f"<p>{len(entries) - MAX_LISTED} more are not shown.</p>"
    return page("/" + "/".join(rest), body)


def _row(entry: Path, found: os.stat_result) -> tuple[bool, str, str]:
    """A row, after what rows are sorted by."""
    is_file = not stat.S_ISDIR(found.st_mode)
    slash = "" if is_file else "/"
    size = f"{found.st_size:,}" if is_file else ""
    changed = datetime.fromtimestamp(found.st_mtime, UTC).strftime("%Y-%m-%d %H:%M")
    name = os.fsencode(entry.name)
    return (
        is_file,
        entry.name,
        f'<tr><td><a href="./{quote(name)}{slash}">{escape(name.decode("utf-8", "replace"))}{slash}</a></td>'
        f'<td class="n">{size}</td><td class="n">{changed}</td></tr>',
    )
