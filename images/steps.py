"""Steps of a build: each says what it does and how long it took, and is not done again while nothing has changed.

A step's result is a path in the cache, named after what goes into it. It is made beside its place and moved there when
it is whole, so that an interrupted build is taken up where it was. What fails names what was missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from images.failures import explain
from images.version import ROOT

CACHE: Final = Path(os.environ.get("EDGE_ROUTER_CACHE", ROOT / "build" / "cache"))
DIST: Final = ROOT / "build" / "dist"
#: seconds between two signs of life
_TICK: Final = 1.0 if sys.stderr.isatty() else 60.0
#: seconds that a program has to clean up before it is killed
_PATIENCE: Final = 30.0
#: what programs say shall be what `failures` knows, and what they write the same everywhere
_LOCALE: Final = {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "TZ": "UTC", "PYTHONHASHSEED": "0"}


class BuildFailed(Exception):
    """A step cannot be done. The text says which, what was missing, and what would help."""


class NotThere(Exception):
    """What would have to be made, by one who only looks."""


class _State:
    """What has been said, and what is going on."""

    looking = False
    told: set[str] = set()
    running: list[tuple[str, float]] = []


def say(text: str) -> None:
    """One line of progress."""
    if not _State.looking:
        print(f"==> {text}", flush=True)


def tell(text: str) -> None:
    """What happens within a step."""
    if not _State.looking:
        print(f"    {text}", flush=True)


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

    make: makes it at the path it is given. Raises BuildFailed, NotThere to one who looks, and what `make` raises.
    """
    if _State.looking:
        if not (CACHE / name).exists():
            raise NotThere(_plain(name))
        return CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("ab") as lock:
        _wait_for(lock, _plain(name))  # whoever makes the same at this moment, makes it for both
        return _there_or_made(CACHE / name, make)


def missing(step: Callable[[], object]) -> str:
    """The first part of a step that would have to be made now, without its key; nothing if all is there."""
    _State.looking = True
    try:
        step()
    except NotThere as found:
        return str(found)
    finally:
        _State.looking = False
    return ""


def took(name: str) -> float | None:
    """Seconds that a step has taken here when it was last done. name: without its key."""
    try:
        return float((CACHE / f".{name}.took").read_text())
    except (OSError, ValueError):
        return None


def note(name: str, lasted: float) -> None:
    """Keep for the next time what a step has taken; on a full disk it is not kept."""
    with suppress(OSError):
        (CACHE / f".{name}.took").write_text(f"{lasted:.1f}")


def publish(place: Path, make: Callable[[Path], object]) -> Path:
    """Put a result at its place, whole or not at all, in place of an older one. make: makes it at the path it is given.

    Result: the place. Raises BuildFailed, and what `make` raises.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.parent.with_name(f".{place.parent.name}.lock").open("ab") as lock:
        _wait_for(lock, place.name)
        for left in place.parent.glob(f".{place.name}.[0-9]*"):
            remove(left)
        _make(place, make, place.name)
    return place


def _wait_for(lock: IO[bytes], name: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell(f"{name}: is being made by another build; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _there_or_made(place: Path, make: Callable[[Path], None]) -> Path:
    name = place.name
    os.utime(CACHE / f".{name}.lock")  # for `clear`: it is in use
    if place.exists():
        if name not in _State.told:
            tell(f"{_plain(name)}: is there")
        _State.told.add(name)
        return place
    for left in CACHE.glob(f".{name}.[0-9]*"):  # by a build that was killed
        remove(left)
    before = took(_plain(name))
    tell(f"{_plain(name)}: begun" + (f" (took {seconds(before)} before)" if before and before > _TICK else ""))
    began = time.monotonic()
    with _step(_plain(name)):
        _make(place, make, _plain(name))
    lasted = time.monotonic() - began
    note(_plain(name), lasted)
    tell(f"{_plain(name)}: done in {seconds(lasted)}, {megabytes(size(place))}")
    _State.told.add(name)
    return place


def _make(place: Path, make: Callable[[Path], object], name: str) -> None:
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    mask = os.umask(0o022)  # what is made has the same modes, whoever makes it
    try:
        make(beside)
        if place.is_dir():
            remove(place)
        beside.rename(place)
    except OSError as problem:
        remove(beside)
        raise BuildFailed(f"{name}: {explain(str(problem)) or problem}") from problem
    except BaseException:
        remove(beside)
        raise
    finally:
        os.umask(mask)


def _plain(name: str) -> str:
    """A name without its key."""
    return name.partition("-")[2]


def clear(older_than: float) -> int:
    """Remove from the cache what no build has used. older_than: days; for what has a newer one beside it, one day is
    enough. Result: bytes."""
    freed = 0
    used = {lock: lock.stat().st_mtime for lock in CACHE.glob(".*.lock")}
    last: dict[str, float] = {}
    for lock, when in used.items():
        last[_plain(lock.name)] = max(when, last.get(_plain(lock.name), 0.0))
    for lock, when in used.items():
        place = CACHE / lock.name[1:-5]
        age = time.time() - when
        limit = older_than if when == last[_plain(lock.name)] else min(older_than, 1.0)
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            stale = [place] if age > limit * 86_400 else []
            for each in (*CACHE.glob(f".{place.name}.[0-9]*"), *stale):
                freed += size(each)
                remove(each)
    return freed


@contextmanager
def _step(name: str) -> Iterator[None]:
    _State.running.append((name, time.monotonic()))
    try:
        yield
    finally:
        _State.running.pop()


def _alive() -> None:
    """A sign of life: on a terminal a line that changes, elsewhere one a minute."""
    if _State.running:
        name, began = _State.running[-1]
        text = f"    {name}: {seconds(time.monotonic() - began)} ..."
        print(
            f"{text}\033[K\r" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n", file=sys.stderr
        )
        sys.stderr.flush()


def remove(path: Path) -> None:
    """A file or a whole directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes in a file, or in the files of a directory; holes are none."""
    if not path.is_dir() or path.is_symlink():
        return _size(path)
    return sum(_size(Path(place, name)) for place, _, names in os.walk(path) for name in names)


def _size(file: Path) -> int:
    try:
        status = file.lstat()
    except OSError:  # gone meanwhile: another build's
        return 0
    return min(status.st_size, status.st_blocks * 512) if stat.S_ISREG(status.st_mode) else 0


def megabytes(octets: int) -> str:
    """For people."""
    return f"{octets / 1e6:.{2 if octets < 1e7 else 0}f} MB"


def seconds(lasted: float) -> str:
    """For people."""
    return f"{lasted:.0f} s" if lasted < 120 else f"{lasted // 60:.0f} min {lasted % 60:.0f} s"


def need(programs: Iterable[str]) -> None:
    """Raises BuildFailed if a program is not there. programs: with the Debian package as `program/package`."""
    wanted = sorted({name.partition("/")[2] or name for name in programs if not _found(name.partition("/")[0])})
    if wanted:
        raise BuildFailed(f"not installed here: {' '.join(wanted)}; `apt-get install {' '.join(wanted)}` as root")


def _found(program: str) -> bool:
    return any(shutil.which(program, path=path) for path in (None, "/usr/sbin:/sbin"))


def run(
    command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None, input: str = ""
) -> str:
    """Run a program. env: besides its surroundings here. input: what it reads. Result: its stdout.

    Raises BuildFailed with what was missing, if that is known, and the end of what it said.
    """
    words = [str(word) for word in command]
    surroundings = {**os.environ, **_LOCALE, **(env or {})}
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace", env=surroundings, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise BuildFailed(f"not installed here: {words[0]}") from None
    said, complained = _said(process, input)
    if process.returncode:
        known = explain(said + complained)
        what = known or "it is not known why; what it said last:"
        end = "\n".join(f"    {line[:300]}" for line in (said + complained).splitlines()[-6 if known else -20 :])
        raise BuildFailed(f"{' '.join(words)[:160]}: exit status {process.returncode}\n{what}\n{end}")
    return said


def _said(process: subprocess.Popen[str], input: str | None) -> tuple[str, str]:
    """Wait for it, with signs of life. It ends with whoever waits."""
    try:
        while True:
            try:
                return process.communicate(input, timeout=_TICK)
            except subprocess.TimeoutExpired:
                input = None  # it has that
                _alive()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[str]) -> None:
    """A program and all that it has started: in order, or at once if it takes too long or one more Ctrl-C came."""
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt, ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def complain(problem: BuildFailed | OSError) -> int:
    """Tell what went wrong. Result: the exit status."""
    known = explain(str(problem)) if isinstance(problem, OSError) else ""
    print(f"images: {problem}{chr(10) if known else ''}{known}", file=sys.stderr)
    return 1
