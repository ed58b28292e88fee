"""What becomes of a database file that cannot be read: it stays, for those who know how to mend it."""

from __future__ import annotations

from pathlib import Path


def set_aside(path: Path) -> Path:
    """Rename a file of SQLite, with those that belong to it, so that a new one can be begun in its place.

    Result: what it is called now: `NAME.corrupt-1`, or the next number that is free. Raises OSError.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for end in ("-wal", "-shm"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + end))
    return aside
