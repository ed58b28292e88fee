"""The `archive` service: files out of a ZIP file, taken out as they are asked for, a piece at a time.

Only what the archive's own directory lists is ever served, so that no path leads elsewhere.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError  # noqa: N812 - it is a class

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.web.http import CACHED
from zope.interface import implementer

from edge_router.config.schema.webserve import ArchivePath
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen
from edge_router.web.mime import MimeTypes
from edge_router.web.request import WebRequest

PIECE: Final = 65_536


class ArchiveService:
    """Files of a ZIP file (`type: archive`). Raises CannotListen if it is none, or not the right one."""

    log = Logger(namespace="edge_router.web")

    def __init__(self, config: ArchivePath, host: Host) -> None:
        path = host.directory / config.archive
        found = _sha256(path)
        if config.hashes and found not in (given.lower() for given in config.hashes):
            raise CannotListen(f"web: {path} has the SHA-256 {found}, which is none of `hashes`")
        try:
            self._archive = ZipFile(path)
        except BadZipFile as problem:
            raise CannotListen(f"web: {path} is no ZIP file: {problem}") from problem
        self._files = {entry.filename: entry for entry in self._archive.infolist() if not entry.is_dir()}
        self._config = config
        self._types = MimeTypes(config.mime_types)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with the file, the directory's default file, the default object, or 404."""
        prefix = self._config.object_prefix
        name = prefix + "/".join(rest)
        if name not in self._files and (not rest or not rest[-1]):
            name = f"{name.rstrip('/')}/".lstrip("/") + self._config.options.default_file
        elif name not in self._files and self._config.default_object is not None:
            name = prefix + self._config.default_object
        entry = self._files.get(name)
        if entry is None:
            request.page(HTTPStatus.NOT_FOUND, "There is no such file.")
        else:
            self._send(request, entry)

    def _send(self, request: WebRequest, entry: ZipInfo) -> None:
        request.setHeader(b"Cache-Control", b"no-cache")
        if request.setETag(b'"%08x-%x"' % (entry.CRC, entry.file_size)) is CACHED:
            request.finish()
            return
        try:
            source = self._archive.open(entry)
        except (BadZipFile, NotImplementedError, RuntimeError) as problem:  # encrypted, or by an unknown method
            self.log.warn("{name}: cannot be taken out: {problem}", name=entry.filename, problem=problem)
            request.page(HTTPStatus.NOT_FOUND, "There is no such file.")
            return
        request.setResponseCode(HTTPStatus.OK)
        request.setHeader(b"Content-Type", self._types.of(entry.filename).encode())
        request.setHeader(b"Content-Length", b"%d" % entry.file_size)
        if request.method == b"HEAD" or not entry.file_size:
            source.close()
            request.finish()
        else:
            _Sender(request, source).resumeProducing()

    def stop(self) -> None:
        """Close the archive."""
        self._archive.close()


@implementer(IPushProducer)
class _Sender:
    """Writes a file to a request, piece by piece as the client takes it. source: the file; closed at the end."""

    def __init__(self, request: WebRequest, source: IO[bytes]) -> None:
        self._request = request
        self._source: IO[bytes] | None = source
        self._paused = True
        request.registerProducer(self, True)

    def resumeProducing(self) -> None:
        """The client takes more."""
        self._paused = False
        while not self._paused and self._source is not None:
            try:
                piece = self._source.read(PIECE)
            except (BadZipFile, ZlibError, OSError, EOFError, ValueError):
                self._close()
                self._request.channel.abortConnection()  # what was announced cannot be kept
                return
            if piece:
                self._request.write(piece)
            else:
                self._close()
                self._request.finish()

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._paused = True

    def stopProducing(self) -> None:
        """The client is gone."""
        self._paused = True
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _close(self) -> None:
        self.stopProducing()
        self._request.unregisterProducer()


def _sha256(path: Path) -> str:
    digest: Any = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return str(digest.hexdigest())
