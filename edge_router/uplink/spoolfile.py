"""The SQLite file of an uplink's events. All of this runs in a thread, and may take its time.

A table a lane, in order, so that writing appends to it and what was sent goes from its beginning: few pages change. No
index, no row for a topic. The file has its bound, and gives back what it does not need.

(SQLite: "Write-Ahead Logging", "PRAGMA synchronous", "PRAGMA incremental_vacuum".)
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_router.store.aside import set_aside
from edge_router.uplink.spoolbatch import Batch, Found, Outcome
from edge_router.uplink.spoollane import Key
from edge_router.uplink.spoolrecord import Record, Start
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import PublishOptions

#: what `PRAGMA user_version` says of a file of ours
VERSION: Final = 1
#: rows that are dropped at a time when the file is full
DROPPED_AT_ONCE: Final = 64
#: free pages from which on the file is made smaller, and how many go at a time
MANY_FREE: Final = 256
#: it has to be free but for one of so many pages, as the others are moved for it
MOSTLY: Final = 8
#: bytes of payload that are loaded at a time, about
LOADED_AT_ONCE: Final = 262_144

_STARTS: Final = f"""
    BEGIN;
    CREATE TABLE starts (id INTEGER PRIMARY KEY, boot TEXT, kernel TEXT, base INTEGER, shift INTEGER);
    PRAGMA user_version = {VERSION};
    COMMIT;
"""
_LANE: Final = """
    CREATE TABLE IF NOT EXISTS {} (place INTEGER PRIMARY KEY, start INTEGER, time INTEGER, mono INTEGER, synced INTEGER,
        topic TEXT {}, encoding TEXT, args BLOB, kwargs BLOB, options BLOB, tries INTEGER)
"""
_INCREMENTAL: Final = 2
_PRAGMAS: Final = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "journal_size_limit = 4194304",
    "cache_size = -512",
)
_PLAIN: Final = PublishOptions()
_OPTIONS: Final = msgspec.msgpack.Decoder(PublishOptions)
_NAME: Final = re.compile(r"(all|last)(\d)")


class SpoolFile:
    """One file. path: where. max_bytes: its greatest size. sync: whether each write has to reach the disk. starts: by
    number; this start is 0, the ones in the file are added. written: bytes that were handed to the kernel so far; None
    where it does not say.
    """

    def __init__(self, path: Path, max_bytes: int, sync: bool, start: Start) -> None:
        self.path = path
        self.starts: dict[int, Start] = {0: start}
        self.first = 0
        self.written: int | None = None
        self._max_bytes = max_bytes
        self._sync = sync
        self._id = 0  # of this start in the file; 0 until it has a record there
        self._database: Any = None
        self._rows: dict[Key, int] = {}
        self._shift: int | None = None  # what the file says of this start
        self._unreadable: dict[Key, list[int]] = {}

    # --- start and end -----------------------------------------------------------------------------------------

    def open(self) -> Found:
        """Open or make the file; a damaged one is set aside. Raises OSError, sqlite3.Error."""
        self.close()
        aside = None
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as problem:
            if not is_damage(problem):
                raise
            aside = (set_aside(self.path), str(problem))
            self._database = self._opened()
        lanes = self._look()
        return Found(lanes, sum(self._rows.values()), self._bytes(), self._oldest(), aside)

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self.path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            if database.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
                database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # writes, each time
            for pragma in (*_PRAGMAS, f"synchronous = {'FULL' if self._sync else 'NORMAL'}"):
                database.execute(f"PRAGMA {pragma}").fetchall()
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                database.executescript(_STARTS)
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"it has version {version}, not {VERSION}")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def renew(self) -> Path:
        """The file turned out to be damaged: set it aside, and begin a new one. Raises OSError, sqlite3.Error."""
        self.close()
        aside = set_aside(self.path)
        self._database = self._opened()
        self._look()
        return aside

    def begin_anew(self, done: Collection[int]) -> bool:
        """Put a new file in the place of this one, if nothing is in it but what has arrived: a file that has filled its
        disk can be changed no more, not even to delete from it. done: numbers of what has arrived. Result: whether
        that was done. Raises OSError, sqlite3.Error.
        """
        if not all(self._are_all(key, [number + self.first for number in done]) for key in self._rows):
            return False
        self.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        self._database = self._opened()
        self._look()
        return True

    def close(self) -> None:
        """Close the file. Idempotent."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _look(self) -> dict[Key, int]:
        """See what there is. Result: key -> number of the last record."""
        query = self._database.execute
        own = self.starts[0]
        self._id = 0
        self._shift = None
        names = [name for (name,) in query("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
        keys = [key for key in map(_key, names) if key is not None]
        self._rows = {key: self._one(f"SELECT COUNT(*) FROM {_table(key)}") for key in keys}
        used = {key: self._one(f"SELECT MAX(place) FROM {_table(key)}") for key in keys if self._rows[key]}
        heads = [self._one(f"SELECT start FROM {_table(key)} ORDER BY place LIMIT 1") for key in used]
        unused = "SELECT id FROM starts" if not heads else f"SELECT id FROM starts WHERE id < {min(heads)}"
        if self._one(unused) is not None:  # records are in the order of starts
            query(unused.replace("SELECT id", "DELETE"))
        self.starts = {0: own}
        for number, *values in query("SELECT id, boot, kernel, base, shift FROM starts").fetchall():
            start = self.starts[number] = Start(*values)
            if start.kernel == own.kernel and start.shift is None:
                start.shift = own.shift
        self.first = own.base = max(used.values(), default=0)
        return {key: last - self.first for key, last in used.items()}

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, key: Key, after: int, until: int, limit: int) -> tuple[list[Record], int]:
        """The first records of a lane after a number. Result: records; and up to where there are no others."""
        query = f"SELECT * FROM {_table(key)} WHERE place > ? AND place <= ? ORDER BY place LIMIT ?"
        records: list[Record] = []
        seen = size = 0
        cursor = self._database.execute(query, (after + self.first, until + self.first, limit))
        for row in cursor:
            after = row[0] - self.first
            seen += 1
            try:
                records.append(self._record(after, *row[1:]))
            except (msgspec.DecodeError, TypeError, ValueError, KeyError):
                self._unreadable.setdefault(key, []).append(after)
                continue
            size += records[-1].size
            if size >= LOADED_AT_ONCE:
                break
        cursor.close()
        return records, after if seen == limit or size >= LOADED_AT_ONCE else until

    def _record(self, number: int, start: int, *row: Any) -> Record:
        """A row. Raises what shows that it is no record."""
        time, mono, synced, topic, encoding, args, kwargs, options, tries = row
        if start == self._id:
            start = 0
        elif start not in self.starts:
            raise KeyError(start)
        said = _OPTIONS.decode(options) if options else PublishOptions()
        name = CODECS[encoding].name
        return Record(
            number, start, str(topic), name, bytes(args), bytes(kwargs), said, time, mono, bool(synced), tries
        )

    def topics(self, key: Key, after: int, until: int, limit: int) -> tuple[list[tuple[str, int]], int]:
        """Which topics a lane has, over so many records. Result: (topic, its highest number); how far it looked."""
        first, last, table = after + self.first, until + self.first, _table(key)
        end = self._one(f"SELECT MAX(place) FROM (SELECT place FROM {table} WHERE place > {first} LIMIT {limit})")
        end = min(end, last) if end is not None else last
        rows = self._database.execute(
            f"SELECT topic, MAX(place) FROM {table} WHERE place > ? AND place <= ? GROUP BY topic", (first, end)
        )
        return [(topic, place - self.first) for topic, place in rows], end - self.first

    # --- writing -----------------------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> Outcome:
        """Write and delete, in one transaction; drop what is too old, or too much. Raises sqlite3.Error."""
        unreadable, self._unreadable = self._unreadable, {}
        with self._transaction():
            self._begin(batch)
            for key, numbers in (*batch.done.items(), *unreadable.items()):
                self._delete(key, [number + self.first for number in numbers])
            for key, records in batch.records.items():
                self._insert(key, records)
            old = 0 if batch.since is None else sum(self._drop_old(key, batch.since) for key in self._rows)
            full = self._drop_over()
        self._give_back()
        self.written = _written()
        lost = sum(map(len, unreadable.values()))
        return Outcome(sum(self._rows.values()), self._bytes(), self._oldest(), full, old, lost)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before = dict(self._rows), self._id, self._shift
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._rows, self._id, self._shift = before
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _begin(self, batch: Batch) -> None:
        """See that the lanes are there, and this start; that its clock is right is written when it is."""
        own, execute = self.starts[0], self._database.execute
        for key in batch.records:
            if key not in self._rows:
                execute(_LANE.format(_table(key), "UNIQUE" if key[0] == "last" else ""))
                self._rows[key] = 0
        if self._id == 0 and batch.records:
            values = (own.boot, own.kernel, own.base, own.shift)
            self._id = execute("INSERT INTO starts (boot, kernel, base, shift) VALUES (?, ?, ?, ?)", values).lastrowid
        if own.shift != self._shift:
            execute("UPDATE starts SET shift = ? WHERE kernel = ?", (own.shift, own.kernel))
            self._shift = own.shift

    def _insert(self, key: Key, records: list[Record]) -> None:
        table, many = _table(key), self._database.executemany
        if key[0] == "last":
            self._rows[key] -= many(f"DELETE FROM {table} WHERE topic = ?", ((r.topic,) for r in records)).rowcount
        rows = (self._row(record) for record in records)
        self._rows[key] += many(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * 11)})", rows).rowcount

    def _row(self, record: Record) -> tuple[Any, ...]:
        return (
            record.number + self.first,
            record.start or self._id,
            record.time,
            record.mono,
            record.synced,
            record.topic,
            record.encoding,
            record.args,
            record.kwargs,
            b"" if record.options == _PLAIN else msgspec.msgpack.encode(record.options),
            record.tries,
        )

    def _delete(self, key: Key, places: list[int]) -> None:
        if key not in self._rows:
            return
        if self._are_all(key, places):  # costs next to nothing, where deleting rows changes every page of theirs
            self._database.execute(f"DELETE FROM {_table(key)}")
            self._rows[key] = 0
        else:
            query = f"DELETE FROM {_table(key)} WHERE place = ?"
            self._rows[key] -= self._database.executemany(query, ((place,) for place in places)).rowcount

    def _are_all(self, key: Key, places: list[int]) -> bool:
        """Whether the lane has no others."""
        if len(places) < self._rows[key]:
            return False
        known = set(places)
        return all(place in known for (place,) in self._database.execute(f"SELECT place FROM {_table(key)}"))

    def _drop_old(self, key: Key, since: int) -> int:
        """Drop records of before; they are at the beginning, as long as clocks are right."""
        dropped = 0
        while True:
            heads = self._database.execute(
                f"SELECT place, start, time, mono, synced FROM {_table(key)} ORDER BY place LIMIT {DROPPED_AT_ONCE}"
            ).fetchall()
            old = [place for place, *row in heads if (self._right_time(*row) or since) < since]
            self._delete(key, old)
            dropped += len(old)
            if len(old) < DROPPED_AT_ONCE:
                return dropped

    def _drop_over(self) -> int:
        """Drop the oldest of the least important until the file has room. Result: how many."""
        dropped = 0
        while self._bytes() > self._max_bytes:
            key = min((key for key, rows in self._rows.items() if rows), key=_worth, default=None)
            if key is None:
                break
            before, table = self._rows[key], _table(key)
            query = f"DELETE FROM {table} WHERE place IN (SELECT place FROM {table} ORDER BY place LIMIT ?)"
            self._rows[key] -= self._database.execute(query, (DROPPED_AT_ONCE,)).rowcount
            dropped += before - self._rows[key]
        return dropped

    def _give_back(self) -> None:
        """Make the file smaller if nearly all of it is free, a piece at a time; else what is free will be used anew."""
        free, pages = self._one("PRAGMA freelist_count"), self._one("PRAGMA page_count")
        if free >= MANY_FREE and free * MOSTLY >= pages * (MOSTLY - 1):
            piece = 0 if not any(self._rows.values()) else MANY_FREE
            self._database.execute(f"PRAGMA incremental_vacuum({piece})").fetchall()

    # --- what there is -----------------------------------------------------------------------------------------

    def _one(self, query: str) -> Any:
        row = self._database.execute(query).fetchone()
        return row[0] if row else None

    def _bytes(self) -> int:
        """Bytes in use."""
        used: int = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return used * int(self._one("PRAGMA page_size"))

    def _oldest(self) -> int | None:
        """When the oldest record happened, in milliseconds since 1970."""
        query = "SELECT start, time, mono, synced FROM {} ORDER BY place LIMIT 1"
        heads = [self._database.execute(query.format(_table(key))).fetchone() for key, n in self._rows.items() if n]
        return min((self._time(*head) for head in heads if head), default=None)

    def _time(self, start: int, time: int, mono: int, synced: int) -> int:
        return self._right_time(start, time, mono, synced) or time

    def _right_time(self, start: int, time: int, mono: int, synced: int) -> int | None:
        """None: the clock was wrong, and nobody knows by how much."""
        if synced:
            return time
        known = self.starts.get(0 if start == self._id else start)
        return None if known is None or known.shift is None or mono < 0 else mono + known.shift


def is_damage(problem: BaseException | None) -> bool:
    """Whether the file is no good, and not just what is around it. (SQLITE_CORRUPT and SQLITE_NOTADB.)"""
    return type(problem) is sqlite3.DatabaseError


def _table(key: Key) -> str:
    return f"{key[0]}{key[1]}"


def _key(name: str) -> Key | None:
    found = _NAME.fullmatch(name)
    return None if found is None else ("all" if found[1] == "all" else "last", int(found[2]))


def _worth(key: Key) -> tuple[int, bool]:
    return key[1], key[0] == "last"


def _written() -> int | None:
    """Bytes that this thread has handed to the kernel (proc(5), /proc/PID/io: wchar)."""
    try:
        fields = Path("/proc/thread-self/io").read_text("ascii").split()
    except OSError:
        return None
    return int(fields[fields.index("wchar:") + 1])
