"""The `upload` service: files in chunks, with events that tell how far they are.

A POST brings a chunk, as a form or as the body itself with the fields in the query; a GET asks whether a chunk is
there, so that an interrupted upload goes on where it was. (Resumable.js, "How do I set it up with my server?".)
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.config.schema.webupload import UploadPath
from edge_router.router.interfaces import Delayed
from edge_router.transports.host import Host
from edge_router.web.chunks import Chunk, Chunks, Rejected, Stored
from edge_router.web.cors import Origins
from edge_router.web.multipart import fields_of
from edge_router.web.realmsession import RealmSession
from edge_router.web.request import WebRequest
from edge_router.web.threads import Threads

#: bytes of a form besides the chunk in it
MAX_FORM: Final = 16_384
#: seconds between two looks for uploads that nobody goes on with
TIDY_EVERY: Final = 600.0


class UploadService:
    """Files from clients (`type: upload`). Raises FileNotFoundError if a directory is not there."""

    methods = (b"GET", b"HEAD", b"POST")
    log = Logger(namespace="edge_router.web")

    def __init__(self, config: UploadPath, host: Host) -> None:
        options = config.options
        self._config = config
        self._clock = host.reactor
        self.max_body = options.max_chunk_size + MAX_FORM
        self.cors = Origins(options.allowed_origins)
        directory = host.directory / config.directory
        temporary = host.directory / config.temp_directory if config.temp_directory else directory / ".uploads"
        _prepare(directory, temporary)
        self._chunks = Chunks(
            directory, temporary, int(options.file_permissions, 8), options.overwrite, options.max_uploads,
            options.expires,
        )  # fmt: skip
        self._threads = Threads(host.reactor, 1, "upload")
        self._session = RealmSession(host, config.realm, config.role, "upload")
        self._tidying: Delayed | None = None
        self._tidy()

    # --- requests ----------------------------------------------------------------------------------------------

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Take a chunk, or say whether it is there."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below this address.")
            return
        try:
            fields = self._fields(request)
            chunk = self._chunk(fields, str(getattr(request.client, "host", "unix")))
        except Rejected as problem:
            _say(request, problem.status, str(problem))
            return
        request.notifyFinish().addErrback(lambda _: None)
        if request.method == b"POST":
            content = fields.get(self._config.form_fields.content, b"")
            work = self._run(lambda: self._chunks.store(chunk, content))
            work.addCallback(self._stored, request, chunk, fields)
        else:
            request.setHeader(b"Cache-Control", b"no-store")
            work = self._run(lambda: self._chunks.has(chunk))
            work.addCallback(lambda there: _say(request, 200 if there else 404, "" if there else "not yet"))
        work.addErrback(self._failed, request)

    def _run(self, work: Callable[[], Any]) -> Deferred[Any]:
        return self._threads.run(work)

    def _fields(self, request: WebRequest) -> dict[str, bytes]:
        """The fields of the query and the form; a body that is no form is the chunk. Raises Rejected."""
        fields = {name.decode("utf-8", "replace"): values[-1] for name, values in request.args.items()}
        content_type = request.header("Content-Type")
        if request.method != b"POST":
            return fields
        if not content_type.lower().startswith("multipart/"):
            return {**fields, self._config.form_fields.content: request.body}
        try:
            return fields | fields_of(request.body, content_type)
        except ValueError as problem:
            raise Rejected(400, str(problem)) from None

    def _chunk(self, fields: dict[str, bytes], owner: str) -> Chunk:
        names, options = self._config.form_fields, self._config.options
        wanted = (names.file_name, names.total_size, names.chunk_size, names.chunk_number, names.total_chunks)
        missing = [name for name in wanted if name not in fields]
        if missing:
            raise Rejected(400, f"the request has no {', '.join(missing)}")
        name, *numbers = (fields[name].decode("utf-8", "surrogateescape") for name in wanted)
        if not all(number.isascii() and number.isdigit() and len(number) < 16 for number in numbers):
            raise Rejected(400, f"{', '.join(wanted[1:])} are to be numbers")
        chunk = Chunk(owner, name, *map(int, numbers))
        chunk.check(options.max_file_size)
        if chunk.length > options.max_chunk_size:
            raise Rejected(413, f"a chunk may have {options.max_chunk_size} bytes here")
        if options.file_types and not name.lower().endswith(tuple(ending.lower() for ending in options.file_types)):
            raise Rejected(415, f"files of this kind are not taken; {', '.join(options.file_types)} are")
        return chunk

    # --- what came of it ---------------------------------------------------------------------------------------

    def _stored(self, stored: Stored, request: WebRequest, chunk: Chunk, fields: dict[str, bytes]) -> None:
        if stored.complete:
            self.log.info("{name} was uploaded, {total} bytes", name=chunk.name, total=chunk.total)
        self._publish(stored, chunk, fields)
        _say(request, 200, "complete" if stored.complete else "")

    def _failed(self, failure: Failure, request: WebRequest) -> None:
        problem = failure.value
        if isinstance(problem, Rejected):
            _say(request, problem.status, str(problem))
        elif isinstance(problem, OSError):
            full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
            self.log.error("an upload cannot be written: {problem}", problem=problem)
            _say(request, 507 if full else 500, "there is no room" if full else "the file cannot be written")
        else:
            self.log.failure("an upload failed", failure=failure)
            request.failed()

    def _publish(self, stored: Stored, chunk: Chunk, fields: dict[str, bytes]) -> None:
        names = self._config.form_fields
        topic = fields.get(names.on_progress, b"").decode("utf-8", "replace")
        if not topic:
            return
        status = "finished" if stored.complete else "progress" if stored.before else "started"
        received = min(stored.now * chunk.size, chunk.total) if not stored.complete else chunk.total
        event = {
            "id": chunk.key[:32],
            "name": chunk.name,
            "mime_type": fields.get(names.mime_type, b"").decode("utf-8", "replace"),
            "chunk": chunk.number,
            "total": chunk.total,
            "remaining": chunk.total - received,
            "progress": round(stored.now / chunk.count, 3),
            "status": status,
            "chunk_extra": _json(fields.get(names.chunk_extra)),
        }
        if stored.complete:
            event["finish_extra"] = _json(fields.get(names.finish_extra))
        session = fields.get(names.session, b"")
        options: dict[str, Any] = {"eligible": (int(session),)} if session.isdigit() and len(session) < 17 else {}
        try:
            published = self._session.get().publish(topic, [event], acknowledge=True, **options)
        except LookupError as problem:
            self.log.warn("progress of an upload is not published: {problem}", problem=problem)
            return
        assert published is not None
        published.addErrback(lambda failure: self.log.debug("not published: {why}", why=failure.getErrorMessage()))

    # --- time --------------------------------------------------------------------------------------------------

    def _tidy(self) -> None:
        self._tidying = self._clock.callLater(TIDY_EVERY, self._tidy)
        thrown = self._run(self._chunks.tidy)
        thrown.addCallback(self._say_thrown)
        thrown.addErrback(lambda failure: self.log.warn("cannot tidy up uploads: {why}", why=failure.getErrorMessage()))

    def _say_thrown(self, count: int) -> None:
        if count:
            self.log.info("{count} upload(s) that nobody went on with were thrown away", count=count)

    def stop(self) -> None:
        """Let what is being written end."""
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None
        self._threads.stop()
        self._session.stop()


def _prepare(directory: Path, temporary: Path) -> None:
    if not directory.is_dir():
        raise FileNotFoundError(f"there is no directory {str(directory)!r} for uploads")
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_dev != temporary.stat().st_dev:
        raise FileNotFoundError(f"{temporary} is not on the same file system as {directory}; uploads need that")


def _json(text: bytes | None) -> Any:
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text.decode("utf-8", "replace")


def _say(request: WebRequest, status: int, text: str) -> None:
    request.respond(status, f"{text}\n".encode() if text else b"", "text/plain; charset=utf-8")
