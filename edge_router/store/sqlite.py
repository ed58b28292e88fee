"""Retained events and event histories in an SQLite file, behind those in memory.

What changes is collected and written in one transaction now and then, by a thread of its own, so that a slow card never
holds up the router. The write-ahead log keeps the file whole whenever the power goes; what was changed since the last
transaction is lost then. What the file does not take (a full card) is written anew from memory as soon as it can be.

(SQLite: "Write-Ahead Logging", "PRAGMA synchronous".)
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from edge_router.config.schema import SqliteStore as Config
from edge_router.router.interfaces import Clock, Delayed
from edge_router.router.kept import Kept, Snapshot
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import PublishOptions

#: what `PRAGMA user_version` says of a file of ours
VERSION: Final = 1
#: bytes that wait to be written at most, whatever the configuration says
MOST_WAITING: Final = 4_194_304

_COLUMNS: Final = "topic, publication, time, encoding, args, kwargs, about"
_TABLES: Final = f"""
    BEGIN;
    CREATE TABLE retained (place INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL UNIQUE, publication INTEGER,
        time INTEGER, encoding TEXT, args BLOB, kwargs BLOB, about BLOB);
    CREATE TABLE history (place INTEGER PRIMARY KEY AUTOINCREMENT, pattern TEXT NOT NULL, topic TEXT,
        publication INTEGER, time INTEGER, encoding TEXT, args BLOB, kwargs BLOB, about BLOB);
    CREATE INDEX history_by_pattern ON history (pattern, place);
    PRAGMA user_version = {VERSION};
    COMMIT;
"""
_KEEP: Final = f"INSERT OR REPLACE INTO retained ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM retained WHERE topic = ?"
_APPEND: Final = f"INSERT INTO history (pattern, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_TRIM: Final = """
    DELETE FROM history WHERE place IN (SELECT place FROM history WHERE pattern = ? ORDER BY place LIMIT ?)
"""


class _About(Struct, array_like=True):
    """What of a record has no column of its own."""

    options: PublishOptions
    publisher: int
    publisher_authid: str | None
    publisher_authrole: str | None
    disclosed: bool


class _Changes:
    """What is to be written. retained: topic -> its event, or None. history: (pattern, event). trimmed: pattern -> of
    how many events it is to lose the oldest, afterwards. anew: everything that was there before goes.
    """

    def __init__(self, anew: bool = False) -> None:
        self.retained: dict[str, Kept | None] = {}
        self.history: list[tuple[str, Kept]] = []
        self.trimmed: Counter[str] = Counter()
        self.size = 0
        self.anew = anew

    def __len__(self) -> int:
        return len(self.retained) + len(self.history) + len(self.trimmed)


class SqliteStore:
    """The file of one realm.

    config: the realm's `store`. directory: the node directory. clock: for the next transaction. report: takes a
    sentence for the operator, about what went wrong.
    """

    def __init__(self, config: Config, directory: Path, clock: Clock, report: Callable[[str], None]) -> None:
        self.path = directory / config.path
        self._config = config
        self._clock = clock
        self._report = report
        self._changes = _Changes()
        self._timer: Delayed | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._failing = False
        self._snapshot: Callable[[], Snapshot] = dict

    # --- start and end -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or make the file; one that cannot be read is set aside. Raises OSError."""
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):  # a place where nothing can be opened, or a locked file
                raise OSError(str(problem)) from problem
            aside = self._set_aside()
            self._report(f"{self.path} cannot be read ({problem}); it is now {aside.name}, and a new one is begun")
            self._database = self._opened()
        self._thread = ThreadPoolExecutor(1, "store")

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {'FULL' if self._config.sync else 'NORMAL'}")
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                database.executescript(_TABLES)
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"it has version {version}, not {VERSION}")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _set_aside(self) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.corrupt-{number}")).exists():
            number += 1
        self.path.rename(aside)
        for end in ("-wal", "-shm"):
            beside = self.path.with_name(self.path.name + end)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + end))
        return aside

    def close(self) -> None:
        """Write what waits, and close the file. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._finish()
        self._submit(thread)
        thread.shutdown(wait=True)
        self._finish()
        self._database.close()

    # --- what the broker reads at the start ----------------------------------------------------------------------

    def retained(self) -> Iterator[Kept]:
        """The retained events, oldest publication first."""
        return self._records(f"SELECT {_COLUMNS} FROM retained ORDER BY place")

    def history(self, pattern: str) -> Iterator[Kept]:
        """The events of a pattern, oldest first."""
        return self._records(f"SELECT {_COLUMNS} FROM history WHERE pattern = ? ORDER BY place", pattern)

    def _records(self, query: str, *parameters: str) -> Iterator[Kept]:
        for row in self._database.execute(query, parameters).fetchall():
            try:
                yield _record(*row)
            except (msgspec.DecodeError, TypeError, KeyError) as problem:
                self._report(f"{self.path}: an event of {row[0]!r} cannot be read and is left out: {problem}")

    # --- what the broker tells -----------------------------------------------------------------------------------

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """snapshot: everything that the broker keeps, for when the file has to be written anew."""
        self._snapshot = snapshot

    def keep(self, record: Kept) -> None:
        """This is its topic's retained event now."""
        self._changes.retained.pop(record.topic, None)
        self._changes.retained[record.topic] = record
        self._changed(record.size)

    def forget(self, topic: str) -> None:
        """The topic has no retained event any more."""
        self._changes.retained[topic] = None
        self._changed(len(topic))

    def append(self, pattern: str, record: Kept) -> None:
        """One more event of a history."""
        self._changes.history.append((pattern, record))
        self._changed(record.size)

    def trim(self, pattern: str) -> None:
        """The oldest event of a history is gone."""
        self._changes.trimmed[pattern] += 1
        self._changed(0)

    def _changed(self, size: int) -> None:
        changes = self._changes
        changes.size += size
        if len(changes) >= self._config.max_buffer or changes.size >= MOST_WAITING:
            self.flush(wait=True)
        elif self._timer is None:
            self._timer = self._clock.callLater(self._config.buffer_flush / 1000, self._due)

    # --- writing -------------------------------------------------------------------------------------------------

    def flush(self, wait: bool = False) -> None:
        """Have the thread write what waits. wait: until it is done with what it had before; else that is left alone."""
        if self._thread is None or (self._writing is not None and not self._writing.done() and not wait):
            return
        self._finish()
        self._submit(self._thread)

    def settle(self) -> None:
        """Until everything is written."""
        self.flush(wait=True)
        self._finish()

    def _due(self) -> None:
        self._timer = None
        self.flush()
        if len(self._changes) or self._failing:
            self._timer = self._clock.callLater(self._config.buffer_flush / 1000, self._due)

    def _submit(self, thread: ThreadPoolExecutor) -> None:
        changes, self._changes = self._everything() if self._failing else self._changes, _Changes()
        if len(changes) or changes.anew:
            self._writing = thread.submit(self._write, changes)

    def _finish(self) -> None:
        """See how the last transaction went. One that failed is made good by writing everything anew."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        problem = writing.exception()
        if problem is not None and not self._failing:
            self._report(f"{self.path} cannot be written: {problem}; it will be tried again")
        elif problem is None and self._failing:
            self._report(f"{self.path} can be written again, and has everything")
        self._failing = problem is not None
        if self._failing and self._timer is None and self._thread is not None:
            self._timer = self._clock.callLater(self._config.buffer_flush / 1000, self._due)

    def _everything(self) -> _Changes:
        changes = _Changes(anew=True)
        for pattern, records in self._snapshot().items():
            if pattern is None:
                changes.retained = {record.topic: record for record in records}
            else:
                changes.history += [(pattern, record) for record in records]
        return changes

    def _write(self, changes: _Changes) -> None:
        """In the thread: one transaction."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            if changes.anew:
                database.execute("DELETE FROM retained")
                database.execute("DELETE FROM history")
            for topic, record in changes.retained.items():
                database.execute(_FORGET, (topic,)) if record is None else database.execute(_KEEP, _row(record))
            database.executemany(_APPEND, ((pattern, *_row(record)) for pattern, record in changes.history))
            database.executemany(_TRIM, changes.trimmed.items())
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _row(record: Kept) -> tuple[Any, ...]:
    about = _About(
        record.options, record.publisher, record.publisher_authid, record.publisher_authrole, record.disclosed
    )
    return (
        record.topic,
        record.publication,
        record.time,
        record.encoding,
        bytes(record.args),
        bytes(record.kwargs),
        msgspec.json.encode(about),
    )


def _record(
    topic: str, publication: int, time: int, encoding: str, args: bytes, kwargs: bytes, about: bytes
) -> Kept:
    """A row as a record. Raises msgspec.DecodeError, TypeError or KeyError."""
    more = msgspec.json.decode(about, type=_About)
    return Kept(
        publication,
        topic,
        time,
        CODECS[encoding].name,
        Raw(args),
        Raw(kwargs),
        more.options,
        more.publisher,
        more.publisher_authid,
        more.publisher_authrole,
        more.disclosed,
    )
