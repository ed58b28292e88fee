"""Steps of a build: each says what it does and how long it took, and is not done again while nothing has changed.

A step's result is a path in the cache, named after what goes into it. It is made beside its place and moved there when
it is whole, so that an interrupted build is taken up where it was. What fails names what was missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from images.version import ROOT

CACHE: Final = Path(os.environ.get("EDGE_ROUTER_CACHE", ROOT / "build" / "cache"))
DIST: Final = ROOT / "build" / "dist"


class BuildFailed(Exception):
    """A step cannot be done. The text says which, what was missing, and what would help."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"==> {text}", flush=True)


def key(*parts: str | bytes | Path) -> str:
    """A short name for what goes into a step. parts: texts, or files and directories, whose content counts."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(str(file.relative_to(part.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
        else:
            digest.update((part.encode() if isinstance(part, str) else part) + b"\0")
    return digest.hexdigest()[:16]


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """What a step has made, made now if it is not there. name: of the file or directory, with its `key` in it.

    make: makes it at the path it is given. Raises BuildFailed and what `make` raises.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever makes the same at this moment, makes it for both
        return _there_or_made(CACHE / name, make)


def _there_or_made(place: Path, make: Callable[[Path], None]) -> Path:
    name = place.name
    if place.exists():
        say(f"{name}: is there")
        return place
    beside = CACHE / f".{name}.{os.getpid()}"
    say(f"{name}: begun")
    began = time.monotonic()
    try:
        make(beside)
        beside.rename(place)
    except BaseException:
        remove(beside)
        raise
    say(f"{name}: done in {time.monotonic() - began:.0f} s")
    return place


def remove(path: Path) -> None:
    """A file or a whole directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def need(programs: Iterable[str]) -> None:
    """Raises BuildFailed if a program is not there. programs: with the Debian package as `program/package`."""
    missing = sorted({name.partition("/")[2] or name for name in programs if not shutil.which(name.partition("/")[0])})
    if missing:
        raise BuildFailed(f"not installed here: {' '.join(missing)}; `apt-get install {' '.join(missing)}` as root")


def run(command: Sequence[str | Path], **options: object) -> str:
    """Run a program. Result: its stdout. Raises BuildFailed with the end of what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise BuildFailed(f"{' '.join(words)[:300]}: exit status {done.returncode}\n{said}")
    return str(done.stdout)


def complain(problem: BuildFailed) -> int:
    """Tell what went wrong. Result: the exit status."""
    print(f"images: {problem}", file=sys.stderr)
    return 1
