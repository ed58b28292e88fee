"""Our own Python, as pip installs it: a wheel and a source archive, the same octets from the same commit.

They are made by the setuptools that requirements.txt names, not by the one that is newest today. (PEP 517, PEP 625;
reproducible-builds.org, SOURCE_DATE_EPOCH.)
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final

from images.steps import BuildFailed, cached, key, remove, run
from images.version import ROOT, epoch

#: what is taken from PyPI, with the digest of each file
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
_PACKAGES: Final = ("edge_router", "bridges")
_FILES: Final = ("pyproject.toml", "README.md", "LICENSE")
_BACKEND: Final = """\
import sys
from setuptools import build_meta
place = sys.argv[1]
build_meta.build_sdist(place)
build_meta.build_wheel(place)
"""


def build() -> Path:
    """Make both. Result: the directory in which they are. Raises BuildFailed."""
    tools = _setuptools()
    parts = (*(ROOT / name for name in (*_PACKAGES, *_FILES)), REQUIREMENTS, Path(__file__))
    return cached(f"{key(str(epoch()), *parts)}-wheel", lambda place: _build(place, tools))


def files() -> tuple[Path, Path]:
    """The wheel and the source archive. Raises BuildFailed."""
    place = build()
    (wheel,), (source,) = place.glob("*.whl"), place.glob("*.tar.gz")
    return wheel, source


def pinned(name: str) -> str:
    """The lines of requirements.txt for one project, with its version and digests."""
    found = re.search(rf"^{name}==[^\\\n]*(?:\\\n[^\\\n]*)*", REQUIREMENTS.read_text(), re.M)
    if found is None:
        raise BuildFailed(f"{REQUIREMENTS}: has no {name}")
    return found[0] + "\n"


def pinned_version(name: str) -> str:
    """The version that requirements.txt has of a project."""
    return re.split(r"==|\s", pinned(name))[1]


def _setuptools() -> Path:
    lines = pinned("setuptools")

    def make(place: Path) -> None:
        wanted = place.with_name(place.name + ".txt")
        wanted.write_text(lines)
        try:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
            run([*command, "--no-compile", "--target", place, "--requirement", wanted])
        finally:
            wanted.unlink()

    return cached(f"{key(lines)}-setuptools", make)


def _build(place: Path, tools: Path) -> None:
    source = place.with_name(place.name + ".source")  # a build leaves things behind that the next one would take
    remove(source)
    source.mkdir()
    place.mkdir()
    try:
        for name in _PACKAGES:
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _FILES:
            shutil.copy(ROOT / name, source)
        for path in source.rglob("*"):  # a checkout has the modes that its owner's umask left
            path.chmod(0o755 if path.is_dir() else 0o644)
        environment = {"PYTHONPATH": str(tools), "PYTHONDONTWRITEBYTECODE": "1", "SOURCE_DATE_EPOCH": str(epoch())}
        run([sys.executable, "-S", "-c", _BACKEND, place], env=environment, cwd=source)
    finally:
        remove(source)
    (archive,) = place.glob("*.tar.gz")
    archive.write_bytes(_normal(archive.read_bytes()))


def _normal(archive: bytes) -> bytes:
    """A source archive without what depends on who made it, and when."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as before,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for info in sorted(before.getmembers(), key=lambda each: each.name):
            info.mtime, info.uid, info.gid, info.uname, info.gname = epoch(), 0, 0, "", ""
            info.mode = 0o755 if info.isdir() else 0o644
            info.pax_headers = {}
            after.addfile(info, before.extractfile(info) if info.isreg() else None)
    return gzip.compress(plain.getvalue(), 9, mtime=epoch())
