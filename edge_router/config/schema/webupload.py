"""The web service that takes files. Loaded when it is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, field

from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.section import Count, Mode, Section


class UploadFields(Section):
    """Names of the form's fields, or of the query's. The defaults are those of Resumable.js.

    file_name, mime_type, total_size: of the file. chunk_number: from 1. chunk_size: bytes of each but the last.
    total_chunks: how many. content: the bytes of the chunk. on_progress: a topic for progress events. session: the only
    session to get them. chunk_extra, finish_extra: JSON that is passed on in the events.
    """

    file_name: str = "resumableFilename"
    mime_type: str = "resumableType"
    total_size: str = "resumableTotalSize"
    chunk_number: str = "resumableChunkNumber"
    chunk_size: str = "resumableChunkSize"
    total_chunks: str = "resumableTotalChunks"
    content: str = "file"
    on_progress: str = "on_progress"
    session: str = "session"
    chunk_extra: str = "chunk_extra"
    finish_extra: str = "finish_extra"


class UploadOptions(Section):
    """Options of `upload`.

    max_file_size: bytes of a file. max_chunk_size: of a chunk, which is held in memory. file_types: endings of file
    names that are taken, such as `.csv`; left out, all. file_permissions: of the files, octal. overwrite: whether a
    file may take the place of one that has its name. max_uploads: files that are begun, at one time. expires: seconds
    after the last chunk until a file that is not complete is thrown away. allowed_origins: pages of other origins that
    may upload, `*` as wildcard; left out, only pages from this very host and port, which a list has
    to name, too.
    """

    max_file_size: Count = 104_857_600
    max_chunk_size: Annotated[int, Meta(ge=1024, le=67_108_864)] = 4_194_304
    file_types: list[str] = []
    file_permissions: Mode = "644"
    overwrite: bool = False
    max_uploads: Count = 20
    expires: Annotated[int, Meta(ge=60, le=2_592_000)] = 86_400
    allowed_origins: list[str] | None = None

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        for place, ending in enumerate(self.file_types):
            if not ending.startswith("."):
                yield Problem((*path, "file_types", place), f"an ending begins with a dot: {'.' + ending!r}")


class UploadPath(Section, tag="upload"):
    """Files in chunks, so that what was interrupted goes on where it was, as Resumable.js does it.

    realm, role: where progress is published, and whose permissions apply. directory: where complete files are put,
    relative to the node directory. temp_directory: where they are until then, on the same file system; left out,
    `.uploads` in `directory`. form_fields: names of the form's fields. options: details.
    """

    realm: str
    role: str
    directory: str
    temp_directory: str | None = None
    form_fields: UploadFields = field(default_factory=UploadFields)
    options: UploadOptions = field(default_factory=UploadOptions)

    def judged(self, path: Path, whole: Any) -> Iterator[Problem]:
        """See `check`."""
        yield from whole.joins(self.realm, self.role, path)
        full = whole.directory / self.directory
        if not is_directory(full):
            yield Problem((*path, "directory"), f"{nothing(full, 'directory')}; create it or correct the path")
