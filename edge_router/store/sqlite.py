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
from edge_router.router.arrivals import Source
from edge_router.router.interfaces import Clock, Delayed
from edge_router.router.kept import Kept, Snapshot
from edge_router.store.aside import set_aside
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import PublishOptions

#: what `PRAGMA user_version` says of a file of ours
VERSION: Final = 1
#: bytes that wait to be written at most, whatever the configuration says
MOST_WAITING: Final = 4_194_304
#: answers that wait for what they tell of to be written
MOST_CALLS: Final = 10_000
#: seconds: how soon that is begun, and between two looks whether it is done, at first and at most
SOON: Final = 0.002
SELDOM: Final = 0.02

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
#: files of before have no such table
_ARRIVALS: Final = """
    CREATE TABLE IF NOT EXISTS arrivals (place INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT, node TEXT, boot TEXT,
        topic TEXT, sequence INTEGER, UNIQUE (owner, node, boot, topic))
"""
_ARRIVED: Final = "INSERT OR REPLACE INTO arrivals (owner, node, boot, topic, sequence) VALUES (?, ?, ?, ?, ?)"
_UNKNOWN: Final = "DELETE FROM arrivals WHERE owner = ? AND node = ? AND boot = ? AND topic = ?"
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
    """What is to be written.

    retained: topic -> its event, or None. history: (pattern, event). trimmed: pattern -> of how many events it is to
    lose the oldest, afterwards. arrivals: source -> its highest sequence, or None. calls: what is to be done when all
    this is written. anew: everything that was there before goes, but the arrivals.
    """

    def __init__(self, anew: bool = False) -> None:
        self.retained: dict[str, Kept | None] = {}
        self.history: list[tuple[str, Kept]] = []
        self.trimmed: Counter[str] = Counter()
        self.arrivals: dict[Source, int | None] = {}
        self.calls: list[Callable[[], object]] = []
        self.size = 0
        self.anew = anew

    def __len__(self) -> int:
        return len(self.retained) + len(self.history) + len(self.trimmed) + len(self.arrivals) + len(self.calls)


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
        self._written = _Changes()
        self._soon: Delayed | None = None
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
            aside = set_aside(self.path)
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
            database.execute(_ARRIVALS)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Write what waits, and close the file. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        for timer in (self._timer, self._soon):
            if timer is not None:
                timer.cancel()
        self._timer = self._soon = None
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

    def arrivals(self) -> Iterator[tuple[Source, int]]:
        """The highest sequence of each source, the one longest unheard first."""
        for row in self._database.execute("SELECT owner, node, boot, topic, sequence FROM arrivals ORDER BY place"):
            yield row[:4], row[4]

    def _records(self, query: str, *parameters: str) -> Iterator[Kept]:
        for row in self._database.execute(query, parameters).fetchall():
            try:
                yield _record(*row)
            except (ValueError, TypeError, KeyError) as problem:
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

    def arrived(self, source: Source, sequence: int | None) -> None:
        """This is the highest sequence of a source now; None: it is forgotten."""
        self._changes.arrivals.pop(source, None)
        self._changes.arrivals[source] = sequence
        self._changed(0)

    def when_written(self, call: Callable[[], object]) -> None:
        """Call when all that was told until now is in the file, at once if it is; such changes do not wait long."""
        changes = self._changes
        if not len(changes) and not self._failing and self._writing is None:
            call()
            return
        if len(changes.calls) >= MOST_CALLS:
            del changes.calls[0]
        changes.calls.append(call)
        if self._soon is None and not self._failing:
            self._soon = self._clock.callLater(SOON, self._look, SOON)

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

    def _look(self, after: float) -> None:
        """Write what somebody waits for as soon as the thread is free. after: seconds since it was last looked."""
        self._soon = None
        if self._writing is not None and not self._writing.done():
            after = min(after * 2, SELDOM)
            self._soon = self._clock.callLater(after, self._look, after)
            return
        self.flush()
        if self._writing is not None and not self._failing:
            self._soon = self._clock.callLater(SOON, self._look, SOON)

    def _due(self) -> None:
        self._timer = None
        self.flush()
        if len(self._changes) or self._failing:
            self._timer = self._clock.callLater(self._config.buffer_flush / 1000, self._due)

    def _submit(self, thread: ThreadPoolExecutor) -> None:
        changes, self._changes = self._everything() if self._failing else self._changes, _Changes()
        if len(changes) or changes.anew:
            self._written = changes
            self._writing = thread.submit(self._write, changes)

    def _finish(self) -> None:
        """See how the last transaction went. One that failed is made good by writing everything anew."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        problem = writing.exception()
        written, self._written = self._written, _Changes()
        if problem is not None and not self._failing:
            self._report(f"{self.path} cannot be written: {problem}; it will be tried again")
        elif problem is None and self._failing:
            self._report(f"{self.path} can be written again, and has everything")
        self._failing = problem is not None
        if self._failing:
            self._changes.arrivals = {**written.arrivals, **self._changes.arrivals}
            self._changes.calls = (written.calls + self._changes.calls)[-MOST_CALLS:]
        if self._failing and self._timer is None and self._thread is not None:
            self._timer = self._clock.callLater(self._config.buffer_flush / 1000, self._due)
        if not self._failing:
            for call in written.calls:
                call()

    def _everything(self) -> _Changes:
        changes = _Changes(anew=True)
        changes.arrivals, changes.calls = self._changes.arrivals, self._changes.calls
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
            for source, sequence in changes.arrivals.items():
                if sequence is None:
                    database.execute(_UNKNOWN, source)
                else:
                    database.execute(_ARRIVED, (*source, sequence))
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
    """A row as a record. Raises ValueError (msgspec.DecodeError, UnicodeDecodeError), TypeError or KeyError."""
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
