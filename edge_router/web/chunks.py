"""Files that are not complete yet, on disk: chunks at their places, and which of them are there.

Each has two files in the temporary directory: `.part`, the file itself with holes, and `.done`, a byte for each chunk.
Names there are made here, never by clients; so an upload goes on after a restart, and nothing can be written elsewhere.
Everything here blocks, and runs in one thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

#: chunks of one file
MAX_CHUNKS: Final = 10_000

_OURS: Final = re.compile(r"[0-9a-f]{64}\.(part|done)")
_NAME: Final = re.compile(r"[^/\\\0-\x1f\x7f]{1,200}")


class Rejected(Exception):
    """A chunk that is not taken. status: of HTTP. The text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Chunk(Struct, frozen=True):
    """One chunk of a file, as the client says.

    owner: who sends it; different ones do not share files that are not complete. name, total: of the file.
    size: of each chunk but the last. number: from 1. count: of chunks.
    """

    owner: str
    name: str
    total: int
    size: int
    number: int
    count: int

    def check(self, largest: int) -> None:
        """Look whether the numbers and the name make sense. largest: bytes of a file. Raises Rejected."""
        if not _NAME.fullmatch(self.name) or self.name.startswith(".") or len(os.fsencode(self.name)) > 200:
            raise Rejected(400, "the file's name may not begin with a dot, nor contain / or \\, nor be longer than 200")
        if not 0 <= self.total <= largest:
            raise Rejected(413, f"a file may have {largest} bytes here")
        counts = (max(1, self.total // self.size), max(1, -(-self.total // self.size))) if self.size > 0 else ()
        if self.count not in counts or self.count > MAX_CHUNKS or not 1 <= self.number <= self.count:
            raise Rejected(400, f"the numbers of the chunks do not fit together, or there are more than {MAX_CHUNKS}")

    @property
    def start(self) -> int:
        """Where in the file it belongs."""
        return (self.number - 1) * self.size

    @property
    def length(self) -> int:
        """Bytes that it must have."""
        return self.total - self.start if self.number == self.count else self.size

    @property
    def key(self) -> str:
        """What its file is called until it is complete."""
        said = "\0".join((self.owner, self.name, str(self.total), str(self.size), str(self.count)))
        return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


class Stored(Struct, frozen=True):
    """What came of a chunk. before: chunks that were there. now: chunks that are. complete: whether the file is."""

    before: int
    now: int
    complete: bool


class Chunks:
    """The directories of an upload service.

    directory: of complete files. temporary: of others. mode: of complete files. overwrite: whether they may take the
    place of others. most: files that are begun. expires: seconds until one is thrown away.
    """

    def __init__(
        self, directory: Path, temporary: Path, mode: int, overwrite: bool, most: int, expires: float
    ) -> None:
        self._directory = directory
        self._temporary = temporary
        self._mode = mode
        self._overwrite = overwrite
        self._most = most
        self._expires = expires

    def has(self, chunk: Chunk) -> bool:
        """Whether a chunk is there already."""
        try:
            done = self._path(chunk, "done").read_bytes()
        except FileNotFoundError:
            return False
        return done[chunk.number - 1 : chunk.number] == b"\1"

    def store(self, chunk: Chunk, data: bytes) -> Stored:
        """Take a chunk. Raises Rejected, OSError."""
        target = self._directory / chunk.name
        if not self._overwrite and os.path.lexists(target):
            raise Rejected(409, "there is a file of that name")
        if len(data) != chunk.length:
            raise Rejected(400, f"the chunk has {len(data)} bytes; {chunk.length} would be right")
        part, done = self._path(chunk, "part"), self._path(chunk, "done")
        if not part.exists():
            done.unlink(missing_ok=True)
        if not done.exists():
            self._make_room()
        before = self._count(done)
        _write_at(part, data, chunk.start)
        _write_at(done, b"\1", chunk.number - 1)
        now = self._count(done)
        if now == chunk.count:
            self._complete(part, done, target)
        return Stored(before, now, now == chunk.count)

    def tidy(self) -> int:
        """Throw away what nobody goes on with. Result: how many files."""
        thrown = 0
        for path in list(self._temporary.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                if _OURS.fullmatch(path.name) and time.time() - path.stat().st_mtime > self._expires:
                    path.unlink()
                    thrown += path.suffix == ".part"
        return thrown

    def _path(self, chunk: Chunk, kind: str) -> Path:
        return self._temporary / f"{chunk.key}.{kind}"

    def _count(self, done: Path) -> int:
        try:
            return done.read_bytes().count(1)
        except FileNotFoundError:
            return 0

    def _make_room(self) -> None:
        if sum(path.suffix == ".done" for path in self._temporary.iterdir()) >= self._most:
            raise Rejected(503, "there are as many uploads under way as there may be; try again later")

    def _complete(self, part: Path, done: Path, target: Path) -> None:
        """Put a file where it belongs; after a power cut it is there whole or not at all."""
        with part.open("rb+") as file:
            os.fchmod(file.fileno(), self._mode)
            os.fsync(file.fileno())
        done.unlink()  # first: without the file it would tell of chunks that are not there
        if self._overwrite:
            part.replace(target)
            return
        try:
            os.link(part, target)  # unlike a rename, it fails if there is one by now
        except FileExistsError:
            raise Rejected(409, "there is a file of that name") from None
        finally:
            part.unlink()


def _write_at(path: Path, data: bytes, start: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while data:
            written = os.pwrite(fd, data, start)
            start, data = start + written, data[written:]
    finally:
        os.close(fd)
