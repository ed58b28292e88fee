"""Which directory a node lives in, and which file configures it; Crossbar's rules."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from zlib import crc32

FILES = ("config.yaml", "config.json")
#: the node that the Debian package has systemd run, and its configuration
SERVICE = Path("/var/lib/edge-router")
SERVICE_FILE = Path("/etc/edge-router/config.yaml")


def node_directory(cbdir: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The node directory: `--cbdir`, else `$CROSSBAR_DIR`, else `./.crossbar` if it exists, else `.`; but that of the
    service, if there is one and the current directory has no configuration.

    cbdir: as given on the command line; if it names a file, the file's directory is taken. Result: absolute; it need
    not exist.
    """
    named = cbdir or environ.get("CROSSBAR_DIR")
    if named:
        path = Path(named).expanduser()
        return (path.parent if _yes(path.is_file) else path).absolute()
    hidden = Path(".crossbar")
    if _yes(hidden.is_dir):
        return hidden.absolute()
    is_node = any(_yes(Path(name).is_file) for name in FILES)
    return SERVICE if not is_node and _yes(SERVICE_FILE.is_file) else Path().absolute()


def _yes(question: Callable[[], bool]) -> bool:
    """Whether it is so; no, too, where this user may not look: whoever opens the file then is told why."""
    try:
        return question()
    except OSError:
        return False


def config_file(
    directory: Path, config: str | Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """The configuration file: `--config`, else `$CROSSBAR_CONFIG`, else config.yaml, else config.json, else that of the
    service if the node is the service's, or that of edge-router@NAME.

    A config.yaml that nobody has touched since `init` wrote it leaves the place to a config.json: whoever follows
    a guide of Crossbar's writes that one. The first two are relative to the node directory. Result: the path; if there
    is none, that of config.yaml, so that opening it says what is missing.
    """
    named = config or environ.get("CROSSBAR_CONFIG")
    if named:
        return directory / Path(named).expanduser()
    there = [path for path in (directory / name for name in FILES) if _yes(path.is_file)]
    if len(there) > 1 and is_sealed(there[0]):
        return there[1]
    of_service = _of_service(directory)
    if not there and of_service is not None:
        return of_service
    return there[0] if there else directory / FILES[0]


def _of_service(directory: Path) -> Path | None:
    """The configuration of the service that has this directory: edge-router, or edge-router@NAME."""
    if directory == SERVICE:
        return SERVICE_FILE
    name = directory.name.removeprefix(f"{SERVICE.name}-")
    its = SERVICE_FILE.with_name(f"{name}.yaml")
    is_its = directory.parent == SERVICE.parent and name != directory.name and _yes(its.is_file)
    return its if is_its else None


def passed_over(path: Path) -> str | None:
    """What the operator should know of a configuration beside `path` that is not read; None if there is no other."""
    others = [path.with_name(name) for name in FILES if name != path.name]
    if path.name not in FILES or not _yes(others[0].is_file):
        return None
    if is_sealed(others[0]):
        return f"{others[0].name} is there too, as `init` wrote it, and is not read"
    return f"{others[0].name} is there too and is not read; delete one of the two, or name one by --config"


_SEAL = re.compile(r"^# init ([0-9a-f]{8}): [^\n]*\n", re.MULTILINE)
_SEALED = "# init {:08x}: as long as nothing here is changed, a config.json beside this file is read instead of it.\n"


def sealed(text: str) -> str:
    """A text with a line, below its first one, that tells whether anything was changed in it since."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{_SEALED.format(crc32(text.encode()))}{rest}"


def is_sealed(path: Path) -> bool:
    """Whether a file is as `sealed` made it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    match = _SEAL.search(text)
    return match is not None and int(match[1], 16) == crc32((text[: match.start()] + text[match.end() :]).encode())
