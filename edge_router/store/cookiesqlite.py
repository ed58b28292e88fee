"""Remembered logins in an SQLite file. (SQLite: "Write-Ahead Logging".)"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from edge_router.config.schema import SqliteCookies
from edge_router.router.interfaces import Remembered

_TABLE = "CREATE TABLE IF NOT EXISTS logins (cookie TEXT PRIMARY KEY, login BLOB NOT NULL) WITHOUT ROWID"
_PUT = "INSERT OR REPLACE INTO logins VALUES (?, ?)"
_DROP = "DELETE FROM logins WHERE cookie = ?"


class CookieDatabase:
    """The file. config: where it is. directory: the node directory. report: takes a sentence for the operator."""

    def __init__(self, config: SqliteCookies, directory: Path, report: Callable[[str], object]) -> None:
        self.path = directory / config.path
        self._purge = config.purge_on_startup
        self._report = report
        self._database: sqlite3.Connection | None = None
        self._failing = False

    def open(self) -> Iterable[tuple[str, Remembered]]:
        """Open or make the file. One that is no such file is set aside."""
        try:
            try:
                return self._opened()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as problem:
                aside = self.path.with_name(self.path.name + ".corrupt")
                self.path.replace(aside)
                self._report(f"{self.path} cannot be read ({problem}); it is now {aside.name}, and a new one is begun")
                return self._opened()
        except (sqlite3.Error, OSError) as problem:
            self._failed(problem)
            return ()

    def _opened(self) -> list[tuple[str, Remembered]]:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(_TABLE)
            if self._purge:
                database.execute("DELETE FROM logins")
            rows = database.execute("SELECT cookie, login FROM logins").fetchall()
            found = [(key, msgspec.json.decode(login, type=Remembered)) for key, login in rows]
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            database.close()
            raise sqlite3.DatabaseError(f"a login in it is none: {problem}") from problem
        except sqlite3.Error:
            database.close()
            raise
        self._database = database
        return found

    def put(self, key: str, record: Remembered | None, live: Mapping[str, Remembered]) -> None:  # noqa: ARG002 - it has all
        """Write a login, or take it out. What does not work is told once."""
        if self._database is None:
            return
        try:
            if record is None:
                self._database.execute(_DROP, (key,))
            else:
                self._database.execute(_PUT, (key, msgspec.json.encode(record)))
            self._failing = False
        except sqlite3.Error as problem:
            self._failed(problem)

    def close(self) -> None:
        """Idempotent."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _failed(self, problem: Exception) -> None:
        if not self._failing:
            self._failing = True
            self._report(f"{self.path}: {problem}; logins are remembered while the node runs")
