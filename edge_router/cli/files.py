"""Writing configurations: a file that is there is never half written, and has the owner and mode it had."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_as(path: Path, text: str, like: Path) -> None:
    """Write a file in one step, so that a power cut leaves the old one or the new one.

    path: the file. like: the file whose mode and owner it gets. Raises OSError.
    """
    status = like.stat()
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            with suppress(PermissionError):  # only root gives files away
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), status.st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises OSError, which names it."""
    try:
        path.write_bytes(data)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def keep(path: Path) -> Path:
    """Copy a file beside itself under a name that is free: `.bak`, `.bak2`, ... Result: the copy. Raises OSError."""
    number = 1
    while (copy := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    write_as(copy, path.read_bytes().decode(), path)
    return copy
