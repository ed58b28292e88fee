"""Remembered logins in a file: a JSON object a line, the last of a cookie counts.

Lines are appended as logins come, so a killed process loses none; when most lines say nothing any more, and at each
start, the file is written anew. Its mode is 0600. (Crossbar's has more lines each day, for ever.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_router.config.schema import FileCookies
from edge_router.router.interfaces import Remembered

#: lines that say nothing, which a file may have beyond as many as there are others
MOST_IDLE: Final = 100


class _Line(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """cookie: digest of its value. login: None: forgotten."""

    cookie: str
    login: Remembered | None = None


class CookieFile:
    """The file. config: where it is. directory: the node directory. report: takes a sentence for the operator."""

    def __init__(self, config: FileCookies, directory: Path, report: Callable[[str], object]) -> None:
        self.path = directory / config.filename
        self._purge = config.purge_on_startup
        self._report = report
        self._lines = 0
        self._file: Any = None
        self._failing = False

    def open(self) -> Iterable[tuple[str, Remembered]]:
        """Read the file, and write it anew with what counts. What is no line of ours is kept in a file beside it."""
        found: dict[str, Remembered] = {}
        try:
            text = b"" if self._purge else self._read()
            strange = self._parse(text, found)
            if strange:
                aside = self.path.with_name(self.path.name + ".unreadable")
                self._write(aside, text)
                self._report(f"{self.path} has {strange} lines that are no logins; all it had is now in {aside.name}")
            self._rewrite(found)
        except OSError as problem:
            self._failed(problem)
        return found.items()

    def put(self, key: str, record: Remembered | None, live: Mapping[str, Remembered]) -> None:
        """Append a line, or write all anew if that has become better. What does not work is told once."""
        try:
            if self._file is None or self._lines > 2 * len(live) + MOST_IDLE:
                self._rewrite(live)
                return
            self._file.write(_line(key, record))
            self._lines += 1
            self._failing = False
        except OSError as problem:
            self._failed(problem)

    def close(self) -> None:
        """Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _failed(self, problem: OSError) -> None:
        self.close()  # half a line may be at its end: the next one is written with all others
        if not self._failing:
            self._failing = True
            self._report(f"{self.path}: {problem.strerror}; logins are remembered while the node runs")

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def _parse(self, text: bytes, found: dict[str, Remembered]) -> int:
        """Take the lines that are whole. Result: how many are none of ours, but for a last one that was cut off."""
        strange = 0
        lines = text.split(b"\n")
        for place, line in enumerate(lines):
            try:
                read = msgspec.json.decode(line, type=_Line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                strange += bool(line) and place < len(lines) - 1
                continue
            found.pop(read.cookie, None)
            if read.login is not None:
                found[read.cookie] = read.login
        return strange

    def _rewrite(self, live: Mapping[str, Remembered]) -> None:
        self.close()
        self._write(self.path, b"".join(_line(key, record) for key, record in live.items()))
        self._file = self.path.open("ab", buffering=0)
        self._lines = len(live)

    @staticmethod
    def _write(path: Path, text: bytes) -> None:
        """A whole file in place of another, or nothing (rename(2))."""
        fresh = path.with_name(path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _line(key: str, record: Remembered | None) -> bytes:
    return msgspec.json.encode(_Line(key, record)) + b"\n"
